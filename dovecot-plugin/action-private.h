#ifndef ACTION_PRIVATE_H
#define ACTION_PRIVATE_H

#include "array-decl.h"
#include "action.h"

struct mailbox;
struct mail_namespace;

/* A folder of an open user; lives in the data stack. */
struct action_folder {
	struct mail_namespace *ns;
	const char *vname;
	const char *special_use; /* "\Junk", or "" */
	bool selectable;
};
ARRAY_DEFINE_TYPE(action_folder, struct action_folder);

/*
 * FALSE: nothing of the user's own mail is on the disk yet, and to list the
 * folders would make some.
 */
bool action_folders_exist(struct mail_user *user);

/*
 * Folders of the user's own namespaces, those above before those below.
 * Nothing is made, also not the INBOX.  -1 with error_r; what could be listed
 * is in folders_r then too.  A folder that cannot be looked into is logged as
 * trouble, for Dovecot lists it as none.
 */
int action_folders_list(struct mail_user *user,
			ARRAY_TYPE(action_folder) * folders_r,
			const char **error_r);

/* Opened without regard to ACLs; mailbox_free() must follow. */
struct mailbox *
action_folder_alloc(const struct action_folder *folder, bool readonly);

/*
 * What went wrong in several folders: the first is said, the rest counted.
 * Each folder may have a data stack frame of its own.
 */
struct action_errors {
	char *first;
	unsigned int count;
};

void action_errors_add(struct action_errors *errors, const char *what,
		       const char *error);
/* A folder that is gone meanwhile is no error. */
void action_errors_add_box(struct action_errors *errors, struct mailbox *box);
/* Frees them; 0 if there were none, else -1 with error_r. */
int action_errors_return(struct action_errors *errors, const char **error_r);

int action_recalc(struct mail_user *user, struct action_result *result,
		  const char **error_r);
int action_resync(struct mail_user *user, struct action_result *result,
		  const char **error_r);
int action_clear(struct mail_user *user, const struct action_request *request,
		 struct action_result *result, const char **error_r);
int action_usage(struct mail_user *user, struct action_result *result,
		 const char **error_r);

#endif
