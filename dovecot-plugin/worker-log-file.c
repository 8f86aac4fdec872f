/* Reads a log as it grows, through rotation. */

#include "lib.h"
#include "buffer.h"
#include "crc32.h"
#include "strnum.h"
#include "worker-log-file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes before the place, by which a log is known again: the last line, too. */
#define LOG_TAIL 512

/* A copy is not known by less. */
#define LOG_TAIL_MIN 128

/*
 * data holds bytes of the file up to offset + (used - pos): from pos on what
 * was not read yet, before it at least the tail.
 */
struct worker_log_file {
	char *path;
	int fd;
	struct stat st; /* of fd, when it was opened */
	uint64_t offset;
	unsigned char data[LOG_TAIL + WORKER_LOG_LINE_MAX];
	size_t pos, used;
	uint64_t passed; /* of a line that is too long: bytes after offset */
	bool partial;	 /* the first line was begun before we came */
	enum {
		LOG_GROWS,
		LOG_LEFT,  /* another one is written: read it once more */
		LOG_ENDED, /* what is there without an end is a line too */
	} state;
};

static size_t log_tail(const struct worker_log_file *file)
{
	return I_MIN(file->pos, LOG_TAIL);
}

static uint32_t log_check(const struct worker_log_file *file)
{
	size_t tail = log_tail(file);

	return tail == 0 ? 0 : crc32_data(file->data + file->pos - tail, tail);
}

/* Where it stands */

static void log_close(struct worker_log_file *file)
{
	i_close_fd(&file->fd);
	file->offset = file->passed = 0;
	file->pos = file->used = 0;
	file->partial = FALSE;
	file->state = LOG_GROWS;
}

/* Reads on at offset; FALSE when the file does not reach so far. */
static bool log_set(struct worker_log_file *file, uint64_t offset)
{
	size_t tail = I_MIN(offset, LOG_TAIL);

	file->offset = offset;
	file->passed = 0;
	file->pos = file->used = tail;
	return pread(file->fd, file->data, tail, offset - tail) ==
	       (ssize_t)tail;
}

/* fd is taken over. */
static bool log_open_fd(struct worker_log_file *file, int fd, uint64_t offset)
{
	log_close(file);
	file->fd = fd;
	if (fstat(fd, &file->st) == 0 && S_ISREG(file->st.st_mode) &&
	    log_set(file, offset))
		return TRUE;
	log_close(file);
	errno = EINVAL;
	return FALSE;
}

static bool
log_open(struct worker_log_file *file, const char *path, uint64_t offset)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	return fd != -1 && log_open_fd(file, fd, offset);
}

/* Whether the bytes before those to be read are still those that were. */
static bool log_is_same(struct worker_log_file *file)
{
	unsigned char bytes[LOG_TAIL];
	size_t tail = I_MIN(file->used, LOG_TAIL);
	uint64_t end = file->offset + (file->used - file->pos);

	return pread(file->fd, bytes, tail, end - tail) == (ssize_t)tail &&
	       memcmp(bytes, file->data + file->used - tail, tail) == 0;
}

static int time_cmp(const struct timespec *a, const struct timespec *b)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec < b->tv_sec ? -1 : 1;
	return a->tv_nsec == b->tv_nsec ? 0 : a->tv_nsec < b->tv_nsec ? -1 : 1;
}

/* What has become of it */

/* "mail.log.1", "mail.log-20261122": what is compressed is not read. */
static bool is_rotated_name(const char *name, const char *base)
{
	size_t len = strlen(base);

	return strncmp(name, base, len) == 0 &&
	       (name[len] == '.' || name[len] == '-') &&
	       name[len + 1] != '\0' &&
	       name[len + 1 + strspn(name + len + 1, "0123456789-")] == '\0';
}

struct log_search {
	struct worker_log_file *file;
	/* TRUE ends the search */
	bool (*look)(struct log_search *search, const char *path);
	const struct worker_log_place *place;
	struct timespec after; /* the first that was changed after it */
	struct timespec found;
	const char *path; /* what was found */
};

