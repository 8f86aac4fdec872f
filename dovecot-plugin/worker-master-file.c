/* The passwd-file of the master password, to text and back. */

#include "lib.h"
#include "str.h"
#include "strnum.h"
#include "mp_time.h"
#include "worker-master-file.h"

#define HASH_MAX 127

/* A login takes no more than this of Dovecot's auth process. */
#define HASH_MEMORY_MAX (256 * 1024)
#define HASH_PASSES_MAX 16
#define HASH_LANES_MAX 16

#define FILE_TAG "# mailportal version="

static bool is_of(const char *text, const char *chars)
{
	return text[0] != '\0' && text[strspn(text, chars)] == '\0';
}

static bool is_name(const char *name)
{
	return strlen(name) < sizeof(((struct worker_master_file *)0)->name) &&
	       is_of(name, "abcdefghijklmnopqrstuvwxyz"
			   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
}

static bool is_base64(const char *text)
{
	return is_of(text, "abcdefghijklmnopqrstuvwxyz"
			   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/");
}

/* "m=65536,t=2,p=1" */
static bool hash_cost_check(const char *text)
{
	static const struct {
		const char *name;
		unsigned int max;
	} costs[] = {
		{"m=", HASH_MEMORY_MAX},
		{"t=", HASH_PASSES_MAX},
		{"p=", HASH_LANES_MAX},
	};
	const char *const *args = t_strsplit(text, ",");
	unsigned int i, n;

	if (str_array_length(args) != N_ELEMENTS(costs))
		return FALSE;
	for (i = 0; i < N_ELEMENTS(costs); i++) {
		if (!str_begins(args[i], costs[i].name) ||
		    str_to_uint(args[i] + strlen(costs[i].name), &n) < 0 ||
		    n == 0 || n > costs[i].max)
			return FALSE;
	}
	return TRUE;
}

bool worker_master_hash_check(const char *hash)
{
	const char *const *parts = t_strsplit(hash, "$");

	return strlen(hash) <= HASH_MAX && str_array_length(parts) == 6 &&
	       parts[0][0] == '\0' && strcmp(parts[1], "argon2id") == 0 &&
	       strcmp(parts[2], "v=19") == 0 && hash_cost_check(parts[3]) &&
	       is_base64(parts[4]) && is_base64(parts[5]);
}

/* "-" stands for nothing */
static const char *or_none(const char *text)
{
	return text[0] == '\0' ? "-" : text;
}

static bool
take_name(char *name_r, size_t size, const char *arg, const char *key)
{
	const char *name;

	if (arg == NULL || !str_begins(arg, key))
		return FALSE;
	name = arg + strlen(key);
	if (strcmp(name, "-") == 0)
		name = "";
	else if (!is_name(name) && strcmp(name, WORKER_MASTER_MANY) != 0)
		return FALSE;
	return i_strocpy(name_r, name, size) == 0;
}

static bool take_expires(int64_t *expires_r, const char *arg)
{
	static const char *const key = "expires=";

	if (arg == NULL || !str_begins(arg, key))
		return FALSE;
	arg += strlen(key);
	*expires_r = 0;
	return strcmp(arg, "-") == 0 ||
	       mp_time_parse(expires_r, arg, strlen(arg));
}

bool worker_master_file_parse(struct worker_master_file *file_r,
			      const char *text)
{
	const char *const *args;
	unsigned int count;

	i_zero(file_r);
	if (!str_begins(text, FILE_TAG))
		return FALSE;

	args = t_strsplit(t_strcut(text + strlen(FILE_TAG), '\n'), " ");
	count = str_array_length(args);
	if (count == 5 && str_to_uint64(args[0], &file_r->version) == 0 &&
	    take_name(file_r->epoch, sizeof(file_r->epoch), args[1],
		      "epoch=") &&
	    take_expires(&file_r->expires, args[2]) &&
	    take_name(file_r->name, sizeof(file_r->name), args[3], "name=") &&
	    take_name(file_r->was, sizeof(file_r->was), args[4], "was="))
		return TRUE;

	i_zero(file_r);
	return FALSE;
}

static bool render_user(string_t *str, const char *name, const char *hash,
			const struct mp_nets *nets, const char **error_r)
{
	unsigned int i;

	if (!is_name(name)) {
		*error_r = "the name cannot stand in a passwd-file";
		return FALSE;
	}
	if (!worker_master_hash_check(hash)) {
		*error_r = "the password in Redis is not an argon2id hash";
		return FALSE;
	}
	str_printfa(str, "%s:{ARGON2ID}%s::::::" WORKER_MASTER_FIELD "=%s",
		    name, hash, name);

	for (i = 0; i < nets->count; i++) {
		if (!is_of(nets->net[i], "0123456789abcdefABCDEF.:/")) {
			*error_r = "a network cannot stand in a passwd-file";
			return FALSE;
		}
		str_append(str, i == 0 ? " allow_nets=" : ",");
		str_append(str, nets->net[i]);
	}
	str_append_c(str, '\n');
	return TRUE;
}

bool worker_master_file_render(const struct worker_master_file *file,
			       const char *hash, const struct mp_nets *nets,
			       const char **text_r, const char **error_r)
{
	string_t *str = t_str_new(512);
	char expires[MP_TIME_SIZE];

	if (file->expires != 0)
		mp_time_format(expires, file->expires);
	str_printfa(str,
		    FILE_TAG "%" PRIu64 " epoch=%s expires=%s name=%s "
			     "was=%s\n",
		    file->version, or_none(file->epoch),
		    file->expires != 0 ? expires : "-", or_none(file->name),
		    or_none(file->was));
	str_append(str, "# mailportal-worker makes this file of the portal's "
			"settings, and makes it anew.\n");

	*text_r = str_c(str);
	if (file->name[0] == '\0')
		return TRUE;
	if (!render_user(str, file->name, hash, nets, error_r))
		return FALSE;
	*text_r = str_c(str);
	return TRUE;
}
