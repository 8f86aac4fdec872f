/* Keeps the errors that Dovecot logs. */

#include "lib.h"
#include "action-log.h"

static failure_callback_t *action_log_next;
static char *action_log_text;

static void ATTR_FORMAT(2, 0)
	action_log_error(const struct failure_context *ctx, const char *format,
			 va_list args)
{
	va_list copy;

	if (ctx->type == LOG_TYPE_ERROR && action_log_text == NULL) {
		va_copy(copy, args);
		action_log_text = i_strdup_vprintf(format, copy);
		va_end(copy);
	}
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
	i_free(action_log_text);
}

void action_log_begin(void)
{
	i_free(action_log_text);
}

const char *action_log_first(void)
{
	return action_log_text;
}

const char *action_log_explain(const char *error)
{
	if (action_log_text != NULL && strstr(error, "server log") != NULL)
		return action_log_text;
	return error;
}
