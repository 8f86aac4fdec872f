/* doveadm mailportal status: what the worker says of itself. */

#include "lib.h"
#include "net.h"
#include "str.h"
#include "doveadm.h"
#include "doveadm-print.h"
#include "doveadm-private.h"
#include "worker-status.h"

#include <poll.h>
#include <unistd.h>

#define STATUS_MSECS 10000

static void doveadm_status_failed(const char *error)
{
	i_error("%s", error);
	doveadm_exit_code = EX_TEMPFAIL;
}

/* All that comes until the end; -1 with error_r. */
static int doveadm_status_read(int fd, string_t *text, const char **error_r)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	char buf[1024];
	ssize_t ret;

	for (;;) {
		ret = poll(&poll_fd, 1, STATUS_MSECS);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret == 0) {
			*error_r = "does not answer";
			return -1;
		}
		ret = read(fd, buf, sizeof(buf));
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret < 0) {
			*error_r = t_strdup_printf("read() failed: %m");
			return -1;
		}
		if (ret == 0)
			break;
		str_append_data(text, buf, ret);
	}
	if (str_len(text) == 0) {
		*error_r = "ended before it answered";
		return -1;
	}
	return 0;
}

/* Line by line, for doveadm's API makes JSON of them. */
static void doveadm_status_print(const char *text)
{
	const char *const *line;

	doveadm_print_init(DOVEADM_PRINT_TYPE_FLOW);
	doveadm_print_header("status", "status",
			     DOVEADM_PRINT_HEADER_FLAG_HIDE_TITLE);
	for (line = t_strsplit(text, "\n"); *line != NULL; line++) {
		if (**line != '\0')
			doveadm_print(*line);
	}
	doveadm_print_flush();
}

void doveadm_mailportal_status(struct doveadm_cmd_context *cctx ATTR_UNUSED)
{
	const char *path = t_strconcat(doveadm_settings->base_dir,
				       "/" WORKER_STATUS_SOCKET, NULL);
	string_t *text = t_str_new(1024);
	const char *error;
	int fd, ret;

	fd = net_connect_unix(path);
	if (fd == -1) {
		doveadm_status_failed(
			t_strdup_printf("mailportal-worker does not run: "
					"connect(%s) failed: %m",
					path));
		return;
	}
	ret = doveadm_status_read(fd, text, &error);
	i_close_fd(&fd);
	if (ret < 0) {
		doveadm_status_failed(
			t_strdup_printf("mailportal-worker %s", error));
		return;
	}
	doveadm_status_print(str_c(text));
}
