/* doveadm mailportal: one user after the other. */

#include "lib.h"
#include "istream.h"
#include "lib-signals.h"
#include "doveadm.h"
#include "doveadm-print.h"
#include "action-log.h"
#include "action.h"
#include "compat.h"
#include "doveadm-private.h"

struct doveadm_action_column {
	const char *key, *title;
	size_t offset; /* of an uint64_t in struct action_result */
};

#define COLUMN(key, title) \
	{ \
#key, title, offsetof(struct action_result, key) \
	}

/* clang-format off */
static const struct doveadm_action_column doveadm_recalc_columns[] = {
	COLUMN(before, "Before"),
	COLUMN(after, "After"),
	COLUMN(messages, "Messages"),
	COLUMN(limit, "Limit"),
	{ NULL, NULL, 0 }
};
static const struct doveadm_action_column doveadm_resync_columns[] = {
	COLUMN(folders, "Folders"),
	COLUMN(messages, "Messages"),
	{ NULL, NULL, 0 }
};
static const struct doveadm_action_column doveadm_usage_columns[] = {
	COLUMN(bytes, "Bytes"),
	COLUMN(messages, "Messages"),
	COLUMN(limit, "Limit"),
	COLUMN(sieve, "Scripts"),
	{ NULL, NULL, 0 }
};
/* clang-format on */

/* ACTION_CLEAR has a row for each message instead */
static const struct doveadm_action_column *const doveadm_action_columns[] = {
	[ACTION_RECALC] = doveadm_recalc_columns,
	[ACTION_RESYNC] = doveadm_resync_columns,
	[ACTION_CLEAR] = NULL,
	[ACTION_USAGE] = doveadm_usage_columns,
};

struct doveadm_action {
	const struct action_request *request;
	struct compat_storage *storage;
	const char *username;
};

static volatile sig_atomic_t doveadm_action_signal;

static void
doveadm_action_signalled(const siginfo_t *si, void *context ATTR_UNUSED)
{
	doveadm_action_signal = si->si_signo;
}

static void doveadm_action_failed(const char *error, int exit_code)
{
	i_error("%s", error);
	/* of several reasons, the one for which it is worth to try again */
	if (doveadm_exit_code == 0 || exit_code == EX_TEMPFAIL)
		doveadm_exit_code = exit_code;
}

static void doveadm_action_headers(enum action action)
{
	const struct doveadm_action_column *column =
		doveadm_action_columns[action];
	const enum doveadm_print_header_flags number =
		DOVEADM_PRINT_HEADER_FLAG_RIGHT_JUSTIFY |
		DOVEADM_PRINT_HEADER_FLAG_NUMBER;

	doveadm_print_init(DOVEADM_PRINT_TYPE_TABLE);
	doveadm_print_header("username", "Username", 0);
	if (column == NULL) {
		doveadm_print_header("folder", "Folder", 0);
		doveadm_print_header("uid", "UID", number);
		doveadm_print_header("saved", "Saved", 0);
		doveadm_print_header("bytes", "Bytes", number);
		return;
	}
	for (; column->key != NULL; column++)
		doveadm_print_header(column->key, column->title, number);
}

static void
doveadm_action_message(const struct action_message *message, void *context)
{
	const struct doveadm_action *action = context;

	doveadm_print(action->username);
	doveadm_print(message->folder);
	doveadm_print_num(message->uid);
	doveadm_print(unixdate2str(message->saved));
	doveadm_print_num(message->bytes);
}

static void doveadm_action_row(const struct doveadm_action *action,
			       const struct action_result *result)
{
	const struct doveadm_action_column *column =
		doveadm_action_columns[action->request->action];
	const uint64_t *value;

	if (column == NULL)
		return;
	doveadm_print(action->username);
	for (; column->key != NULL; column++) {
		value = CONST_PTR_OFFSET(result, column->offset);
		doveadm_print_num(*value);
	}
}

static void
doveadm_action_run(struct doveadm_action *action, struct mail_user *user)
{
	struct action_result result;
	const char *error;
	int ret;

	i_zero(&result);
	result.message = doveadm_action_message;
	result.context = action;
	ret = action_run(user, action->request, &result, &error);
	compat_user_close(action->storage, &user);
	doveadm_action_row(action, &result);
	if (ret < 0)
		doveadm_action_failed(error, EX_TEMPFAIL);
}

