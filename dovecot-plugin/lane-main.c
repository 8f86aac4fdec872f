/* mailportal-lane: opens users, and does what the worker asks for. */

#include "lib.h"
#include "restrict-access.h"
#include "process-title.h"
#include "master-service.h"
#include "action-log.h"
#include "compat.h"
#include "lane.h"

#include <unistd.h>

/* Where processors are short, whoever delivers or reads mail comes first; not
   so much last that a lock of a mailbox is held for long. */
#define LANE_NICE 10

struct lane lane;

void lane_end(void)
{
	lane_conn_destroy();
	master_service_stop(master_service);
}

static void lane_connected(struct master_service_connection *conn)
{
	master_service_client_connection_accept(conn);
	lane_conn_create(conn->fd);
}

int main(int argc, char *argv[])
{
	const char *path, *error;

	/* Dovecot's own check advises to ignore versions */
	if (!compat_version_check(&error)) {
		compat_version_refuse("mailportal-lane", error);
		return FATAL_DEFAULT;
	}
	path = worker_config_arg(&argc, argv);
	if (compat_service_init("mailportal", &argc, &argv, &error) < 0)
		i_fatal("mailportal-lane: %s", error);
	restrict_access_by_env(RESTRICT_ACCESS_FLAG_ALLOW_ROOT, NULL);
	master_service_init_log(master_service);
	if (worker_config_read(path, &lane.config, &error) < 0)
		i_fatal("%s", error);

	errno = 0;
	if (nice(LANE_NICE) < 0 && errno != 0)
		i_warning("nice() failed: %m");
	lane.storage = compat_storage_init("mailportal");
	action_log_init();
	master_service_set_die_callback(master_service, lane_end);
	master_service_init_finish(master_service);
	process_title_set("[idle]");

	master_service_run(master_service, lane_connected);

	lane_conn_destroy();
	action_log_deinit();
	compat_storage_deinit(&lane.storage);
	worker_config_free(&lane.config);
	master_service_deinit(&master_service);
	return 0;
}
