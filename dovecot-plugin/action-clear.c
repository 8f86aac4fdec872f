/* Clears Junk and Trash of what was saved there long ago. */

#include "lib.h"
#include "array.h"
#include "mail-namespace.h"
#include "mail-storage-private.h"
#include "mail-index.h"
#include "action-private.h"

#include <time.h>

enum clear_rule {
	CLEAR_JUNK,
	CLEAR_TRASH,

	CLEAR_RULES
};

/* A folder of the user; what is not to be cleared has no rule. */
struct clear_folder {
	const struct action_folder *folder;
	const struct clear_folder *top; /* the Trash, of those below it */
	unsigned int rules;		/* bits of enum clear_rule */
	time_t renamed;			/* since when it is here; 0: always */
	bool seen;			/* renamed is known */
};
ARRAY_DEFINE_TYPE(clear_folder, struct clear_folder);

struct clear {
	const struct action_request *request;
	struct action_result *result;
	struct action_errors errors;
	ARRAY_TYPE(clear_folder) folders;
	time_t now;
};

static const char *const clear_special_uses[CLEAR_RULES] = {
	[CLEAR_JUNK] = "\\Junk",
	[CLEAR_TRASH] = "\\Trash",
};

static unsigned int
clear_rule_secs(const struct action_request *request, enum clear_rule rule)
{
	return rule == CLEAR_JUNK ? request->junk_secs : request->trash_secs;
}

static const char *
clear_rule_name(const struct action_request *request, enum clear_rule rule)
{
	return rule == CLEAR_JUNK ? request->junk_name : request->trash_name;
}

/* The longest time of the rules of a folder; 0 when one of them is never. */
static unsigned int
clear_secs(const struct clear *clear, const struct clear_folder *folder)
{
	unsigned int rule, secs, longest = 0;

	for (rule = 0; rule < CLEAR_RULES; rule++) {
		if ((folder->rules & (1 << rule)) == 0)
			continue;
		secs = clear_rule_secs(clear->request, rule);
		if (secs == 0)
			return 0;
		longest = I_MAX(longest, secs);
	}
	return longest;
}

static bool clear_is_inbox(const struct action_folder *folder)
{
	return (folder->ns->flags & NAMESPACE_FLAG_INBOX_ANY) != 0 &&
	       strcasecmp(folder->vname, "INBOX") == 0;
}

static bool clear_has_special_use(const struct action_folder *folder,
				  const char *special_use)
{
	const char *const *uses = t_strsplit_spaces(folder->special_use, " ");

	return str_array_icase_find(uses, special_use);
}

/* The folder of that name beside the INBOX. */
static bool clear_has_name(const struct action_folder *folder, const char *name)
{
	const char *prefix = folder->ns->prefix;
	size_t len = strlen(prefix);

	return name != NULL && *name != '\0' &&
	       (folder->ns->flags & NAMESPACE_FLAG_INBOX_USER) != 0 &&
	       strncmp(folder->vname, prefix, len) == 0 &&
	       strcmp(folder->vname + len, name) == 0;
}

static void clear_find(struct clear *clear, enum clear_rule rule)
{
	const char *name = clear_rule_name(clear->request, rule);
	struct clear_folder *folder;
	bool found = FALSE;

	array_foreach_modifiable(&clear->folders, folder) {
		if (clear_has_special_use(folder->folder,
					  clear_special_uses[rule])) {
			folder->rules |= 1 << rule;
			found = TRUE;
		}
	}
	if (found)
		return;
	array_foreach_modifiable(&clear->folders, folder) {
		if (clear_has_name(folder->folder, name))
			folder->rules |= 1 << rule;
	}
}

static bool clear_is_below(const struct clear_folder *folder,
			   const struct clear_folder *top)
{
	const char *vname = folder->folder->vname;
	size_t len = strlen(top->folder->vname);

	return folder->folder->ns == top->folder->ns &&
	       strncmp(vname, top->folder->vname, len) == 0 &&
	       vname[len] == mail_namespace_get_sep(top->folder->ns);
}

/* A folder that is deleted is moved below Trash by most programs. */
static void clear_find_below_trash(struct clear *clear)
{
	const unsigned int trash = 1 << CLEAR_TRASH;
	const struct clear_folder *top;
	struct clear_folder *folder;

	array_foreach(&clear->folders, top) {
		if ((top->rules & trash) == 0 || top->top != NULL)
			continue;
		array_foreach_modifiable(&clear->folders, folder) {
			if (folder->rules == 0 &&
			    *folder->folder->special_use == '\0' &&
			    clear_is_below(folder, top)) {
				folder->rules = trash;
				folder->top = top;
			}
		}
	}
}

static time_t clear_box_renamed(struct mailbox *box, time_t now)
{
	const void *data;
	size_t size;
	time_t stamp;

	mail_index_get_header_ext(box->view, box->box_last_rename_stamp_ext_id,
				  &data, &size);
	if (size < sizeof(uint32_t))
		return 0;
	stamp = *(const uint32_t *)data;
	/* as Dovecot does: what lies ahead is not to be believed */
	return stamp > now + 60 ? 0 : stamp;
}

static int clear_box_set_renamed(struct mailbox *box, time_t now)
{
	struct mail_index_transaction *trans =
		mail_index_transaction_begin(box->view, 0);
	uint32_t stamp = now;

	mail_index_update_header_ext(trans, box->box_last_rename_stamp_ext_id,
				     0, &stamp, sizeof(stamp));
	return mail_index_transaction_commit(&trans);
}

/*
 * Since when a folder is where it is.  When a folder is renamed, those below it
 * come along without a mark of their own: so the marks of all above it count,
 * up to Trash.  One above that is no mailbox cannot have a mark: then the folder
 * is as good as moved when it is seen for the first time, which is written
 * down.
 */
