/* Recalculates the quota of a user. */

#include "lib.h"
#include "action-log.h"
#include "action-private.h"
#include "compat.h"

int action_recalc(struct mail_user *user, struct action_result *result,
		  const char **error_r)
{
	const char *error;
	uint64_t messages, limit;
	int ret;

	if (compat_quota_is_right(user, &result->before, &result->messages,
				  &result->limit)) {
		result->after = result->before;
		return 0;
	}
	/* what cannot be read may well be mended */
	(void)compat_quota_get(user, &result->before, &messages, &limit,
			       &error);
	ret = compat_quota_recalc(user, error_r);
	if (ret == 0) {
		*error_r = "the user has no quota";
		return -1;
	}
	if (ret > 0) {
		ret = compat_quota_get(user, &result->after, &result->messages,
				       &result->limit, error_r);
	}
	if (ret < 0)
		*error_r = action_log_explain(*error_r);
	return ret < 0 ? -1 : 0;
}
