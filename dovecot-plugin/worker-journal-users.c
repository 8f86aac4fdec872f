/*
 * The users of a job: one a line, escaped by str_tabescape(), and a last line
 * ":<users> <crc32>", without which the file is not whole.
 */

#include "lib.h"
#include "crc32.h"
#include "istream.h"
#include "ostream.h"
#include "str.h"
#include "strescape.h"
#include "worker-config.h"
#include "worker-journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* A longer name is cut to this: it is no name of a user in any case. */
#define WORKER_USERS_NAME_MAX 2048
#define WORKER_USERS_LINE_MAX (2 * WORKER_USERS_NAME_MAX + 2)

struct worker_users_writer {
	char *path, *temp;
	struct ostream *output;
	uint32_t count, crc;
};

struct worker_users_reader {
	char *path;
	struct istream *input;
	char *line; /* the next, NULL at the end */
	string_t *user;
	uint32_t count, crc;
};

int worker_users_write(const char *id, struct worker_users_writer **writer_r,
		       const char **error_r)
{
	const char *path = worker_journal_path(id, "users");
	const char *temp = t_strconcat(path, ".tmp", NULL);
	struct worker_users_writer *writer;
	int fd;

	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1) {
		*error_r = t_strdup_printf("open(%s) failed: %m", temp);
		return -1;
	}
	writer = i_new(struct worker_users_writer, 1);
	writer->path = i_strdup(path);
	writer->temp = i_strdup(temp);
	writer->output = o_stream_create_fd_file_autoclose(&fd, 0);
	o_stream_set_name(writer->output, temp);
	o_stream_cork(writer->output);
	*writer_r = writer;
	return 0;
}

void worker_users_add(struct worker_users_writer *writer, const char *user)
{
	T_BEGIN {
		string_t *line = t_str_new(128);

		str_append_tabescaped_n(
			line, (const unsigned char *)user,
			I_MIN(strlen(user), WORKER_USERS_NAME_MAX));
		str_append_c(line, '\n');
		writer->crc = crc32_data_more(writer->crc, str_data(line),
					      str_len(line));
		writer->count++;
		/* that it failed is seen when it is closed */
		o_stream_nsend(writer->output, str_data(line), str_len(line));
	}
	T_END;
}

static void worker_users_free(struct worker_users_writer **_writer)
{
	struct worker_users_writer *writer = *_writer;

	*_writer = NULL;
	o_stream_destroy(&writer->output);
	i_unlink_if_exists(writer->temp);
	i_free(writer->temp);
	i_free(writer->path);
	i_free(writer);
}

int worker_users_close(struct worker_users_writer **_writer,
		       const char **error_r)
{
	struct worker_users_writer *writer = *_writer;
	int ret = -1;

	o_stream_nsend_str(
		writer->output,
		t_strdup_printf(":%u %08x\n", writer->count, writer->crc));
	if (o_stream_finish(writer->output) < 0) {
		*error_r = t_strdup_printf("write(%s) failed: %s", writer->temp,
					   o_stream_get_error(writer->output));
	} else if (fdatasync(o_stream_get_fd(writer->output)) < 0) {
		*error_r = t_strdup_printf("fdatasync(%s) failed: %m",
					   writer->temp);
	} else if (rename(writer->temp, writer->path) < 0) {
		*error_r =
			t_strdup_printf("rename(%s) failed: %m", writer->temp);
	} else {
		ret = 0;
	}
	worker_users_free(_writer);
	return ret;
}

void worker_users_abort(struct worker_users_writer **writer)
{
	o_stream_abort((*writer)->output);
	worker_users_free(writer);
}

static void worker_users_step(struct worker_users_reader *reader)
{
	const char *line = i_stream_read_next_line(reader->input);

	i_free(reader->line);
	reader->line = i_strdup(line);
}

int worker_users_read(const char *id, struct worker_users_reader **reader_r,
		      const char **error_r)
{
	const char *path = worker_journal_path(id, "users");
	struct worker_users_reader *reader;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1) {
		*error_r = t_strdup_printf("open(%s) failed: %m", path);
		return -1;
	}
	reader = i_new(struct worker_users_reader, 1);
	reader->path = i_strdup(path);
	reader->input =
		i_stream_create_fd_autoclose(&fd, WORKER_USERS_LINE_MAX);
	reader->user = str_new(default_pool, 128);
	worker_users_step(reader);
	*reader_r = reader;
	return 0;
}

/* The last line, against what was read. */
static int worker_users_check(struct worker_users_reader *reader,
			      const char *line, const char **error_r)
{
	const char *end =
		t_strdup_printf(":%u %08x", reader->count, reader->crc);

	if (reader->input->stream_errno != 0) {
		*error_r = t_strdup_printf("%s is damaged: %s", reader->path,
					   i_stream_get_error(reader->input));
		return -1;
	}
	if (null_strcmp(line, end) != 0) {
		*error_r = t_strdup_printf("%s is damaged: its last line "
					   "does not fit",
					   reader->path);
		return -1;
	}
	return 0;
}

int worker_users_next(struct worker_users_reader *reader, const char **user_r,
		      const char **error_r)
{
	char *line = reader->line;
	int ret = 1;

	reader->line = NULL;
	worker_users_step(reader);

	if (reader->line == NULL) {
		ret = worker_users_check(reader, line, error_r);
	} else {
		reader->crc = crc32_data_more(reader->crc, line, strlen(line));
		reader->crc = crc32_data_more(reader->crc, "\n", 1);
		reader->count++;
		str_truncate(reader->user, 0);
		str_append_tabunescaped(reader->user, line, strlen(line));
		*user_r = str_c(reader->user);
	}
	i_free(line);
	return ret;
}

void worker_users_read_end(struct worker_users_reader **_reader)
{
	struct worker_users_reader *reader = *_reader;

	if (reader == NULL)
		return;
	*_reader = NULL;
	i_stream_unref(&reader->input);
	str_free(&reader->user);
	i_free(reader->line);
	i_free(reader->path);
	i_free(reader);
}
