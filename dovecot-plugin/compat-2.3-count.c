/*
 * Dovecot 2.3: whether the quota of the backend "count" is right.
 *
 * It adds up what each folder's index has as the sum of its messages.  To
 * count anew that sum is dropped and made again, under a lock file of its own;
 * to look whether it is right costs half as much, and it nearly always is.
 */

#include "lib.h"
#include "array.h"
#include "mail-namespace.h"
#include "mail-search-build.h"
#include "mail-storage-private.h"
#include "mailbox-list-iter.h"
#include "compat-2.3-quota.h"

struct compat_count {
	const struct compat_quota *quota;
	struct quota_root *root;
	uint64_t bytes, messages;
};

static int compat_count_sum(struct mailbox *box, uint64_t *bytes_r)
{
	struct mailbox_transaction_context *trans;
	struct mail_search_context *search;
	struct mail_search_args *args;
	struct mail *mail;
	uoff_t size;
	int ret = 0;

	*bytes_r = 0;
	args = mail_search_build_init();
	mail_search_build_add_all(args);
	trans = mailbox_transaction_begin(box, 0, __func__);
	search = mailbox_search_init(trans, args, NULL, MAIL_FETCH_VIRTUAL_SIZE,
				     NULL);
	mail_search_args_unref(&args);
	while (ret == 0 && mailbox_search_next(search, &mail)) {
		ret = mail_get_virtual_size(mail, &size);
		if (ret == 0)
			*bytes_r += size;
	}
	if (mailbox_search_deinit(&search) < 0)
		ret = -1;
	/* sizes that were not known yet are kept */
	if (mailbox_transaction_commit(&trans) < 0)
		ret = -1;
	return ret;
}

static bool compat_count_box(struct compat_count *count, struct mailbox *box)
{
	struct mailbox_metadata metadata;
	struct mailbox_status status;
	uint64_t bytes;

	if ((box->storage->class_flags & MAIL_STORAGE_CLASS_FLAG_NOQUOTA) != 0)
		return TRUE;
	if (mailbox_open(box) < 0 || mailbox_sync(box, 0) < 0 ||
	    mailbox_get_metadata(box, MAILBOX_METADATA_VIRTUAL_SIZE,
				 &metadata) < 0 ||
	    mailbox_get_status(box, STATUS_MESSAGES, &status) < 0 ||
	    compat_count_sum(box, &bytes) < 0 || bytes != metadata.virtual_size)
		return FALSE;
	count->bytes += bytes;
	count->messages += status.messages;
	return TRUE;
}

static bool
compat_count_folder(struct compat_count *count, const struct mailbox_info *info)
{
	struct quota_rule *rule;
	struct mailbox *box;
	bool right;

	if ((info->flags & (MAILBOX_NONEXISTENT | MAILBOX_NOSELECT)) != 0)
		return TRUE;
	rule = count->quota->rule_find(count->root->set, info->vname);
	if (rule != NULL && rule->ignore)
		return TRUE;
	box = mailbox_alloc(info->ns->list, info->vname, MAILBOX_FLAG_READONLY);
	right = compat_count_box(count, box);
	mailbox_free(&box);
	return right;
}

static bool
compat_count_namespace(struct compat_count *count, struct mail_namespace *ns)
{
	struct mailbox_list_iterate_context *iter;
	const struct mailbox_info *info;
	bool right = TRUE;

	/* a folder that has the name of the namespace is in no list */
	if (ns->prefix_len > 0 &&
	    (ns->prefix_len != 6 || strncasecmp(ns->prefix, "INBOX", 5) != 0))
		return FALSE;
	iter = mailbox_list_iter_init(
		ns->list, "*",
		MAILBOX_LIST_ITER_SKIP_ALIASES |
			MAILBOX_LIST_ITER_RETURN_NO_FLAGS |
			MAILBOX_LIST_ITER_NO_AUTO_BOXES);
	while (right && (info = mailbox_list_iter_next(iter)) != NULL) {
		T_BEGIN {
			right = compat_count_folder(count, info);
		}
		T_END;
	}
	if (mailbox_list_iter_deinit(&iter) < 0)
		right = FALSE;
	return right;
}

bool compat_count_is_right(const struct compat_quota *quota,
			   struct quota_root *root, uint64_t *bytes_r,
			   uint64_t *messages_r)
{
	struct compat_count count = {.quota = quota, .root = root};
	struct mail_namespace *ns;

	array_foreach_elem(&root->quota->namespaces, ns) {
		if (quota->is_visible(root, ns) &&
		    !compat_count_namespace(&count, ns))
			return FALSE;
	}
	*bytes_r = count.bytes;
	*messages_r = count.messages;
	return TRUE;
}
