/* Dovecot 2.3: service, users. */

#include "lib.h"
#include "wildcard-match.h"
#include "settings-parser.h"
#include "master-service.h"
#include "master-service-settings.h"
#include "mail-user.h"
#include "mail-storage-service.h"
#include "mail-storage-settings.h"
#include "compat-2.3.h"

#include <unistd.h>

struct compat_storage {
	struct mail_storage_service_ctx *ctx;
	struct mail_storage_service_user *user;
	char *service;
	char *log_prefix;
	char *mask;
};

int compat_service_init(const char *name, int *argc, char **argv[],
			const char **error_r)
{
	/* each user's settings are asked for over the same connection */
	const enum master_service_flags flags =
		MASTER_SERVICE_FLAG_KEEP_CONFIG_OPEN |
		MASTER_SERVICE_FLAG_NO_SSL_INIT |
		MASTER_SERVICE_FLAG_UPDATE_PROCTITLE;

	master_service = master_service_init(name, flags, argc, argv, "");
	if (master_getopt(master_service) > 0) {
		*error_r = "unknown option";
		return -1;
	}
	return master_service_settings_read_simple(master_service, NULL,
						   error_r);
}

int compat_interval(const char *text, unsigned int *secs_r,
		    const char **error_r)
{
	return settings_get_time(text, secs_r, error_r);
}

struct compat_storage *compat_storage_init(const char *service)
{
	struct compat_storage *storage = i_new(struct compat_storage, 1);

	storage->service = i_strdup(service);
	storage->ctx = mail_storage_service_init(
		master_service, NULL,
		MAIL_STORAGE_SERVICE_FLAG_USERDB_LOOKUP |
			MAIL_STORAGE_SERVICE_FLAG_TEMP_PRIV_DROP |
			MAIL_STORAGE_SERVICE_FLAG_NO_IDLE_TIMEOUT |
			MAIL_STORAGE_SERVICE_FLAG_NO_LOG_INIT);
	return storage;
}

void compat_storage_deinit(struct compat_storage **_storage)
{
	struct compat_storage *storage = *_storage;

	*_storage = NULL;
	mail_storage_service_deinit(&storage->ctx);
	i_free(storage->service);
	i_free(storage->mask);
	i_free(storage);
}

/* What an open user leaves behind: its id, and its name before log lines. */
static void compat_user_leave(struct compat_storage *storage)
{
	if (getuid() == 0 && geteuid() != 0 && seteuid(0) < 0)
		i_fatal("seteuid(0) failed: %m");
	i_set_failure_prefix("%s", storage->log_prefix);
	i_free(storage->log_prefix);
}

static int compat_user_find(struct compat_storage *storage,
			    const char *username, const char **error_r)
{
	struct mail_storage_service_input input;

	i_zero(&input);
	input.service = storage->service;
	input.username = username;
	return mail_storage_service_lookup(storage->ctx, &input, &storage->user,
					   error_r);
}

static enum compat_user
compat_user_enter(struct compat_storage *storage, bool very_dirty,
		  struct mail_user **user_r, const char **error_r)
{
	/* as root, for others may not look there */
	if (compat_user_is_new(storage->ctx, storage->user)) {
		*error_r = "the user has no mailbox yet";
		return COMPAT_USER_NEW;
	}
	if (!very_dirty &&
	    mail_storage_service_user_set_setting(
		    storage->user, "mailbox_list_index_very_dirty_syncs", "no",
		    error_r) < 0)
		return COMPAT_USER_FAILED;
	if (mail_storage_service_next(storage->ctx, storage->user, user_r,
				      error_r) < 0)
		return COMPAT_USER_FAILED;
	return COMPAT_USER_OPEN;
}

enum compat_user compat_user_open(struct compat_storage *storage,
				  const char *username, bool very_dirty,
				  struct mail_user **user_r,
				  const char **error_r)
{
	enum compat_user ret;
	int found;

	*user_r = NULL;
	storage->log_prefix = i_strdup(i_get_failure_prefix());
	found = compat_user_find(storage, username, error_r);
	if (found == 0) {
		*error_r = "there is no such user";
		ret = COMPAT_USER_MISSING;
	} else if (found < 0) {
		ret = COMPAT_USER_FAILED;
	} else {
		ret = compat_user_enter(storage, very_dirty, user_r, error_r);
		if (ret != COMPAT_USER_OPEN)
			mail_storage_service_user_unref(&storage->user);
	}
	if (ret != COMPAT_USER_OPEN)
		compat_user_leave(storage);
	return ret;
}

void compat_user_close(struct compat_storage *storage, struct mail_user **user)
{
	mail_user_deinit(user);
	mail_storage_service_user_unref(&storage->user);
	compat_user_leave(storage);
}

void compat_users_begin(struct compat_storage *storage, const char *mask)
{
	i_free(storage->mask);
	storage->mask = i_strdup(mask);
	mail_storage_service_all_init_mask(storage->ctx,
					   mask == NULL ? "" : mask);
}

bool compat_users_next(struct compat_storage *storage, const char **username_r,
		       const char **error_r)
{
	int ret;

	*error_r = NULL;
	do {
		/* the mask was a hint to the userdb only */
		ret = mail_storage_service_all_next(storage->ctx, username_r);
		if (ret < 0)
			*error_r = "the list of users ended before its time";
	} while (ret > 0 && storage->mask != NULL &&
		 !wildcard_match_icase(*username_r, storage->mask));
	return ret > 0;
}
