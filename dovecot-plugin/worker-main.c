/* mailportal-worker: takes jobs from Redis, and hands users to lanes. */

#include "lib.h"
#include "eacces-error.h"
#include "ioloop.h"
#include "master-interface.h"
#include "mkdir-parents.h"
#include "restrict-access.h"
#include "master-service.h"
#include "master-service-settings.h"
#include "compat.h"
#include "worker.h"
#include "worker-job.h"
#include "worker-lanes.h"
#include "worker-schedule.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often the locks are tried that an older worker or its lanes hold. */
#define WORKER_LOCK_MSECS 50

/* How often a start is tried that the file or the disk did not allow. */
#define WORKER_START_MSECS 2000

/*
 * How long users at hand are waited for when Dovecot reloads.  What a lane
 * goes on with after that it writes into the journal itself.
 */
#define WORKER_STOP_MSECS 3000

struct worker worker;

static int worker_lock_fd = -1, worker_lanes_lock_fd = -1;
static struct timeout *to_start, *to_lock, *to_stop;
static const char *worker_config_path;
static char *worker_start_problem;
static bool worker_follows, worker_begun;

static void worker_connected(void *context ATTR_UNUSED)
{
	if (!worker_begun)
		return;
	worker_job_ask_all();
	worker_publish_all();
	worker_job_tell_again();
}

/* What wants no lane: a master password must not wait for a large mailbox. */
static void worker_follow(void)
{
	worker_follows = TRUE;
	worker.redis = worker_redis_init(&worker.config, "mailportal-worker",
					 worker_connected, NULL);
	worker_beat_init();
	worker_master_init();
	worker_follow_init();
	worker_log_init();
}

static void worker_begin(void)
{
	worker_begun = TRUE;
	worker_job_init();
	worker_lanes_init();
	worker_queue_init();
	worker_sweep_init();
}

static void worker_end(void)
{
	if (worker_follows) {
		worker_log_deinit();
		worker_follow_deinit();
		worker_master_deinit();
		worker_beat_deinit();
	}
	if (worker_begun) {
		worker_sweep_deinit();
		worker_queue_deinit();
	}
	if (worker_follows)
		worker_redis_deinit(&worker.redis);
	if (worker_begun) {
		worker_lanes_deinit();
		worker_schedule_deinit();
		worker_job_deinit();
		worker_publish_deinit();
	}
}

/* An older worker may still end, and lanes of one that was killed. */

static int worker_lock_open(const char *name, int *fd_r, const char **error_r)
{
	const char *path =
		t_strconcat(worker.config.state_dir, "/", name, NULL);

	*fd_r = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd_r == -1) {
		*error_r = t_strdup_printf("open(%s) failed: %m", path);
		return -1;
	}
	return 0;
}

static bool worker_lock_try(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return TRUE;
	if (errno != EWOULDBLOCK && errno != EINTR)
		i_fatal("flock(%s) failed: %m", worker.config.state_dir);
	return FALSE;
}

static void worker_lock(struct worker *self ATTR_UNUSED)
{
	if (!worker_lock_try(worker_lock_fd))
		return;
	if (!worker_follows)
		worker_follow();
	if (!worker_lock_try(worker_lanes_lock_fd))
		return;

	/* the lanes take it in turn from here on */
	i_close_fd(&worker_lanes_lock_fd);
	timeout_remove(&to_lock);
	worker_begin();
}

static int worker_lock_init(const char **error_r)
{
	const char *dir = worker.config.state_dir;

	/* Dovecot's auth must find its file in it, and read no other */
	if (mkdir_parents(dir, 0711) < 0 && errno != EEXIST) {
		*error_r = t_strdup_printf("mkdir(%s) failed: %m", dir);
		return -1;
	}
	if (worker_lock_open("worker.lock", &worker_lock_fd, error_r) < 0 ||
	    worker_lock_open("lanes.lock", &worker_lanes_lock_fd, error_r) < 0)
		return -1;
	to_lock = timeout_add_short(WORKER_LOCK_MSECS, worker_lock, &worker);
	return 0;
}

static void worker_lock_deinit(void)
{
	timeout_remove(&to_lock);
	i_close_fd(&worker_lanes_lock_fd);
	i_close_fd(&worker_lock_fd);
}

