/* Dovecot 2.3: quota.  The plugin is looked for at run time. */

#include "lib.h"
#include "array.h"
#include "module-dir.h"
#include "mail-user.h"
#include "mail-storage-service.h"
#include "compat-2.3.h"
#include "compat-2.3-quota.h"

static bool compat_quota_find(struct compat_quota *quota_r)
{
	struct module *module =
		module_dir_find(mail_storage_service_modules, "quota");

	i_zero(quota_r);
	if (module == NULL)
		return FALSE;
	quota_r->module = module_get_symbol_quiet(module, "quota_user_module");
	quota_r->get_resource =
		module_get_symbol_quiet(module, "quota_get_resource");
	quota_r->is_visible = module_get_symbol_quiet(
		module, "quota_root_is_namespace_visible");
	quota_r->rule_find =
		module_get_symbol_quiet(module, "quota_root_rule_find");
	return quota_r->module != NULL && quota_r->get_resource != NULL &&
	       quota_r->is_visible != NULL && quota_r->rule_find != NULL;
}

bool compat_quota_is_loaded(void)
{
	struct compat_quota quota;

	return compat_quota_find(&quota);
}

static int compat_quota_user(struct mail_user *user,
			     struct compat_quota *quota_r,
			     struct quota **user_quota_r, const char **error_r)
{
	struct quota_user *quota_user;

	if (!compat_quota_find(quota_r)) {
		*error_r = "the quota plugin is not loaded "
			   "(mail_plugins of this service)";
		return -1;
	}
	quota_user = MODULE_CONTEXT(user, (*quota_r->module));
	if (quota_user == NULL || array_count(&quota_user->quota->roots) == 0)
		return 0;
	*user_quota_r = quota_user->quota;
	return 1;
}

bool compat_quota_is_right(struct mail_user *user, uint64_t *bytes_r,
			   uint64_t *messages_r, uint64_t *limit_r)
{
	struct compat_quota quota;
	struct quota *user_quota;
	struct quota_root *root;
	const char *error;

	if (compat_quota_user(user, &quota, &user_quota, &error) <= 0 ||
	    array_count(&user_quota->roots) != 1)
		return FALSE;
	root = array_idx_elem(&user_quota->roots, 0);
	*limit_r = root->bytes_limit > 0 ? root->bytes_limit : 0;
	return strcmp(root->backend.name, "count") == 0 &&
	       compat_count_is_right(&quota, root, bytes_r, messages_r);
}

static int
compat_quota_recalc_root(struct quota_root *root, const char **error_r)
{
	struct quota_transaction_context trans;
	int ret;

	i_zero(&trans);
	trans.quota = root->quota;
	trans.recalculate = QUOTA_RECALCULATE_FORCED;
	ret = root->backend.v.update(root, &trans, error_r);
	if (root->backend.v.flush != NULL)
		root->backend.v.flush(root);
	return ret;
}

int compat_quota_recalc(struct mail_user *user, const char **error_r)
{
	struct compat_quota quota;
	struct quota *user_quota;
	struct quota_root *const *root;
	const char *error;
	int ret;

	ret = compat_quota_user(user, &quota, &user_quota, error_r);
	if (ret <= 0)
		return ret;
	array_foreach(&user_quota->roots, root) {
		if (compat_quota_recalc_root(*root, &error) < 0 && ret > 0) {
			*error_r = t_strdup_printf("%s: %s", (*root)->set->name,
						   error);
			ret = -1;
		}
	}
	return ret;
}

static int compat_quota_resource(const struct compat_quota *quota,
				 struct quota_root *root, const char *name,
				 uint64_t *value_r, uint64_t *limit_r,
				 const char **error_r)
{
	const char *error;

	switch (quota->get_resource(root, "", name, value_r, limit_r, &error)) {
	case QUOTA_GET_RESULT_LIMITED:
	case QUOTA_GET_RESULT_UNLIMITED:
		return 0;
	case QUOTA_GET_RESULT_UNKNOWN_RESOURCE:
		/* some count bytes only */
		*value_r = 0;
		return 0;
	case QUOTA_GET_RESULT_INTERNAL_ERROR:
	case QUOTA_GET_RESULT_BACKGROUND_CALC:
		break;
	}
	*error_r = t_strdup_printf("%s: %s", root->set->name, error);
	return -1;
}

int compat_quota_get(struct mail_user *user, uint64_t *bytes_r,
		     uint64_t *messages_r, uint64_t *limit_r,
		     const char **error_r)
{
	struct compat_quota quota;
	struct quota *user_quota;
	struct quota_root *root;
	uint64_t limit;
	int ret;

	*bytes_r = *messages_r = *limit_r = 0;
	ret = compat_quota_user(user, &quota, &user_quota, error_r);
	if (ret <= 0)
		return ret;
	root = array_idx_elem(&user_quota->roots, 0);
	if (compat_quota_resource(&quota, root, QUOTA_NAME_STORAGE_BYTES,
				  bytes_r, limit_r, error_r) < 0 ||
	    compat_quota_resource(&quota, root, QUOTA_NAME_MESSAGES, messages_r,
				  &limit, error_r) < 0)
		return -1;
	return 1;
}

uint64_t compat_quota_limit(struct mail_user *user)
{
	struct compat_quota quota;
	struct quota *user_quota;
	struct quota_root *root;
	const char *error;

	if (compat_quota_user(user, &quota, &user_quota, &error) <= 0)
		return 0;
	root = array_idx_elem(&user_quota->roots, 0);
	return I_MAX(root->bytes_limit, 0);
}
