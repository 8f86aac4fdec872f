/* Writes and reads the lines between the worker and a lane. */

#include "lib.h"
#include "str.h"
#include "strescape.h"
#include "str-sanitize.h"
#include "unichar.h"
#include "master-service.h"
#include "common-wire.h"

struct lane_wire_number {
	const char *name;
	size_t offset; /* of an uint64_t */
};

#define NUMBER(name) \
	{ \
#name, offsetof(struct lane_answer, name) \
	}

/* clang-format off */
static const struct lane_wire_number lane_wire_numbers[] = {
	NUMBER(before),
	NUMBER(after),
	NUMBER(folders),
	NUMBER(messages),
	NUMBER(bytes),
	NUMBER(limit),
	NUMBER(sieve),
};
/* clang-format on */

static const char *const lane_wire_statuses[] = {
	[LANE_OK] = "ok",
	[LANE_SKIP] = "skip",
	[LANE_FAIL] = "fail",
	[LANE_DROP] = "drop",
};

static void lane_wire_put_number(string_t *dest, const char *name, uint64_t n)
{
	/* what is 0 need not be said */
	if (n != 0)
		str_printfa(dest, "\t%s=%" PRIu64, name, n);
}

static void
lane_wire_put_text(string_t *dest, const char *name, const char *text)
{
	str_printfa(dest, "\t%s=", name);
	str_append_tabescaped(dest, text);
}

void lane_wire_put_version(string_t *dest)
{
	str_printfa(dest, "VERSION\t%s\t%u\t%u\n", LANE_SERVICE,
		    LANE_VERSION_MAJOR, LANE_VERSION_MINOR);
}

void lane_wire_put_request(string_t *dest, const struct lane_request *request)
{
	const struct action_request *action = &request->action;

	str_printfa(dest, "%u\t%s\t", request->seq,
		    action_name(action->action));
	str_append_tabescaped(dest, request->user);
	lane_wire_put_number(dest, "junk", action->junk_secs);
	lane_wire_put_number(dest, "trash", action->trash_secs);
	lane_wire_put_number(dest, "dry", action->dry_run ? 1 : 0);
	if (request->job != NULL)
		str_printfa(dest, "\tjob=%s", request->job);
	str_append_c(dest, '\n');
}

void lane_wire_put_item(string_t *dest, uint32_t seq,
			const struct action_message *item)
{
	str_printfa(dest, "%u\titem", seq);
	lane_wire_put_text(dest, "folder", item->folder);
	lane_wire_put_number(dest, "uid", item->uid);
	/* nothing was saved before there was time */
	lane_wire_put_number(dest, "saved", I_MAX(item->saved, 0));
	lane_wire_put_number(dest, "bytes", item->bytes);
	str_append_c(dest, '\n');
}

void lane_wire_put_answer(string_t *dest, uint32_t seq,
			  const struct lane_answer *answer)
{
	unsigned int i;

	str_printfa(dest, "%u\t%s", seq, lane_wire_statuses[answer->status]);
	if (answer->text != NULL) {
		lane_wire_put_text(dest, "text",
				   str_sanitize(answer->text, LANE_TEXT_MAX));
	}
	for (i = 0; i < N_ELEMENTS(lane_wire_numbers); i++) {
		const struct lane_wire_number *number = &lane_wire_numbers[i];

		lane_wire_put_number(dest, number->name,
				     *(const uint64_t *)CONST_PTR_OFFSET(
					     answer, number->offset));
	}
	str_append_c(dest, '\n');
}

int lane_wire_get_version(const char *line, const char **error_r)
{
	if (!version_string_verify(line, LANE_SERVICE, LANE_VERSION_MAJOR)) {
		*error_r = t_strdup_printf("not a VERSION %s %u: %s",
					   LANE_SERVICE, LANE_VERSION_MAJOR,
					   str_sanitize(line, 80));
		return -1;
	}
	return 0;
}

/* The user is bytes of Dovecot's userdb; what is not UTF-8 names nobody. */
static bool lane_wire_user_is_valid(const char *user)
{
	const char *p;

	for (p = user; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return FALSE;
	}
	return *user != '\0' && strlen(user) <= LANE_USER_MAX &&
	       uni_utf8_str_is_valid(user);
}

/* "name=value" */
static int
lane_wire_split(const char *field, const char **name_r, const char **value_r)
{
	const char *equals = strchr(field, '=');

	if (equals == NULL)
		return -1;
	*name_r = t_strdup_until(field, equals);
	*value_r = equals + 1;
	return 0;
}