static void clear_folder_renamed(struct clear *clear,
				 struct clear_folder *folder,
				 struct mailbox *box)
{
	const struct clear_folder *above;
	const char *vname = folder->folder->vname;
	unsigned int known = 0, levels = 0;
	char sep = mail_namespace_get_sep(folder->folder->ns);
	size_t i;

	folder->renamed = clear_box_renamed(box, clear->now);
	folder->seen = TRUE;
	if (folder->top == NULL)
		return;

	for (i = strlen(folder->top->folder->vname); vname[i] != '\0'; i++) {
		if (vname[i] == sep)
			levels++;
	}
	array_foreach(&clear->folders, above) {
		if (above->seen && clear_is_below(folder, above)) {
			folder->renamed =
				I_MAX(folder->renamed, above->renamed);
			known++;
		}
	}
	if (known < levels && folder->renamed == 0) {
		folder->renamed = clear->now;
		if (!clear->request->dry_run &&
		    clear_box_set_renamed(box, clear->now) < 0) {
			action_errors_add(&clear->errors, vname,
					  "cannot be marked as seen");
		}
	}
}

/* TRUE: the message is old enough by a date that is a real one */
static bool clear_mail_is_old(struct clear *clear, struct mail *mail,
			      time_t before, time_t *saved_r)
{
	switch (mail_get_save_date(mail, saved_r)) {
	case -1:
		/* an expunged one is no error, and all the others stay */
		if (mailbox_get_last_mail_error(mail->box) !=
		    MAIL_ERROR_EXPUNGED)
			action_errors_add_box(&clear->errors, mail->box);
		return FALSE;
	case 0:
		return FALSE;
	default:
		return *saved_r <= before;
	}
}

static void clear_mail(struct clear *clear, struct mail *mail, time_t saved,
		       struct action_result *sum)
{
	struct action_message message;
	uoff_t size;

	if (mail_get_physical_size(mail, &size) < 0)
		size = 0;
	sum->messages++;
	sum->bytes += size;

	if (clear->result->message != NULL) {
		i_zero(&message);
		message.folder = mailbox_get_vname(mail->box);
		message.uid = mail->uid;
		message.saved = saved;
		message.bytes = size;
		clear->result->message(&message, clear->result->context);
	}
	if (!clear->request->dry_run)
		mail_autoexpunge(mail);
}

/* What was saved at that time or before it, in one transaction. */
static int clear_box(struct clear *clear, struct mailbox *box, time_t before,
		     struct action_result *sum)
{
	struct mailbox_transaction_context *trans;
	struct mailbox_status status;
	struct mail *mail;
	time_t saved;
	uint32_t seq;

	mailbox_get_open_status(box, STATUS_MESSAGES, &status);
	trans = mailbox_transaction_begin(box, 0, "mailportal clear");
	mail = mail_alloc(trans, MAIL_FETCH_SAVE_DATE, NULL);
	for (seq = 1; seq <= status.messages; seq++) {
		mail_set_seq(mail, seq);
		if (clear_mail_is_old(clear, mail, before, &saved))
			clear_mail(clear, mail, saved, sum);
	}
	mail_free(&mail);

	if (clear->request->dry_run || sum->messages == 0) {
		mailbox_transaction_rollback(&trans);
		return 0;
	}
	if (mailbox_transaction_commit(&trans) < 0)
		return -1;
	return mailbox_sync(box, 0);
}

static int clear_folder_box(struct clear *clear, struct clear_folder *folder,
			    struct mailbox *box)
{
	struct action_result sum;
	time_t before = clear->now - clear_secs(clear, folder);

	i_zero(&sum);
	if (mailbox_sync(box, MAILBOX_SYNC_FLAG_FAST) < 0)
		return -1;
	clear_folder_renamed(clear, folder, box);
	if (folder->renamed <= before &&
	    clear_box(clear, box, before, &sum) < 0)
		return -1;

	clear->result->folders++;
	clear->result->messages += sum.messages;
	clear->result->bytes += sum.bytes;
	return 0;
}

static void clear_folder(struct clear *clear, struct clear_folder *folder)
{
	struct mailbox *box;

	if (!folder->folder->selectable || clear_is_inbox(folder->folder) ||
	    clear_secs(clear, folder) == 0)
		return;
	box = action_folder_alloc(folder->folder, FALSE);
	if (clear_folder_box(clear, folder, box) < 0)
		action_errors_add_box(&clear->errors, box);
	mailbox_free(&box);
}

int action_clear(struct mail_user *user, const struct action_request *request,
		 struct action_result *result, const char **error_r)
{
	ARRAY_TYPE(action_folder) list;
	const struct action_folder *listed;
	struct clear_folder *folder;
	struct clear clear;
	const char *error;
	unsigned int rule;

	i_zero(&clear);
	clear.request = request;
	clear.result = result;
	clear.now = time(NULL);
	/* without the whole list Junk could be taken for what it is not */
	if (action_folders_list(user, &list, &error) < 0) {
		action_errors_add(&clear.errors, "the list of folders", error);
		return action_errors_return(&clear.errors, error_r);
	}
	t_array_init(&clear.folders, array_count(&list) + 1);
	array_foreach(&list, listed) {
		folder = array_append_space(&clear.folders);
		folder->folder = listed;
	}

	for (rule = 0; rule < CLEAR_RULES; rule++)
		clear_find(&clear, rule);
	clear_find_below_trash(&clear);
	array_foreach_modifiable(&clear.folders, folder) {
		if (folder->rules == 0)
			continue;
		T_BEGIN {
			clear_folder(&clear, folder);
		}
		T_END;
	}
	return action_errors_return(&clear.errors, error_r);
}
