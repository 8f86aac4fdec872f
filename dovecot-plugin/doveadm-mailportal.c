/* doveadm mailportal: the actions at the shell. */

#include "lib.h"
#include "module-dir.h"
#include "master-service.h"
#include "doveadm.h"
#include "doveadm-print.h"
#include "action.h"
#include "compat.h"
#include "worker-config.h"
#include "doveadm-private.h"

#include <unistd.h>

#define USERS_USAGE "-u <user|mask>|-A|-F <file>"

#define USERS_PARAMS \
	DOVEADM_CMD_PARAM('A', "all-users", CMD_PARAM_BOOL, 0) \
	DOVEADM_CMD_PARAM('u', "user", CMD_PARAM_STR, 0) \
	DOVEADM_CMD_PARAM('F', "user-file", CMD_PARAM_ISTREAM, 0)

const char *doveadm_mailportal_plugin_version = DOVECOT_ABI_VERSION;

void doveadm_mailportal_plugin_init(struct module *module);
void doveadm_mailportal_plugin_deinit(void);

bool doveadm_mailportal_begin(void)
{
	const char *running = master_service_get_version_string(master_service);
	const char *error;

	/* with version_ignore it is not told; what loads us compares the ABI */
	if (running == NULL || compat_version_is(running, &error))
		return TRUE;
	i_error("this module %s", error);
	doveadm_exit_code = EX_UNAVAILABLE;
	return FALSE;
}

void doveadm_mailportal_usage(const char *error)
{
	i_error("%s", error);
	doveadm_exit_code = EX_USAGE;
}

static void doveadm_recalc(struct doveadm_cmd_context *cctx)
{
	struct action_request request = {.action = ACTION_RECALC};

	doveadm_mailportal_run(cctx, &request);
}

static void doveadm_resync(struct doveadm_cmd_context *cctx)
{
	struct action_request request = {.action = ACTION_RESYNC};

	doveadm_mailportal_run(cctx, &request);
}

static void doveadm_usage(struct doveadm_cmd_context *cctx)
{
	struct action_request request = {.action = ACTION_USAGE};

	doveadm_mailportal_run(cctx, &request);
}

static bool doveadm_clear_interval(struct doveadm_cmd_context *cctx,
				   const char *name, unsigned int *secs_r)
{
	const char *text, *error;

	if (!doveadm_cmd_param_str(cctx, name, &text))
		return TRUE;
	if (compat_interval(text, secs_r, &error) < 0) {
		doveadm_mailportal_usage(
			t_strdup_printf("--%s: %s", name, error));
		return FALSE;
	}
	if (*secs_r == 0) {
		doveadm_mailportal_usage(
			t_strdup_printf("--%s: must be more than 0", name));
		return FALSE;
	}
	return TRUE;
}

static void doveadm_clear(struct doveadm_cmd_context *cctx)
{
	struct action_request request = {.action = ACTION_CLEAR};
	struct worker_config config;
	const char *path, *error;

	if (!doveadm_clear_interval(cctx, "junk", &request.junk_secs) ||
	    !doveadm_clear_interval(cctx, "trash", &request.trash_secs))
		return;
	if (request.junk_secs == 0 && request.trash_secs == 0) {
		doveadm_mailportal_usage("--junk, --trash or both are wanted: "
					 "how long messages stay, as 30d");
		return;
	}
	(void)doveadm_cmd_param_bool(cctx, "dry-run", &request.dry_run);

	/* for the names of folders without a special use */
	if (!doveadm_cmd_param_str(cctx, "config", &path)) {
		path = access(WORKER_CONFIG_PATH, F_OK) < 0 ?
			       NULL :
			       WORKER_CONFIG_PATH;
	}
	if (worker_config_read(path, &config, &error) < 0) {
		doveadm_mailportal_usage(error);
		return;
	}
	request.junk_name = config.junk_name;
	request.trash_name = config.trash_name;
	doveadm_mailportal_run(cctx, &request);
	worker_config_free(&config);
}

/* clang-format off */
static struct doveadm_cmd_ver2 doveadm_mailportal_commands[] = {
	{
		.name = "mailportal recalc",
		.cmd = doveadm_recalc,
		.usage = USERS_USAGE,
DOVEADM_CMD_PARAMS_START
USERS_PARAMS
DOVEADM_CMD_PARAMS_END
	},
	{
		.name = "mailportal resync",
		.cmd = doveadm_resync,
		.usage = USERS_USAGE,
DOVEADM_CMD_PARAMS_START
USERS_PARAMS
DOVEADM_CMD_PARAMS_END
	},
	{
		.name = "mailportal usage",
		.cmd = doveadm_usage,
		.usage = USERS_USAGE,
DOVEADM_CMD_PARAMS_START
USERS_PARAMS
DOVEADM_CMD_PARAMS_END
	},
	{
		.name = "mailportal clear",
		.cmd = doveadm_clear,
		.usage = USERS_USAGE " [--junk <time>] [--trash <time>] [-n] "
			 "[--config <file>]",
DOVEADM_CMD_PARAMS_START
USERS_PARAMS
DOVEADM_CMD_PARAM('\0', "junk", CMD_PARAM_STR, 0)
DOVEADM_CMD_PARAM('\0', "trash", CMD_PARAM_STR, 0)
DOVEADM_CMD_PARAM('n', "dry-run", CMD_PARAM_BOOL, 0)
DOVEADM_CMD_PARAM('\0', "config", CMD_PARAM_STR, 0)
DOVEADM_CMD_PARAMS_END
	},
	{
		.name = "mailportal status",
		.cmd = doveadm_mailportal_status,
		.usage = "",
DOVEADM_CMD_PARAMS_START
DOVEADM_CMD_PARAMS_END
	},
};
/* clang-format on */

void doveadm_mailportal_plugin_init(struct module *module ATTR_UNUSED)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(doveadm_mailportal_commands); i++)
		doveadm_cmd_register_ver2(&doveadm_mailportal_commands[i]);
}

void doveadm_mailportal_plugin_deinit(void)
{
}
