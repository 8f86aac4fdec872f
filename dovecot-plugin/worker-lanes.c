/* The worker's side of lane-wire.h. */

#include "lib.h"
#include "connection.h"
#include "ioloop.h"
#include "istream.h"
#include "ostream.h"
#include "str.h"
#include "str-sanitize.h"
#include "master-service.h"
#include "master-service-settings.h"
#include "common-wire.h"
#include "worker.h"
#include "worker-job.h"
#include "worker-lanes.h"
#include "worker-schedule.h"

#include <sys/socket.h>
#include <unistd.h>

#define WORKER_LANE_IDLE_MSECS (60 * 1000)
/* Dovecot's master starts a process; another may have to end first. */
#define WORKER_LANE_HANDSHAKE_MSECS (60 * 1000)
#define WORKER_LANE_BACKOFF_MIN_MSECS 100
#define WORKER_LANE_BACKOFF_MAX_MSECS 5000

struct worker_lane {
	struct connection conn;
	bool open, ready;
	struct worker_task *task;
	string_t *lines;    /* of the task, as they came */
	unsigned int users; /* since it was opened */
	struct timeout *to; /* handshake, idle, or to open again */
	unsigned int backoff_msecs;
};

static struct connection_list *lane_conns;
static struct worker_lane *lanes;
static unsigned int lanes_count;
static struct timeout *to_run;
static void (*lanes_stopped)(void);
static char *lanes_problem;

static void worker_lanes_tell(const char *problem)
{
	if (problem != NULL && null_strcmp(lanes_problem, problem) != 0)
		i_error("%s", problem);
	i_free(lanes_problem);
	lanes_problem = i_strdup(problem);
}

/* Opening and closing */

static void worker_lane_wait_over(struct worker_lane *lane)
{
	timeout_remove(&lane->to);
	worker_lanes_wake();
}

/* It opens no sooner than after the back-off. */
static void worker_lane_back_off(struct worker_lane *lane)
{
	timeout_remove(&lane->to);
	lane->to =
		timeout_add(lane->backoff_msecs, worker_lane_wait_over, lane);
	lane->backoff_msecs =
		I_MIN(lane->backoff_msecs * 2, WORKER_LANE_BACKOFF_MAX_MSECS);
}

static void worker_lane_close(struct worker_lane *lane)
{
	if (!lane->open)
		return;
	lane->open = FALSE;
	lane->ready = FALSE;
	lane->users = 0;
	timeout_remove(&lane->to);
	connection_deinit(&lane->conn);
}

static void worker_lane_lost(struct connection *conn)
{
	struct worker_lane *lane = container_of(conn, struct worker_lane, conn);
	bool was_ready = lane->ready;

	worker_lane_close(lane);
	if (!was_ready) {
		worker_lanes_tell("mailportal-lane ends as soon as it begins: "
				  "see its lines in the log");
		worker_lane_back_off(lane);
	}
	str_truncate(lane->lines, 0);
	if (lane->task != NULL)
		T_BEGIN {
			i_warning("A lane ended while it worked on %s",
				  lane->task->user);
			worker_schedule_lost(&lane->task);
		}
	T_END;
	worker_lanes_wake();
}

static void worker_lane_late(struct worker_lane *lane)
{
	worker_lanes_tell(
		"mailportal-lane does not begin: see Dovecot's log, and "
		"process_limit of its service");
	worker_lane_close(lane);
	worker_lane_back_off(lane);
}

static void worker_lane_open(struct worker_lane *lane)
{
	const char *path = t_strconcat(
		master_service_settings_get(master_service)->base_dir,
		"/" LANE_SOCKET, NULL);
	string_t *version = t_str_new(64);

	connection_init_client_unix(lane_conns, &lane->conn, path);
	lane->open = TRUE;
	if (connection_client_connect(&lane->conn) < 0) {
		worker_lanes_tell(
			t_strdup_printf("connect(%s) failed: %m", path));
		worker_lane_close(lane);
		worker_lane_back_off(lane);
		return;
	}
	lane_wire_put_version(version);
	o_stream_nsend(lane->conn.output, str_data(version), str_len(version));
	lane->to = timeout_add(WORKER_LANE_HANDSHAKE_MSECS, worker_lane_late,
			       lane);
}

static int worker_lane_handshake(struct connection *conn, const char *line)
{
	struct worker_lane *lane = container_of(conn, struct worker_lane, conn);
	const char *error;

	if (lane_wire_get_version(line, &error) < 0) {
		worker_lanes_tell(
			t_strconcat("mailportal-lane: ", error, NULL));
		return -1;
	}
	timeout_remove(&lane->to);
	lane->ready = TRUE;
	lane->backoff_msecs = WORKER_LANE_BACKOFF_MIN_MSECS;
	worker_lanes_tell(NULL);
	worker_lanes_wake();
	return 1;
}

/* Work */

static void worker_lane_ask(struct worker_lane *lane)
{
	const struct worker_task *task = lane->task;
	const struct worker_job *job = task->job;
	struct lane_request request = {
		.seq = task->index,
		.user = task->user,
		.job = job->usage ? NULL : job->id,
		.action = job->run->action,
	};
	string_t *line = t_str_new(256);

	timeout_remove(&lane->to);
	lane_wire_put_request(line, &request);
	o_stream_nsend(lane->conn.output, str_data(line), str_len(line));
}

