/* What is done to one user's mailboxes. */

#include "lib.h"
#include "action-log.h"
#include "action-private.h"

void action_errors_add(struct action_errors *errors, const char *what,
		       const char *error)
{
	if (errors->count++ == 0) {
		errors->first = i_strdup_printf("%s: %s", what,
						action_log_explain(error));
	}
}

int action_errors_return(struct action_errors *errors, const char **error_r)
{
	if (errors->count == 0)
		return 0;
	if (errors->count == 1) {
		*error_r = t_strdup(errors->first);
	} else {
		*error_r = t_strdup_printf("%s (and %u more)", errors->first,
					   errors->count - 1);
	}
	i_free(errors->first);
	return -1;
}

static int action_run_one(struct mail_user *user,
			  const struct action_request *request,
			  struct action_result *result, const char **error_r)
{
	switch (request->action) {
	case ACTION_RECALC:
		return action_recalc(user, result, error_r);
	case ACTION_RESYNC:
		return action_resync(user, result, error_r);
	case ACTION_CLEAR:
		return action_clear(user, request, result, error_r);
	case ACTION_USAGE:
		return action_usage(user, result, error_r);
	}
	i_unreached();
}

int action_run(struct mail_user *user, const struct action_request *request,
	       struct action_result *result, const char **error_r)
{
	const char *trouble;
	int ret;

	/* a home without mail: there may be Sieve scripts */
	if (request->action != ACTION_USAGE && !action_folders_exist(user))
		return 0;

	ret = action_run_one(user, request, result, error_r);
	trouble = action_log_trouble();
	if (ret == 0 && trouble != NULL) {
		*error_r = t_strdup(trouble);
		ret = -1;
	}
	return ret;
}