static int lane_wire_get_option(const char *field, struct lane_request *request)
{
	struct action_request *action = &request->action;
	const char *name, *value;

	if (lane_wire_split(field, &name, &value) < 0)
		return -1;
	if (strcmp(name, "junk") == 0)
		return str_to_uint(value, &action->junk_secs);
	if (strcmp(name, "trash") == 0)
		return str_to_uint(value, &action->trash_secs);
	if (strcmp(name, "dry") == 0 && strcmp(value, "1") == 0) {
		action->dry_run = TRUE;
		return 0;
	}
	/* it becomes part of a path */
	if (strcmp(name, "job") == 0 && *value != '\0' &&
	    strspn(value, "0123456789abcdef") == strlen(value)) {
		request->job = value;
		return 0;
	}
	return -1;
}

int lane_wire_get_request(const char *line, struct lane_request *request_r,
			  const char **error_r)
{
	const char *const *fields = t_strsplit_tabescaped(line);
	struct action_request *action = &request_r->action;

	i_zero(request_r);
	if (str_array_length(fields) < 3 ||
	    str_to_uint32(fields[0], &request_r->seq) < 0) {
		*error_r = t_strdup_printf("not a request: %s",
					   str_sanitize(line, 80));
		return -1;
	}
	if (!action_find(fields[1], &action->action)) {
		*error_r = t_strdup_printf("unknown action: %s",
					   str_sanitize(fields[1], 80));
		return 0;
	}
	if (!lane_wire_user_is_valid(fields[2])) {
		*error_r = t_strdup_printf("not the name of a user: %s",
					   str_sanitize(fields[2], 80));
		return 0;
	}
	request_r->user = fields[2];
	for (fields += 3; *fields != NULL; fields++) {
		if (lane_wire_get_option(*fields, request_r) < 0) {
			*error_r = t_strdup_printf("unknown option: %s",
						   str_sanitize(*fields, 80));
			return 0;
		}
	}
	return 1;
}

static int lane_wire_get_item(const char *field, struct action_message *item)
{
	const char *name, *value;

	if (lane_wire_split(field, &name, &value) < 0)
		return -1;
	if (strcmp(name, "folder") == 0) {
		item->folder = value;
		return 0;
	}
	if (strcmp(name, "uid") == 0)
		return str_to_uint32(value, &item->uid);
	if (strcmp(name, "saved") == 0) {
		if (str_to_time(value, &item->saved) < 0)
			return -1;
		return item->saved < 0 ? -1 : 0;
	}
	if (strcmp(name, "bytes") == 0)
		return str_to_uint64(value, &item->bytes);
	return -1;
}

static int lane_wire_get_answer(const char *field, struct lane_answer *answer)
{
	const char *name, *value;
	unsigned int i;

	if (lane_wire_split(field, &name, &value) < 0)
		return -1;
	if (strcmp(name, "text") == 0) {
		answer->text = value;
		return 0;
	}
	for (i = 0; i < N_ELEMENTS(lane_wire_numbers); i++) {
		const struct lane_wire_number *number = &lane_wire_numbers[i];

		if (strcmp(number->name, name) == 0) {
			return str_to_uint64(
				value, PTR_OFFSET(answer, number->offset));
		}
	}
	return -1;
}

static int lane_wire_get_kind(const char *kind, struct lane_reply *reply)
{
	unsigned int i;

	if (strcmp(kind, "item") == 0) {
		reply->is_item = TRUE;
		reply->item.folder = "";
		return 0;
	}
	for (i = 0; i < N_ELEMENTS(lane_wire_statuses); i++) {
		if (strcmp(kind, lane_wire_statuses[i]) == 0) {
			reply->answer.status = i;
			return 0;
		}
	}
	return -1;
}

int lane_wire_get_reply(const char *line, struct lane_reply *reply_r,
			const char **error_r)
{
	const char *const *fields = t_strsplit_tabescaped(line);

	i_zero(reply_r);
	if (str_array_length(fields) < 2 ||
	    str_to_uint32(fields[0], &reply_r->seq) < 0 ||
	    lane_wire_get_kind(fields[1], reply_r) < 0) {
		*error_r = t_strdup_printf("not an answer: %s",
					   str_sanitize(line, 80));
		return -1;
	}
	for (fields += 2; *fields != NULL; fields++) {
		if ((reply_r->is_item ?
			     lane_wire_get_item(*fields, &reply_r->item) :
			     lane_wire_get_answer(*fields, &reply_r->answer)) <
		    0) {
			*error_r = t_strdup_printf("not in an answer: %s",
						   str_sanitize(*fields, 80));
			return -1;
		}
	}
	return 0;
}

void lane_wire_fill_answer(struct lane_answer *answer,
			   const struct action_result *result)
{
	answer->before = result->before;
	answer->after = result->after;
	answer->folders = result->folders;
	answer->messages = result->messages;
	answer->bytes = result->bytes;
	answer->limit = result->limit;
	answer->sieve = result->sieve;
}
