/* What is of Dovecot 2.3 in the worker. */

#include "lib.h"
#include "master-service.h"
#include "master-service-settings.h"
#include "settings-parser.h"
#include "worker-compat.h"

struct worker_compat_settings {
	const char *default_internal_group;
};

/* clang-format off */
static const struct setting_define worker_compat_defines[] = {
	SETTING_DEFINE_STRUCT_STR("default_internal_group",
				  default_internal_group,
				  struct worker_compat_settings),
	SETTING_DEFINE_LIST_END
};
/* clang-format on */

static const struct worker_compat_settings worker_compat_defaults = {
	.default_internal_group = "dovecot",
};

static const struct setting_parser_info worker_compat_info = {
	.module_name = "mailportal",
	.defines = worker_compat_defines,
	.defaults = &worker_compat_defaults,
	.type_offset = SIZE_MAX,
	.struct_size = sizeof(struct worker_compat_settings),
	.parent_offset = SIZE_MAX,
};

static void worker_compat_read(struct worker_compat *compat_r)
{
	static const struct setting_parser_info *roots[] = {&worker_compat_info,
							    NULL};
	const struct worker_compat_settings *own;
	const struct master_service_settings *set;
	const char *error;

	if (master_service_settings_read_simple(master_service, roots, &error) <
	    0)
		i_fatal("Error reading configuration: %s", error);

	set = master_service_settings_get(master_service);
	own = master_service_settings_get_others(master_service)[0];

	compat_r->base_dir = i_strdup(set->base_dir);
	compat_r->info_log =
		i_strdup(set->info_log_path[0] != '\0' ? set->info_log_path :
							 set->log_path);
	compat_r->group = i_strdup(own->default_internal_group);
}

const struct worker_compat *worker_compat_get(void)
{
	static struct worker_compat compat;

	if (compat.base_dir == NULL)
		worker_compat_read(&compat);
	return &compat;
}
