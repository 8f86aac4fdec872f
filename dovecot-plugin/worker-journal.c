/* The journal of jobs: folders, small files, and who is finished. */

#include "lib.h"
#include "array.h"
#include "buffer.h"
#include "fdatasync-path.h"
#include "istream.h"
#include "mkdir-parents.h"
#include "str.h"
#include "str-sanitize.h"
#include "unlink-directory.h"
#include "write-full.h"
#include "worker.h"
#include "worker-journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct worker_journal_id {
	char text[MP_JOB_ID_SIZE];
};

static ARRAY(struct worker_journal_id) worker_finished;
static int worker_finished_fd = -1;
static unsigned int worker_finished_lines;

const char *worker_journal_path(const char *id, const char *name)
{
	return t_strdup_printf("%s/jobs/%s/%s", worker.config.state_dir, id,
			       name);
}

static const char *worker_journal_dir(const char *id)
{
	return t_strdup_printf("%s/jobs/%s", worker.config.state_dir, id);
}

static int
worker_journal_failed(const char *call, const char *path, const char **error_r)
{
	*error_r = t_strdup_printf("%s(%s) failed: %m", call, path);
	return -1;
}

/* Files that are written whole */

static int worker_journal_write(const char *path, const void *bytes,
				size_t size, const char **error_r)
{
	const char *temp = t_strconcat(path, ".tmp", NULL);
	int fd, ret = 0;

	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1)
		return worker_journal_failed("open", temp, error_r);
	if (write_full(fd, bytes, size) < 0)
		ret = worker_journal_failed("write", temp, error_r);
	else if (fdatasync(fd) < 0)
		ret = worker_journal_failed("fdatasync", temp, error_r);
	else if (rename(temp, path) < 0)
		ret = worker_journal_failed("rename", temp, error_r);
	i_close_fd(&fd);
	if (ret < 0)
		i_unlink_if_exists(temp);
	return ret;
}

int worker_journal_put(const char *id, const char *name, const void *bytes,
		       size_t size, const char **error_r)
{
	const char *dir = worker_journal_dir(id);
	const char *jobs = t_strconcat(worker.config.state_dir, "/jobs", NULL);
	bool made = mkdir(dir, 0700) == 0;

	if (!made && errno != EEXIST)
		return worker_journal_failed("mkdir", dir, error_r);
	if (worker_journal_write(worker_journal_path(id, name), bytes, size,
				 error_r) < 0)
		return -1;
	if (fdatasync_path(dir) < 0)
		return worker_journal_failed("fdatasync", dir, error_r);
	if (made && fdatasync_path(jobs) < 0)
		return worker_journal_failed("fdatasync", jobs, error_r);
	return 0;
}

int worker_journal_get(const char *id, const char *name, size_t size_max,
		       buffer_t *bytes, const char **error_r)
{
	const char *path = worker_journal_path(id, name);
	struct istream *input;
	const unsigned char *data;
	size_t size;
	int ret = 1;

	input = i_stream_create_file(path, IO_BLOCK_SIZE);
	while (bytes->used <= size_max &&
	       i_stream_read_more(input, &data, &size) > 0) {
		buffer_append(bytes, data, size);
		i_stream_skip(input, size);
	}
	if (input->stream_errno == ENOENT) {
		ret = 0;
	} else if (input->stream_errno != 0) {
		errno = input->stream_errno;
		ret = worker_journal_failed("read", path, error_r);
	} else if (bytes->used > size_max) {
		*error_r = t_strdup_printf("%s: is too long", path);
		ret = -1;
	}
	i_stream_unref(&input);
	return ret;
}

/* Folders */

int worker_journal_remove(const char *id, const char **error_r)
{
	return unlink_directory(worker_journal_dir(id),
				UNLINK_DIRECTORY_FLAG_RMDIR, error_r) < 0 ?
		       -1 :
		       0;
}

static void worker_journal_remove_logged(const char *id)
{
	const char *error;

	if (worker_journal_remove(id, &error) < 0)
		i_error("%s", error);
}

/* A folder in which nothing was written to its end yet, or of the past. */
static bool worker_journal_is_waste(const char *id)
{
	struct stat st;

	return strcmp(id, "usage") == 0 || worker_journal_is_finished(id) ||
	       (stat(worker_journal_path(id, "job"), &st) < 0 &&
		errno == ENOENT);
}

static int worker_journal_id_cmp(const char *const *a, const char *const *b)
{
	return strcmp(*a, *b);
}

