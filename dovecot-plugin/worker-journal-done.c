/* What was done of a job: the lines of common-journal.h. */

#include "lib.h"
#include "istream.h"
#include "str.h"
#include "strnum.h"
#include "write-full.h"
#include "common-journal.h"
#include "lane-wire.h"
#include "worker-journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct worker_done {
	char *path;
	int fd;
	struct istream *input; /* of a replay */
	unsigned int dropped;
};

/* A line without its LF ends a file that was torn; the next begins anew. */
static int worker_done_cut(int fd, const char *path, const char **error_r)
{
	char block[IO_BLOCK_SIZE];
	const char *lf = NULL;
	struct stat st;
	off_t end, start;
	ssize_t n;

	if (fstat(fd, &st) < 0) {
		*error_r = t_strdup_printf("fstat(%s) failed: %m", path);
		return -1;
	}
	for (end = st.st_size; end > 0 && lf == NULL; end = start) {
		start = end > IO_BLOCK_SIZE ? end - IO_BLOCK_SIZE : 0;
		n = pread(fd, block, end - start, start);
		if (n != end - start) {
			*error_r =
				t_strdup_printf("pread(%s) failed: %m", path);
			return -1;
		}
		lf = memrchr(block, '\n', n);
		if (lf != NULL)
			start += lf + 1 - block;
	}
	if (end == st.st_size)
		return 0;
	i_warning("%s: a torn line is cut off", path);
	if (ftruncate(fd, end) < 0) {
		*error_r = t_strdup_printf("ftruncate(%s) failed: %m", path);
		return -1;
	}
	return 0;
}

int worker_done_open(const char *id, struct worker_done **done_r,
		     const char **error_r)
{
	const char *path = worker_journal_path(id, "done");
	struct worker_done *done;
	int fd;

	fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd == -1) {
		*error_r = t_strdup_printf("open(%s) failed: %m", path);
		return -1;
	}
	if (worker_done_cut(fd, path, error_r) < 0) {
		i_close_fd(&fd);
		return -1;
	}
	done = i_new(struct worker_done, 1);
	done->path = i_strdup(path);
	done->fd = fd;
	*done_r = done;
	return 0;
}

void worker_done_close(struct worker_done **_done)
{
	struct worker_done *done = *_done;

	if (done == NULL)
		return;
	*_done = NULL;
	i_stream_unref(&done->input);
	i_close_fd(&done->fd);
	i_free(done->path);
	i_free(done);
}

int worker_done_append(struct worker_done *done, const char *lines, bool sync,
		       const char **error_r)
{
	string_t *bytes = t_str_new(256);

	common_journal_put(bytes, lines);
	if (write_full(done->fd, str_data(bytes), str_len(bytes)) < 0) {
		*error_r = t_strdup_printf("write(%s) failed: %m", done->path);
		return -1;
	}
	if (sync && fdatasync(done->fd) < 0) {
		*error_r =
			t_strdup_printf("fdatasync(%s) failed: %m", done->path);
		return -1;
	}
	return 0;
}

/* The next line without its "+", or NULL at the end. */
static const char *worker_done_next(struct worker_done *done)
{
	const unsigned char *data, *lf;
	bool too_long = FALSE;
	const char *line;
	size_t size;

	for (;;) {
		data = i_stream_get_data(done->input, &size);
		lf = size == 0 ? NULL : memchr(data, '\n', size);
		if (lf == NULL) {
			switch (i_stream_read(done->input)) {
			case -1:
				return NULL;
			case -2:
				too_long = TRUE;
				i_stream_skip(done->input, size);
			}
			continue;
		}

		line = *data == '+' && !too_long ?
			       t_strdup_until(data + 1, lf) :
			       NULL;
		if (line != NULL && strlen(line) + 1 != (size_t)(lf - data))
			line = NULL;
		i_stream_skip(done->input, lf + 1 - data);
		if (line != NULL)
			return line;
		done->dropped++;
		too_long = FALSE;
	}
}

static void worker_done_rewind(struct worker_done *done)
{
	/* anew, for a stream that was at its end sees no more */
	i_stream_unref(&done->input);
	done->input = i_stream_create_fd(done->fd, LANE_LINE_MAX * 2);
}

/* Adds a line that is about this user; TRUE when it is the last of them. */
static bool
worker_done_collect(const char *line, uint32_t index, string_t *lines)
{
	const char *const *fields = t_strsplit(line, "\t");
	uint32_t seq;

	if (str_to_uint32(fields[0], &seq) < 0 || seq != index ||
	    fields[1] == NULL)
		return FALSE;
	str_append(lines, line);
	str_append_c(lines, '\n');
	return strcmp(fields[1], "item") != 0;
}

bool worker_done_find(struct worker_done *done, uint32_t index, string_t *lines)
{
	bool more = TRUE, found = FALSE;

	worker_done_rewind(done);
	while (more && !found) {
		T_BEGIN {
			const char *line = worker_done_next(done);

			more = line != NULL;
			found = more && worker_done_collect(line, index, lines);
		}
		T_END;
	}
	i_stream_unref(&done->input);
	return found;
}

int worker_done_replay(struct worker_done *done, unsigned int max,
		       bool (*callback)(const char *line, void *context),
		       void *context)
{
	bool end = FALSE;

	if (done->input == NULL)
		worker_done_rewind(done);
	for (; max > 0 && !end; max--) {
		T_BEGIN {
			const char *line = worker_done_next(done);

			if (line == NULL)
				end = TRUE;
			else if (!callback(line, context))
				done->dropped++;
		}
		T_END;
	}
	if (!end)
		return 1;
	if (done->dropped > 0) {
		i_warning("%s: %u lines are none of ours: dropped", done->path,
			  done->dropped);
	}
	i_stream_unref(&done->input);
	return 0;
}
