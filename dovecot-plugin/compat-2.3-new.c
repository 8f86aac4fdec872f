/* Dovecot 2.3: users who have never been there. */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "var-expand.h"
#include "mail-storage-service.h"
#include "mail-storage-settings.h"
#include "settings-parser.h"
#include "compat-2.3.h"

#include <sys/stat.h>

static int compat_new_var_userdb(const char *data, void *context,
				 const char **value_r,
				 const char **error_r ATTR_UNUSED)
{
	const struct mail_storage_service_input *input = context;

	*value_r = mail_storage_service_fields_var_expand(data,
							  input->userdb_fields);
	return 1;
}

/*
 * The value of a setting with its variables, which are not all known yet; NULL
 * when one is among them that is not.
 */
static const char *compat_new_expand(struct mail_storage_service_ctx *ctx,
				     struct mail_storage_service_user *user,
				     const char *value)
{
	static const struct var_expand_func_table funcs[] = {
		{"userdb", compat_new_var_userdb},
		{NULL, NULL},
	};
	struct mail_storage_service_input input =
		*mail_storage_service_user_get_input(user);
	string_t *str;
	const char *error;

	if (*value == SETTING_STRVAR_EXPANDED[0])
		return value + 1;
	if (*value == SETTING_STRVAR_UNEXPANDED[0])
		value++;

	str = t_str_new(128);
	if (var_expand_with_funcs(
		    str, value,
		    mail_storage_service_get_var_expand_table(ctx, &input),
		    funcs, &input, &error) <= 0)
		return NULL;
	return str_c(str);
}

/* Anything but "there is none" is for Dovecot to find out. */
static bool compat_new_is_missing(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* Whether "maildir:/path:INBOX=/path" is there, without regard to the home. */
static bool compat_new_has_mail(const char *location)
{
	const char *const *parts;
	const char *path;

	if (location == NULL)
		return FALSE;
	for (parts = t_strsplit(location, ":"); *parts != NULL; parts++) {
		path = strncmp(*parts, "INBOX=", 6) == 0 ? *parts + 6 : *parts;
		if (*path == '/' && !compat_new_is_missing(path))
			return TRUE;
	}
	return FALSE;
}

static bool compat_new_has_mail_anywhere(struct mail_storage_service_ctx *ctx,
					 struct mail_storage_service_user *user,
					 const struct mail_user_settings *set)
{
	const struct mail_storage_settings *mail_set =
		mail_storage_service_user_get_mail_set(user);
	struct mail_namespace_settings *const *ns_set;

	if (compat_new_has_mail(
		    compat_new_expand(ctx, user, mail_set->mail_location)))
		return TRUE;
	if (!array_is_created(&set->namespaces))
		return FALSE;
	array_foreach(&set->namespaces, ns_set) {
		/* public folders are there for everybody */
		if (strcmp((*ns_set)->type, "private") == 0 &&
		    compat_new_has_mail(
			    compat_new_expand(ctx, user, (*ns_set)->location)))
			return TRUE;
	}
	return FALSE;
}

bool compat_user_is_new(struct mail_storage_service_ctx *ctx,
			struct mail_storage_service_user *user)
{
	const struct mail_user_settings *set =
		mail_storage_service_user_get_set(user)[0];
	const char *home = compat_new_expand(ctx, user, set->mail_home);
	const char *chroot = compat_new_expand(ctx, user, set->mail_chroot);

	if (home == NULL || *home != '/')
		return FALSE;
	if (chroot != NULL)
		home = t_strconcat(chroot, home, NULL);
	return compat_new_is_missing(home) &&
	       !compat_new_has_mail_anywhere(ctx, user, set);
}
