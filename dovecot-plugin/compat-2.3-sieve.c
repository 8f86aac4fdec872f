/* Dovecot 2.3 with Pigeonhole 0.5: Sieve scripts. */

#include "lib.h"
#include "str.h"
#include "mail-user.h"
#include "mail-storage-settings.h"
#include "sieve.h"
#include "sieve-storage.h"
#include "compat-2.3.h"

/* Where the scripts are; what is done with them matters only to others. */
static const char *const compat_sieve_settings[] = {
	"sieve", "sieve_dir", "sieve_enabled", "sieve_storage", NULL};

static const char *compat_sieve_setting(void *context, const char *name)
{
	struct mail_user *user = context;

	if (!str_array_find(compat_sieve_settings, name))
		return NULL;
	return mail_user_plugin_getenv(user, name);
}

static const struct sieve_callbacks compat_sieve_callbacks = {
	.get_setting = compat_sieve_setting,
};

static int compat_sieve_list(struct sieve_instance *sieve,
			     struct mail_user *user, uint64_t *scripts_r,
			     const char **error_r)
{
	struct sieve_storage *storage;
	struct sieve_storage_list_context *list;
	enum sieve_error error;
	bool active;
	int ret = 0;

	/* without SIEVE_STORAGE_FLAG_READWRITE no directory is made */
	storage = sieve_storage_create_main(sieve, user, 0, &error);
	if (storage == NULL) {
		*error_r = "the Sieve scripts cannot be opened";
		return error == SIEVE_ERROR_TEMP_FAILURE ? -1 : 0;
	}
	list = sieve_storage_list_init(storage);
	if (list == NULL) {
		(void)sieve_storage_get_last_error(storage, &error);
		ret = error == SIEVE_ERROR_NOT_FOUND ? 0 : -1;
	} else {
		while (sieve_storage_list_next(list, &active) != NULL)
			*scripts_r += 1;
		ret = sieve_storage_list_deinit(&list);
	}
	if (ret < 0) {
		*error_r = t_strdup_printf(
			"the Sieve scripts cannot be listed: %s",
			sieve_storage_get_last_error(storage, &error));
	}
	sieve_storage_unref(&storage);
	return ret;
}

int compat_sieve_count(struct mail_user *user, uint64_t *scripts_r,
		       const char **error_r)
{
	struct sieve_environment env;
	struct sieve_instance *sieve;
	int ret;

	*scripts_r = 0;
	i_zero(&env);
	env.username = user->username;
	(void)mail_user_get_home(user, &env.home_dir);
	env.base_dir = user->set->base_dir;
	env.flags = SIEVE_FLAG_HOME_RELATIVE;

	sieve = sieve_init(&env, &compat_sieve_callbacks, user, FALSE);
	if (sieve == NULL) {
		*error_r = "Pigeonhole cannot be initialised";
		return -1;
	}
	ret = compat_sieve_list(sieve, user, scripts_r, error_r);
	sieve_deinit(&sieve);
	return ret;
}