static bool log_search(struct log_search *search)
{
	const char *base = strrchr(search->file->path, '/') + 1;
	const char *dir = t_strdup_until(search->file->path, base);
	const struct dirent *entry;
	bool found = FALSE;
	DIR *handle;

	handle = opendir(dir);
	if (handle == NULL)
		return FALSE;
	while (!found && (entry = readdir(handle)) != NULL) {
		if (is_rotated_name(entry->d_name, base)) {
			found = search->look(
				search, t_strconcat(dir, entry->d_name, NULL));
		}
	}
	(void)closedir(handle);
	return found;
}

static bool log_open_place(struct worker_log_file *file, const char *path,
			   const struct worker_log_place *place, bool inode)
{
	if (!log_open(file, path, place->offset))
		return FALSE;
	if (log_check(file) == place->check &&
	    (inode ? file->st.st_ino == place->inode :
		     log_tail(file) >= LOG_TAIL_MIN))
		return TRUE;
	log_close(file);
	return FALSE;
}

static bool log_look_inode(struct log_search *search, const char *path)
{
	return log_open_place(search->file, path, search->place, TRUE);
}

static bool log_look_copy(struct log_search *search, const char *path)
{
	return log_open_place(search->file, path, search->place, FALSE);
}

bool worker_log_file_seek(struct worker_log_file *file,
			  const struct worker_log_place *place)
{
	struct log_search search;

	i_zero(&search);
	search.file = file;
	search.place = place;

	if (log_open_place(file, file->path, place, TRUE))
		return TRUE;
	search.look = log_look_inode;
	if (log_search(&search))
		return TRUE;
	if (log_open_place(file, file->path, place, FALSE))
		return TRUE;
	search.look = log_look_copy;
	if (log_search(&search))
		return TRUE;

	(void)log_open(file, file->path, 0);
	return FALSE;
}

/* It was cut: what we did not read is perhaps in a copy. */
static void log_lost(struct worker_log_file *file)
{
	struct worker_log_place place;
	struct log_search search;

	(void)worker_log_file_tell(file, &place);
	i_zero(&search);
	search.file = file;
	search.place = &place;
	search.look = log_look_copy;
	if (!log_search(&search))
		(void)log_open(file, file->path, 0);
}

static bool log_look_next(struct log_search *search, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_ino != search->file->st.st_ino &&
	    time_cmp(&st.st_mtim, &search->after) > 0 &&
	    (search->path == NULL ||
	     time_cmp(&st.st_mtim, &search->found) < 0)) {
		search->path = path;
		search->found = st.st_mtim;
	}
	return FALSE;
}

/* The log that came after this one, which is whole; NULL if none did yet. */
static const char *log_next_path(struct worker_log_file *file)
{
	struct log_search search;
	struct stat st, ours;

	/* an empty one may have been made before the old one was left */
	if (stat(file->path, &st) < 0 || st.st_size == 0 ||
	    fstat(file->fd, &ours) < 0 ||
	    (st.st_ino == ours.st_ino && st.st_dev == ours.st_dev))
		return NULL;

	i_zero(&search);
	search.file = file;
	search.after = ours.st_mtim;
	search.look = log_look_next;
	(void)log_search(&search);
	return search.path != NULL ? search.path : file->path;
}

/* Reading */

/* 1 there is more, 0 not yet, -1 failed */
static int log_fill(struct worker_log_file *file)
{
	size_t drop = file->pos - log_tail(file);
	ssize_t ret;

	memmove(file->data, file->data + drop, file->used - drop);
	file->pos -= drop;
	file->used -= drop;

	ret = pread(file->fd, file->data + file->used,
		    sizeof(file->data) - file->used,
		    file->offset + (file->used - file->pos));
	if (ret < 0)
		return -1;

	/* after the read: what was read then is of the same log */
	if (!log_is_same(file)) {
		log_lost(file);
		return file->fd == -1 ? 0 : 1;
	}
	file->used += ret;
	return ret > 0 ? 1 : 0;
}

/* Passes over more of a line that does not fit; its end is where it ends. */
static int log_pass(struct worker_log_file *file)
{
	unsigned char *data = file->data + file->pos;
	const unsigned char *end;
	ssize_t ret;

	/* from here on only the tail is in memory */
	file->passed += file->used - file->pos;
	file->used = file->pos;

	ret = pread(file->fd, data, WORKER_LOG_LINE_MAX,
		    file->offset + file->passed);
	if (ret <= 0)
		return ret;
	if (!log_is_same(file)) {
		log_lost(file);
		return file->fd == -1 ? 0 : 1;
	}
	end = memchr(data, '\n', ret);
	if (end == NULL) {
		file->passed += ret;
		return 1;
	}
	file->passed += end - data + 1;
	file->partial = FALSE;
	return log_set(file, file->offset + file->passed) ? 1 : -1;
}

