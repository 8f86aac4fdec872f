/* A lane's work on one user. */

#include "lib.h"
#include "str.h"
#include "process-title.h"
#include "action-log.h"
#include "common-wire.h"
#include "compat.h"
#include "lane.h"

struct lane_items {
	string_t *output;
	uint32_t seq;
	unsigned int count;
};

static void lane_work_item(const struct action_message *message, void *context)
{
	struct lane_items *items = context;

	if (items->count++ < LANE_ITEMS_MAX)
		lane_wire_put_item(items->output, items->seq, message);
}

/* What the worker leaves to us, and where the messages of it go. */
static int lane_work_run(struct mail_user *user,
			 const struct lane_request *request, string_t *output,
			 struct action_result *result, const char **error_r)
{
	struct action_request action = request->action;
	struct lane_items items = {.output = output, .seq = request->seq};

	action.junk_name = lane.config.junk_name;
	action.trash_name = lane.config.trash_name;
	result->message = lane_work_item;
	result->context = &items;
	return action_run(user, &action, result, error_r);
}

static void lane_work_open(const struct lane_request *request, string_t *output,
			   struct lane_answer *answer)
{
	struct action_result result;
	struct mail_user *user;
	int ret;

	i_zero(&result);
	switch (compat_user_open(lane.storage, request->user,
				 request->action.action != ACTION_RESYNC, &user,
				 &answer->text)) {
	case COMPAT_USER_OPEN:
		ret = lane_work_run(user, request, output, &result,
				    &answer->text);
		answer->status = ret < 0 ? LANE_FAIL : LANE_OK;
		lane_wire_fill_answer(answer, &result);
		compat_user_close(lane.storage, &user);
		break;
	case COMPAT_USER_NEW:
		answer->status = LANE_SKIP;
		answer->text = NULL;
		break;
	case COMPAT_USER_MISSING:
	case COMPAT_USER_FAILED:
		answer->status = LANE_FAIL;
		answer->text = action_log_explain(answer->text);
		break;
	}
}

void lane_work(const struct lane_request *request, string_t *output)
{
	struct lane_answer answer;
	const char *action = action_name(request->action.action);
	const char *prefix = t_strdup(i_get_failure_prefix());

	i_set_failure_prefix(LANE_SERVICE "(%s): ", request->user);
	process_title_set(t_strdup_printf("[%s %s]", action, request->user));
	i_zero(&answer);
	action_log_begin();
	lane_work_open(request, output, &answer);
	if (answer.status == LANE_FAIL)
		i_error("%s failed: %s", action, answer.text);
	lane_wire_put_answer(output, request->seq, &answer);
	process_title_set("[idle]");
	i_set_failure_prefix("%s", prefix);
}
