/* Keeps the errors that Dovecot logs. */

#include "lib.h"
#include "action-log.h"

/* Other errors may come of what is being mended. */
static const int action_log_troubles[] = {
	EACCES, EPERM,	EIO,	ENOSPC, EDQUOT,
	EROFS,	ESTALE, EMFILE, ENFILE, ENOMEM,
};

static failure_callback_t *action_log_next;
static char *action_log_first, *action_log_first_trouble;

static bool action_log_is_trouble(const char *text)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(action_log_troubles); i++) {
		if (strstr(text, strerror(action_log_troubles[i])) != NULL)
			return TRUE;
	}
	return FALSE;
}

static void action_log_keep(const char *text)
{
	if (action_log_first == NULL)
		action_log_first = i_strdup(text);
	if (action_log_first_trouble == NULL && action_log_is_trouble(text))
		action_log_first_trouble = i_strdup(text);
}

static void ATTR_FORMAT(2, 0)
	action_log_error(const struct failure_context *ctx, const char *format,
			 va_list args)
{
	va_list copy;

	if (ctx->type == LOG_TYPE_ERROR)
		T_BEGIN {
			va_copy(copy, args);
			action_log_keep(t_strdup_vprintf(format, copy));
			va_end(copy);
		}
	T_END;
	action_log_next(ctx, format, args);
}

void action_log_init(void)
{
	failure_callback_t *fatal, *info, *debug;

	i_get_failure_handlers(&fatal, &action_log_next, &info, &debug);
	i_set_error_handler(action_log_error);
}

void action_log_deinit(void)
{
	i_set_error_handler(action_log_next);
	action_log_begin();
}

void action_log_begin(void)
{
	i_free(action_log_first);
	i_free(action_log_first_trouble);
}

const char *action_log_trouble(void)
{
	return action_log_first_trouble;
}

const char *action_log_explain(const char *error)
{
	if (action_log_first != NULL && strstr(error, "server log") != NULL)
		return action_log_first;
	return error;
}
