/* Looks at what a user has: mail, quota, Sieve scripts.  Makes nothing. */

#include "lib.h"
#include "array.h"
#include "mail-storage.h"
#include "action-log.h"
#include "action-private.h"
#include "compat.h"

static void action_usage_folder(const struct action_folder *folder,
				struct action_result *result,
				struct action_errors *errors)
{
	struct mailbox *box = action_folder_alloc(folder, TRUE);
	struct mailbox_metadata metadata;
	struct mailbox_status status;

	if (mailbox_get_status(box, STATUS_MESSAGES, &status) < 0 ||
	    mailbox_get_metadata(box, MAILBOX_METADATA_PHYSICAL_SIZE,
				 &metadata) < 0) {
		action_errors_add_box(errors, box);
	} else {
		result->folders++;
		result->messages += status.messages;
		result->bytes += metadata.physical_size;
	}
	mailbox_free(&box);
}

static void action_usage_folders(struct mail_user *user,
				 struct action_result *result,
				 struct action_errors *errors)
{
	ARRAY_TYPE(action_folder) folders;
	const struct action_folder *folder;
	const char *error;

	if (action_folders_list(user, &folders, &error) < 0)
		action_errors_add(errors, "the list of folders", error);
	array_foreach(&folders, folder) {
		if (!folder->selectable)
			continue;
		T_BEGIN {
			action_usage_folder(folder, result, errors);
		}
		T_END;
	}
}

static void action_usage_mail(struct mail_user *user,
			      struct action_result *result,
			      struct action_errors *errors)
{
	const char *error;
	int ret = 0;

	if (compat_quota_is_loaded()) {
		ret = compat_quota_get(user, &result->bytes, &result->messages,
				       &result->limit, &error);
	}
	if (ret < 0)
		action_errors_add(errors, "quota", error);
	else if (ret == 0)
		action_usage_folders(user, result, errors);
}

int action_usage(struct mail_user *user, struct action_result *result,
		 const char **error_r)
{
	struct action_errors errors;
	const char *error;
	i_zero(&errors);
	if (action_folders_exist(user))
		action_usage_mail(user, result, &errors);
	else
		result->limit = compat_quota_limit(user);
	if (compat_sieve_count(user, &result->sieve, &error) < 0)
		action_errors_add(&errors, "sieve", error);
	return action_errors_return(&errors, error_r);
}