static int worker_lane_input(struct connection *conn, const char *line)
{
	struct worker_lane *lane = container_of(conn, struct worker_lane, conn);
	struct lane_reply reply;
	const char *error, *lines;

	if (lane_wire_get_reply(line, &reply, &error) < 0 ||
	    lane->task == NULL || reply.seq != lane->task->index) {
		i_error("mailportal-lane: not an answer to what was asked: %s",
			str_sanitize(line, 80));
		return -1;
	}
	str_append(lane->lines, line);
	str_append_c(lane->lines, '\n');
	if (reply.is_item)
		return 1;

	lines = t_strdup(str_c(lane->lines));
	str_truncate(lane->lines, 0);
	lane->users++;
	if (reply.answer.status == LANE_DROP)
		worker_schedule_dropped(&lane->task);
	else
		worker_schedule_done(&lane->task, lines);
	worker_lanes_wake();
	return 1;
}

static void worker_lane_idle(struct worker_lane *lane)
{
	worker_lane_close(lane);
}

/* One that has died need not have been told yet. */
static bool worker_lane_is_alive(const struct worker_lane *lane)
{
	char byte;

	return recv(lane->conn.fd_in, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       (errno == EAGAIN || errno == EINTR);
}

static void worker_lane_feed(struct worker_lane *lane)
{
	/* a process that has done much is replaced */
	if ((worker.config.lane_users > 0 &&
	     lane->users >= worker.config.lane_users) ||
	    !worker_lane_is_alive(lane)) {
		worker_lane_close(lane);
		return;
	}
	lane->task = worker_schedule_take();
	if (lane->task != NULL) {
		worker_lane_ask(lane);
	} else if (lane->to == NULL) {
		lane->to = timeout_add(WORKER_LANE_IDLE_MSECS, worker_lane_idle,
				       lane);
	}
}

static void worker_lanes_run(struct worker *self ATTR_UNUSED)
{
	struct worker_lane *lane, *closed = NULL;
	bool opening = FALSE;
	unsigned int i;

	timeout_remove(&to_run);
	if (lanes_stopped != NULL) {
		if (worker_lanes_busy() == 0)
			lanes_stopped();
		return;
	}
	for (i = 0; i < lanes_count; i++) {
		lane = &lanes[i];
		if (lane->ready && lane->task == NULL)
			worker_lane_feed(lane);
		opening = opening || (lane->open && !lane->ready);
		/* one that backs off has a timer */
		if (!lane->open && lane->to == NULL)
			closed = lane;
	}
	/* one after the other: the first may be enough */
	if (closed != NULL && !opening && worker_schedule_has())
		worker_lane_open(closed);
}

void worker_lanes_wake(void)
{
	if (to_run == NULL && lanes != NULL)
		to_run = timeout_add_short(0, worker_lanes_run, &worker);
}

void worker_lanes_cancel(const struct worker_job *job)
{
	unsigned int i;

	for (i = 0; i < lanes_count; i++) {
		if (lanes[i].task != NULL && lanes[i].task->job == job)
			o_stream_nsend_str(lanes[i].conn.output, "CANCEL\n");
	}
}

void worker_lanes_stop(void (*stopped)(void))
{
	lanes_stopped = stopped;
	worker_lanes_wake();
}

unsigned int worker_lanes_max(void)
{
	return lanes_count;
}

unsigned int worker_lanes_connected(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < lanes_count; i++)
		n += lanes[i].ready ? 1 : 0;
	return n;
}

unsigned int worker_lanes_busy(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < lanes_count; i++)
		n += lanes[i].task != NULL ? 1 : 0;
	return n;
}

const char *worker_lanes_problem(void)
{
	return lanes_problem;
}

static const struct connection_settings lane_settings = {
	.dont_send_version = TRUE,
	.service_name_in = LANE_SERVICE,
	.service_name_out = LANE_SERVICE,
	.major_version = LANE_VERSION_MAJOR,
	.minor_version = LANE_VERSION_MINOR,
	.input_max_size = LANE_LINE_MAX,
	.output_max_size = SIZE_MAX,
	.client = TRUE,
};

static const struct connection_vfuncs lane_vfuncs = {
	.destroy = worker_lane_lost,
	.handshake_line = worker_lane_handshake,
	.input_line = worker_lane_input,
};

/* A lane waits for the disk at the end of each user, so one more than there are
   processors keeps all of them at work. */
static unsigned int worker_lanes_default(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return processors > 0 ? processors + 1 : 2;
}

void worker_lanes_init(void)
{
	unsigned int i;

	lanes_count = worker.config.lanes > 0 ? worker.config.lanes :
						worker_lanes_default();
	lane_conns = connection_list_init(&lane_settings, &lane_vfuncs);
	lanes = i_new(struct worker_lane, lanes_count);
	for (i = 0; i < lanes_count; i++) {
		lanes[i].lines = str_new(default_pool, 256);
		lanes[i].backoff_msecs = WORKER_LANE_BACKOFF_MIN_MSECS;
	}
	worker_lanes_wake();
}

void worker_lanes_deinit(void)
{
	unsigned int i;

	timeout_remove(&to_run);
	for (i = 0; i < lanes_count; i++) {
		struct worker_lane *lane = &lanes[i];

		worker_lane_close(lane);
		timeout_remove(&lane->to);
		if (lane->task != NULL)
			worker_schedule_forget(&lane->task);
		str_free(&lane->lines);
	}
	lanes_count = 0;
	i_free(lanes);
	connection_list_deinit(&lane_conns);
	i_free(lanes_problem);
}