static void doveadm_action_user(struct doveadm_action *action)
{
	struct mail_user *user;
	const char *error;

	action_log_begin();
	switch (compat_user_open(action->storage, action->username,
				 action->request->action != ACTION_RESYNC,
				 &user, &error)) {
	case COMPAT_USER_OPEN:
		doveadm_action_run(action, user);
		break;
	case COMPAT_USER_NEW:
		if (doveadm_verbose)
			i_info("%s", error);
		break;
	case COMPAT_USER_MISSING:
		doveadm_action_failed(error, EX_NOUSER);
		break;
	case COMPAT_USER_FAILED:
		doveadm_action_failed(action_log_explain(error), EX_TEMPFAIL);
		break;
	}
}

/* FALSE: a signal wants us to end */
static bool
doveadm_action_next(struct doveadm_action *action, const char *username)
{
	if (doveadm_action_signal != 0) {
		i_error("ended by signal %d", (int)doveadm_action_signal);
		doveadm_exit_code = EX_TEMPFAIL;
		return FALSE;
	}
	T_BEGIN {
		action->username = username;
		i_set_failure_prefix("doveadm(%s): ", username);
		doveadm_action_user(action);
		i_set_failure_prefix("doveadm: ");
	}
	T_END;
	return TRUE;
}

static void doveadm_action_all(struct doveadm_action *action, const char *mask)
{
	const char *username, *error;

	compat_users_begin(action->storage, mask);
	while (compat_users_next(action->storage, &username, &error)) {
		if (!doveadm_action_next(action, username))
			return;
	}
	if (error != NULL)
		doveadm_action_failed(error, EX_TEMPFAIL);
}

static void
doveadm_action_file(struct doveadm_action *action, struct istream *input)
{
	const char *username;

	while ((username = i_stream_read_next_line(input)) != NULL) {
		if (!doveadm_action_next(action, username))
			return;
	}
	if (input->stream_errno != 0) {
		doveadm_action_failed(i_stream_get_error(input), EX_TEMPFAIL);
	}
}

static void doveadm_action_users(struct doveadm_action *action,
				 struct doveadm_cmd_context *cctx)
{
	struct istream *input;
	const char *user;
	bool all = FALSE;

	(void)doveadm_cmd_param_bool(cctx, "all-users", &all);
	if (all)
		doveadm_action_all(action, NULL);
	else if (doveadm_cmd_param_istream(cctx, "user-file", &input))
		doveadm_action_file(action, input);
	else if (!doveadm_cmd_param_str(cctx, "user", &user))
		i_unreached();
	else if (strpbrk(user, "*?") != NULL)
		doveadm_action_all(action, user);
	else
		(void)doveadm_action_next(action, user);
}

/* One of them, for who names a user and all has meant one of the two. */
static bool doveadm_action_has_users(struct doveadm_cmd_context *cctx)
{
	struct istream *input;
	const char *user = NULL;
	unsigned int given = 0;
	bool all = FALSE;

	if (doveadm_cmd_param_bool(cctx, "all-users", &all) && all)
		given++;
	if (doveadm_cmd_param_istream(cctx, "user-file", &input))
		given++;
	if (doveadm_cmd_param_str(cctx, "user", &user))
		given++;

	if (given == 0 || (user != NULL && *user == '\0')) {
		doveadm_mailportal_usage(
			"-u, -A or -F is wanted: whose mailboxes");
		return FALSE;
	}
	if (given > 1) {
		doveadm_mailportal_usage("only one of -u, -A and -F is wanted: "
					 "whose mailboxes");
		return FALSE;
	}
	return TRUE;
}

void doveadm_mailportal_run(struct doveadm_cmd_context *cctx,
			    const struct action_request *request)
{
	struct doveadm_action action = {.request = request};

	if (!doveadm_mailportal_begin() || !doveadm_action_has_users(cctx))
		return;
	/* a user that was begun is finished */
	if (cctx->conn_type == DOVEADM_CONNECTION_TYPE_CLI) {
		lib_signals_set_handler(SIGINT, 0, doveadm_action_signalled,
					NULL);
		lib_signals_set_handler(SIGTERM, 0, doveadm_action_signalled,
					NULL);
	}
	doveadm_action_headers(request->action);
	action_log_init();
	action.storage = compat_storage_init("doveadm");
	doveadm_action_users(&action, cctx);
	doveadm_print_flush();
	compat_storage_deinit(&action.storage);
	action_log_deinit();
}