const char *const *worker_journal_ids(void)
{
	const char *path = t_strconcat(worker.config.state_dir, "/jobs", NULL);
	ARRAY_TYPE(const_string) ids;
	struct dirent *entry;
	const char *id;
	DIR *dir;

	t_array_init(&ids, 64);
	dir = opendir(path);
	if (dir == NULL)
		i_error("opendir(%s) failed: %m", path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		id = t_strdup(entry->d_name);
		if (*id == '.')
			continue;
		if (strcmp(id, "usage") != 0 &&
		    !mp_job_id_check(id, strlen(id), NULL)) {
			i_warning("%s/%s: is no job, and is left alone", path,
				  str_sanitize(id, 80));
			continue;
		}
		if (worker_journal_is_waste(id))
			worker_journal_remove_logged(id);
		else
			array_push_back(&ids, &id);
	}
	if (dir != NULL)
		(void)closedir(dir);

	array_sort(&ids, worker_journal_id_cmp);
	array_append_zero(&ids);
	return array_front(&ids);
}

/* Who is finished */

static const char *worker_finished_path(void)
{
	return t_strconcat(worker.config.state_dir, "/finished", NULL);
}

static void worker_finished_add(const char *id)
{
	struct worker_journal_id *new_id;

	if (array_count(&worker_finished) >= WORKER_JOURNAL_FINISHED_MAX)
		array_pop_front(&worker_finished);
	new_id = array_append_space(&worker_finished);
	i_strocpy(new_id->text, id, sizeof(new_id->text));
}

/* The file as it should be: what is not in it any more has gone by. */
static int worker_finished_rewrite(const char **error_r)
{
	const char *path = worker_finished_path();
	const struct worker_journal_id *id;
	string_t *bytes = t_str_new(4096);

	array_foreach(&worker_finished, id) {
		str_append(bytes, id->text);
		str_append_c(bytes, '\n');
	}
	i_close_fd(&worker_finished_fd);
	if (worker_journal_write(path, str_data(bytes), str_len(bytes),
				 error_r) < 0)
		return -1;
	worker_finished_lines = array_count(&worker_finished);
	worker_finished_fd =
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (worker_finished_fd == -1)
		return worker_journal_failed("open", path, error_r);
	return 0;
}

static void worker_finished_read(void)
{
	const char *path = worker_finished_path();
	struct istream *input = i_stream_create_file(path, IO_BLOCK_SIZE);
	unsigned int bad = 0;
	const char *line;

	i_stream_set_return_partial_line(input, TRUE);
	while ((line = i_stream_read_next_line(input)) != NULL) {
		if (mp_job_id_check(line, strlen(line), NULL))
			worker_finished_add(line);
		else
			bad++;
	}
	if (input->stream_errno != 0 && input->stream_errno != ENOENT) {
		i_error("read(%s) failed: %s", path, i_stream_get_error(input));
	}
	if (bad > 0)
		i_warning("%s: %u lines are none of ours: dropped", path, bad);
	i_stream_unref(&input);
}

bool worker_journal_is_finished(const char *id)
{
	const struct worker_journal_id *finished;

	array_foreach(&worker_finished, finished) {
		if (strcmp(finished->text, id) == 0)
			return TRUE;
	}
	return FALSE;
}

int worker_journal_finish(const char *id, const char **error_r)
{
	const char *line = t_strconcat(id, "\n", NULL);

	if (!worker_journal_is_finished(id)) {
		worker_finished_add(id);
		if (worker_finished_fd == -1 ||
		    ++worker_finished_lines > 2 * WORKER_JOURNAL_FINISHED_MAX) {
			if (worker_finished_rewrite(error_r) < 0)
				return -1;
		} else if (write_full(worker_finished_fd, line, strlen(line)) <
				   0 ||
			   fdatasync(worker_finished_fd) < 0) {
			i_close_fd(&worker_finished_fd);
			return worker_journal_failed(
				"write", worker_finished_path(), error_r);
		}
	}
	return worker_journal_remove(id, error_r);
}

int worker_journal_init(const char **error_r)
{
	const char *path = t_strconcat(worker.config.state_dir, "/jobs", NULL);

	if (mkdir_parents(path, 0700) < 0 && errno != EEXIST)
		return worker_journal_failed("mkdir", path, error_r);
	i_array_init(&worker_finished, WORKER_JOURNAL_FINISHED_MAX);
	worker_finished_read();
	return worker_finished_rewrite(error_r);
}

void worker_journal_deinit(void)
{
	i_close_fd(&worker_finished_fd);
	if (array_is_created(&worker_finished))
		array_free(&worker_finished);
}