/* A line of what is in memory. */
static bool
log_take(struct worker_log_file *file, const char **line_r, size_t *len_r)
{
	const unsigned char *begin = file->data + file->pos, *end;
	size_t len = file->used - file->pos;

	end = memchr(begin, '\n', len);
	if (end == NULL && (file->state != LOG_ENDED || len == 0))
		return FALSE;
	*line_r = (const char *)begin;
	*len_r = end == NULL ? len : (size_t)(end - begin);
	len = *len_r + (end == NULL ? 0 : 1);
	file->pos += len;
	file->offset += len;
	return TRUE;
}

/* At the end of the file: 1 it goes on elsewhere, 0 wait. */
static int log_turn(struct worker_log_file *file)
{
	const char *path = log_next_path(file);

	if (path == NULL)
		return 0;
	if (file->state != LOG_ENDED) {
		file->state++;
		return 1;
	}
	return log_open(file, path, 0) ? 1 : 0;
}

static int log_more(struct worker_log_file *file, const char **error_r)
{
	int ret;

	if (file->fd == -1 && !log_open(file, file->path, 0)) {
		if (errno == ENOENT)
			return 0;
		*error_r = t_strdup_printf("%s cannot be read: %m", file->path);
		return -1;
	}
	if (file->passed > 0 || file->used - file->pos >= WORKER_LOG_LINE_MAX)
		ret = log_pass(file);
	else
		ret = log_fill(file);
	if (ret < 0) {
		*error_r = t_strdup_printf("%s cannot be read: %m", file->path);
		return -1;
	}
	return ret > 0 || file->fd == -1 ? ret : log_turn(file);
}

int worker_log_file_next(struct worker_log_file *file, const char **line_r,
			 size_t *len_r, const char **error_r)
{
	bool partial;
	int ret;

	do {
		while (log_take(file, line_r, len_r)) {
			partial = file->partial;
			file->partial = FALSE;
			if (!partial)
				return 1;
		}
		ret = log_more(file, error_r);
	} while (ret > 0);
	return ret;
}

bool worker_log_file_tell(struct worker_log_file *file,
			  struct worker_log_place *place_r)
{
	i_zero(place_r);
	if (file->fd == -1)
		return FALSE;
	place_r->inode = file->st.st_ino;
	place_r->offset = file->offset;
	place_r->check = log_check(file);
	return TRUE;
}

struct worker_log_file *worker_log_file_init(const char *path)
{
	struct worker_log_file *file = i_new(struct worker_log_file, 1);

	i_assert(path[0] == '/');
	file->path = i_strdup(path);
	file->fd = -1;
	if (log_open(file, path, 0) && file->st.st_size > 0 &&
	    log_set(file, file->st.st_size))
		file->partial = file->data[file->pos - 1] != '\n';
	return file;
}

void worker_log_file_deinit(struct worker_log_file **_file)
{
	struct worker_log_file *file = *_file;

	*_file = NULL;
	if (file == NULL)
		return;
	log_close(file);
	i_free(file->path);
	i_free(file);
}

void worker_log_place_render(char text_r[WORKER_LOG_PLACE_SIZE],
			     const struct worker_log_place *place)
{
	(void)i_snprintf(text_r, WORKER_LOG_PLACE_SIZE,
			 "%" PRIu64 " %" PRIu64 " %08" PRIx32, place->inode,
			 place->offset, place->check);
}

bool worker_log_place_parse(struct worker_log_place *place_r, const char *text)
{
	const char *const *args = t_strsplit(text, " ");
	uint64_t check;

	i_zero(place_r);
	if (str_array_length(args) != 3 ||
	    str_to_uint64(args[0], &place_r->inode) < 0 ||
	    str_to_uint64(args[1], &place_r->offset) < 0 ||
	    place_r->offset > INT64_MAX || strlen(args[2]) != 8 ||
	    str_to_uint64_hex(args[2], &check) < 0)
		return FALSE;
	place_r->check = check;
	return TRUE;
}
