/* Rebuilds the indexes of a user. */

#include "lib.h"
#include "array.h"
#include "mail-storage.h"
#include "action-private.h"

static void action_resync_folder(const struct action_folder *folder,
				 struct action_result *result,
				 struct action_errors *errors)
{
	const enum mailbox_sync_flags flags =
		MAILBOX_SYNC_FLAG_FORCE_RESYNC |
		MAILBOX_SYNC_FLAG_FIX_INCONSISTENT;
	struct mailbox *box = action_folder_alloc(folder, FALSE);
	struct mailbox_status status;

	if (mailbox_open(box) < 0 || mailbox_sync(box, flags) < 0 ||
	    mailbox_get_status(box, STATUS_MESSAGES, &status) < 0) {
		action_errors_add_box(errors, box);
	} else {
		result->folders++;
		result->messages += status.messages;
	}
	mailbox_free(&box);
}

int action_resync(struct mail_user *user, struct action_result *result,
		  const char **error_r)
{
	ARRAY_TYPE(action_folder) folders;
	const struct action_folder *folder;
	struct action_errors errors;
	const char *error;

	i_zero(&errors);
	if (action_folders_list(user, &folders, &error) < 0)
		action_errors_add(&errors, "the list of folders", error);
	array_foreach(&folders, folder) {
		if (!folder->selectable)
			continue;
		T_BEGIN {
			action_resync_folder(folder, result, &errors);
		}
		T_END;
	}
	return action_errors_return(&errors, error_r);
}