/*
 * What is wrong here may be mended by an operator, and Dovecot does not start
 * a program again that has failed at its start: so it is tried again.
 */

static int worker_start_try(const char **error_r)
{
	if (worker_config_read(worker_config_path, &worker.config, error_r) < 0)
		return -1;
	if (worker_lock_init(error_r) < 0) {
		worker_lock_deinit();
		worker_config_free(&worker.config);
		return -1;
	}
	return 0;
}

static void worker_start(struct worker *self ATTR_UNUSED)
{
	const char *error;

	if (worker_start_try(&error) == 0) {
		i_free(worker_start_problem);
		timeout_remove(&to_start);
		return;
	}
	if (null_strcmp(worker_start_problem, error) == 0)
		return;
	i_free(worker_start_problem);
	worker_start_problem = i_strdup(error);
	compat_log_wait();
	i_error("%s", error);
}

static const char *worker_waits(void)
{
	if (worker_start_problem != NULL)
		return worker_start_problem;
	return worker_begun ?
		       NULL :
		       "waits for an older one, or for its lanes, to end";
}

/*
 * Dovecot follows a worker by another, but not one that has ended before it
 * had begun: that one is missed when somebody wants to speak with it.  What
 * stands in the FIFO that Dovecot holds open for us, and nobody ever reads, is
 * always somebody.
 */
static void worker_want_next(void)
{
	unsigned int i, n = master_service_get_socket_count(master_service);
	struct stat st;
	int fd, used;

	for (i = 0; i < n; i++) {
		fd = MASTER_LISTEN_FD_FIRST + i;
		if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
			continue;
		if (ioctl(fd, FIONREAD, &used) < 0 ||
		    (used == 0 && write(fd, "\n", 1) < 0))
			i_error("The FIFO of the worker: %m");
	}
}

static void client_connected(struct master_service_connection *conn)
{
	master_service_client_connection_accept(conn);
	/* kept, unread: see worker_want_next() */
	if (conn->fifo)
		return;
	worker_status_send(conn->fd, worker_waits());
	i_close_fd(&conn->fd);
	master_service_client_connection_destroyed(master_service);
}

/* Stopping: users at hand are waited for, a moment */

static void worker_stopped(void)
{
	timeout_remove(&to_stop);
	master_service_stop(master_service);
}

static void worker_stop_late(struct worker *self ATTR_UNUSED)
{
	worker_stopped();
}

static void worker_die(void)
{
	if (!worker_begun) {
		master_service_stop(master_service);
		return;
	}
	if (to_stop != NULL)
		return;
	to_stop = timeout_add(WORKER_STOP_MSECS, worker_stop_late, &worker);
	worker_queue_stop();
	worker_lanes_stop(worker_stopped);
}

int main(int argc, char *argv[])
{
	const enum master_service_flags flags =
		MASTER_SERVICE_FLAG_NO_SSL_INIT |
		MASTER_SERVICE_FLAG_NO_IDLE_DIE |
		MASTER_SERVICE_FLAG_UPDATE_PROCTITLE;
	const char *error;

	/* Dovecot's own check advises to ignore versions */
	if (!compat_version_check(&error)) {
		compat_version_refuse("mailportal-worker", error);
		return FATAL_DEFAULT;
	}
	worker_config_path = worker_config_arg(&argc, argv);
	master_service =
		master_service_init("mailportal", flags, &argc, &argv, "");
	if (master_getopt(master_service) > 0)
		return FATAL_DEFAULT;
	if (master_service_settings_read_simple(master_service, NULL, &error) <
	    0)
		i_fatal("Error reading configuration: %s", error);
	master_service_init_log(master_service);
	worker_want_next();
	restrict_access_by_env(RESTRICT_ACCESS_FLAG_ALLOW_ROOT, NULL);

	master_service_set_die_with_master(master_service, TRUE);
	master_service_set_die_callback(master_service, worker_die);
	master_service_init_finish(master_service);
	to_start = timeout_add(WORKER_START_MSECS, worker_start, &worker);
	worker_start(&worker);

	master_service_run(master_service, client_connected);

	timeout_remove(&to_start);
	timeout_remove(&to_stop);
	worker_end();
	worker_lock_deinit();
	worker_config_free(&worker.config);
	i_free(worker_start_problem);
	master_service_deinit(&master_service);
	return 0;
}
