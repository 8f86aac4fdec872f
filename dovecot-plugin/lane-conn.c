/* The worker's connection to a lane. */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "istream.h"
#include "ostream.h"
#include "str.h"
#include "net.h"
#include "fd-util.h"
#include "master-service.h"
#include "common-journal.h"
#include "common-wire.h"
#include "lane.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* A worker asks for the next user while it waits for one, not for many. */
#define LANE_QUEUE_MAX 64

struct lane_conn {
	int fd, lock_fd;
	struct istream *input;
	struct ostream *output;
	struct io *io;
	struct timeout *to_next;
	ARRAY(char *) queue; /* lines of requests */
	bool version_received;
};

static struct lane_conn *lane_conn;

static void lane_conn_next(struct lane_conn *conn);

/* Held while a user is worked on: see worker_lock() of the worker. */
static int lane_conn_lock_open(void)
{
	const char *path =
		t_strconcat(lane.config.state_dir, "/lanes.lock", NULL);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		i_error("open(%s) failed: %m", path);
	return fd;
}

static int lane_conn_lock(struct lane_conn *conn, int operation)
{
	while (flock(conn->lock_fd, operation) < 0) {
		if (errno != EINTR) {
			i_error("flock(%s/lanes.lock) failed: %m",
				lane.config.state_dir);
			return -1;
		}
	}
	return 0;
}

static void lane_conn_drop(struct lane_conn *conn)
{
	struct lane_request request;
	struct lane_answer answer;
	string_t *output = t_str_new(64);
	const char *error;
	char *line;

	i_zero(&answer);
	answer.status = LANE_DROP;
	array_foreach_elem(&conn->queue, line) {
		if (lane_wire_get_request(line, &request, &error) >= 0)
			lane_wire_put_answer(output, request.seq, &answer);
		i_free(line);
	}
	array_clear(&conn->queue);
	o_stream_nsend(conn->output, str_data(output), str_len(output));
}

void lane_conn_destroy(void)
{
	struct lane_conn *conn = lane_conn;

	if (conn == NULL)
		return;
	lane_conn = NULL;

	lane_conn_drop(conn);
	/* what is answered is done, and must not be done again */
	net_set_nonblock(conn->fd, FALSE);
	(void)o_stream_flush(conn->output);

	timeout_remove(&conn->to_next);
	io_remove(&conn->io);
	i_stream_destroy(&conn->input);
	o_stream_destroy(&conn->output);
	array_free(&conn->queue);
	i_close_fd(&conn->fd);
	i_close_fd(&conn->lock_fd);
	i_free(conn);
	master_service_client_connection_destroyed(master_service);
}

static int lane_conn_version(struct lane_conn *conn, const char *line,
			     const char **error_r)
{
	if (lane_wire_get_version(line, error_r) < 0)
		return -1;
	conn->version_received = TRUE;
	return 0;
}

static int
lane_conn_line(struct lane_conn *conn, const char *line, const char **error_r)
{
	struct lane_request request;
	char *copy;

	if (!conn->version_received)
		return lane_conn_version(conn, line, error_r);
	if (strcmp(line, "CANCEL") == 0) {
		lane_conn_drop(conn);
		return 0;
	}
	if (lane_wire_get_request(line, &request, error_r) < 0)
		return -1;
	if (array_count(&conn->queue) >= LANE_QUEUE_MAX) {
		*error_r = "too many requests";
		return -1;
	}
	copy = i_strdup(line);
	array_push_back(&conn->queue, &copy);
	if (conn->to_next == NULL)
		conn->to_next = timeout_add_short(0, lane_conn_next, conn);
	return 0;
}

static int lane_conn_lines(struct lane_conn *conn, const char **error_r)
{
	const char *line;
	int ret = 0;

	while (ret == 0 && (line = i_stream_next_line(conn->input)) != NULL) {
		T_BEGIN {
			ret = lane_conn_line(conn, line, error_r);
		}
		T_END_PASS_STR_IF(ret < 0, error_r);
	}
	return ret;
}

