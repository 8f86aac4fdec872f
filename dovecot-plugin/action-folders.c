/* The folders of a user. */

#include "lib.h"
#include "array.h"
#include "eacces-error.h"
#include "mail-storage-private.h"
#include "mail-namespace.h"
#include "mail-user.h"
#include "mailbox-list-iter.h"
#include "action-private.h"

#include <sys/stat.h>

static bool action_path_exists(const char *path)
{
	struct stat st;

	/* what cannot be seen, Dovecot shall complain of */
	return stat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static bool action_namespace_exists(struct mail_namespace *ns)
{
	const char *path;

	if (!mailbox_list_get_root_path(ns->list,
					MAILBOX_LIST_PATH_TYPE_MAILBOX, &path))
		return TRUE; /* it is not on this disk */
	if (action_path_exists(path))
		return TRUE;
	return (ns->flags & NAMESPACE_FLAG_INBOX_USER) != 0 &&
	       mailbox_list_get_path(ns->list, "INBOX",
				     MAILBOX_LIST_PATH_TYPE_MAILBOX,
				     &path) > 0 &&
	       action_path_exists(path);
}

bool action_folders_exist(struct mail_user *user)
{
	struct mail_namespace *ns;

	for (ns = user->namespaces; ns != NULL; ns = ns->next) {
		if (ns->type == MAIL_NAMESPACE_TYPE_PRIVATE &&
		    action_namespace_exists(ns))
			return TRUE;
	}
	return FALSE;
}

/* Its messages are those of other folders: they would be met twice. */
static bool action_namespace_is_virtual(struct mail_namespace *ns)
{
	return (mail_namespace_get_default_storage(ns)->class_flags &
		MAIL_STORAGE_CLASS_FLAG_NOQUOTA) != 0;
}

static int
action_folder_cmp(const struct action_folder *a, const struct action_folder *b)
{
	return strcmp(a->vname, b->vname);
}

static void action_folder_check(const struct mailbox_info *info)
{
	struct mailbox_list *list = info->ns->list;
	const char *path;
	struct stat st;

	if (mailbox_list_get_path(
		    list, mailbox_list_get_storage_name(list, info->vname),
		    MAILBOX_LIST_PATH_TYPE_MAILBOX, &path) > 0 &&
	    stat(path, &st) < 0 && errno == EACCES) {
		e_error(info->ns->user->event, "Mailbox %s: %s", info->vname,
			eacces_error_get("stat", path));
	}
}

int action_folders_list(struct mail_user *user,
			ARRAY_TYPE(action_folder) * folders_r,
			const char **error_r)
{
	static const char *const patterns[] = {"*", NULL};
	struct mailbox_list_iterate_context *iter;
	const struct mailbox_info *info;
	struct action_folder *folder;
	int ret = 0;

	t_array_init(folders_r, 16);
	iter = mailbox_list_iter_init_namespaces(
		user->namespaces, patterns, MAIL_NAMESPACE_TYPE_PRIVATE,
		MAILBOX_LIST_ITER_NO_AUTO_BOXES |
			MAILBOX_LIST_ITER_SKIP_ALIASES |
			MAILBOX_LIST_ITER_RETURN_NO_FLAGS |
			MAILBOX_LIST_ITER_RETURN_SPECIALUSE);
	while ((info = mailbox_list_iter_next(iter)) != NULL) {
		if (action_namespace_is_virtual(info->ns))
			continue;
		folder = array_append_space(folders_r);
		folder->ns = info->ns;
		folder->vname = t_strdup(info->vname);
		folder->special_use = info->special_use == NULL ?
					      "" :
					      t_strdup(info->special_use);
		folder->selectable = (info->flags & (MAILBOX_NOSELECT |
						     MAILBOX_NONEXISTENT)) == 0;
		if (!folder->selectable)
			action_folder_check(info);
	}
	if (mailbox_list_iter_deinit(&iter) < 0) {
		*error_r = mailbox_list_get_last_internal_error(
			user->namespaces->list, NULL);
		ret = -1;
	}
	array_sort(folders_r, action_folder_cmp);
	return ret;
}

struct mailbox *
action_folder_alloc(const struct action_folder *folder, bool readonly)
{
	enum mailbox_flags flags = MAILBOX_FLAG_IGNORE_ACLS;

	if (readonly)
		flags |= MAILBOX_FLAG_READONLY;
	return mailbox_alloc(folder->ns->list, folder->vname, flags);
}

void action_errors_add_box(struct action_errors *errors, struct mailbox *box)
{
	enum mail_error code;
	const char *error = mailbox_get_last_internal_error(box, &code);

	if (code != MAIL_ERROR_NOTFOUND)
		action_errors_add(errors, mailbox_get_vname(box), error);
}