/* FALSE: there is no connection any more */
static bool lane_conn_read(struct lane_conn *conn)
{
	const char *error = NULL;
	ssize_t ret;

	while ((ret = i_stream_read(conn->input)) > 0) {
		if (lane_conn_lines(conn, &error) < 0)
			break;
	}
	if (ret == 0)
		return TRUE;
	if (ret == -2)
		error = "a line is too long";
	if (error != NULL)
		i_error("the worker's connection is closed: %s", error);

	/* nobody waits for what has not begun */
	lane_conn_destroy();
	return FALSE;
}

static void lane_conn_input(struct lane_conn *conn)
{
	(void)lane_conn_read(conn);
}

/* Before the worker has it: it may have ended, and another one reads there. */
static void
lane_conn_write_down(const struct lane_request *request, string_t *output)
{
	const char *error;

	if (request->job != NULL &&
	    common_journal_append(lane.config.state_dir, request->job,
				  str_c(output), &error) < 0)
		i_error("%s", error);
}

static void lane_conn_refuse(const struct lane_request *request,
			     string_t *output, const char *error)
{
	struct lane_answer answer;

	i_error("a request is refused: %s", error);
	i_zero(&answer);
	answer.status = LANE_FAIL;
	answer.text = error;
	lane_wire_put_answer(output, request->seq, &answer);
}

static void lane_conn_answer(struct lane_conn *conn, const char *line)
{
	/* it grows in other frames of the data stack */
	string_t *output = str_new(default_pool, 1024);
	struct lane_request request;
	const char *error;

	if (lane_wire_get_request(line, &request, &error) > 0) {
		lane_work(&request, output);
		lane_conn_write_down(&request, output);
	} else {
		lane_conn_refuse(&request, output, error);
	}
	o_stream_nsend(conn->output, str_data(output), str_len(output));
	str_free(&output);
}

static void lane_conn_user(struct lane_conn *conn)
{
	char *line = array_idx_elem(&conn->queue, 0);

	array_pop_front(&conn->queue);
	T_BEGIN {
		lane_conn_answer(conn, line);
	}
	T_END;
	i_free(line);
	lane.users++;
}

static void lane_conn_next(struct lane_conn *conn)
{
	unsigned int users = lane.users;

	if (array_count(&conn->queue) == 0) {
		timeout_remove(&conn->to_next);
		return;
	}
	if (lane_conn_lock(conn, LOCK_SH) < 0) {
		lane_conn_destroy();
		return;
	}
	/* a CANCEL, or the worker's end, may have come meanwhile */
	if (!lane_conn_read(conn))
		return;
	if (array_count(&conn->queue) > 0)
		lane_conn_user(conn);
	(void)lane_conn_lock(conn, LOCK_UN);

	/* so that nothing that a library keeps of its users grows for ever */
	if (lane.users > users && lane.users == lane.config.lane_users)
		lane_end();
}

void lane_conn_create(int fd)
{
	struct lane_conn *conn = i_new(struct lane_conn, 1);
	string_t *output = t_str_new(64);

	i_assert(lane_conn == NULL);
	lane_conn = conn;
	net_set_nonblock(fd, TRUE);
	conn->fd = fd;
	conn->lock_fd = lane_conn_lock_open();
	conn->input = i_stream_create_fd(fd, LANE_LINE_MAX);
	conn->output = o_stream_create_fd(fd, SIZE_MAX);
	o_stream_set_no_error_handling(conn->output, TRUE);
	conn->io = io_add_istream(conn->input, lane_conn_input, conn);
	i_array_init(&conn->queue, 4);
	if (conn->lock_fd == -1) {
		lane_conn_destroy();
		return;
	}
	lane_wire_put_version(output);
	o_stream_nsend(conn->output, str_data(output), str_len(output));
}
