/* Reads and replaces small files. */

#include "lib.h"
#include "fdatasync-path.h"
#include "str.h"
#include "write-full.h"
#include "worker-file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int
worker_file_fill(int fd, const struct worker_file *how, const char *text)
{
	struct timespec times[2];

	i_zero(&times);
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_sec = how->mtime;
	times[1].tv_nsec = how->mtime == 0 ? UTIME_NOW : 0;

	if (write_full(fd, text, strlen(text)) < 0 ||
	    fchown(fd, (uid_t)-1, how->gid) < 0 || fchmod(fd, how->mode) < 0 ||
	    futimens(fd, times) < 0 || fsync(fd) < 0)
		return -1;
	return 0;
}

int worker_file_write(const char *path, const struct worker_file *how,
		      const char *text, const char **error_r)
{
	const char *temp = t_strconcat(path, ".new", NULL);
	const char *slash = strrchr(path, '/');
	int fd, ret;

	i_assert(slash != NULL);

	/* of one that did not come to its end; never follow a link */
	i_unlink_if_exists(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		  0600);
	if (fd == -1) {
		*error_r = t_strdup_printf("open(%s) failed: %m", temp);
		return -1;
	}
	ret = worker_file_fill(fd, how, text);
	if (ret < 0)
		*error_r = t_strdup_printf("write(%s) failed: %m", temp);
	i_close_fd(&fd);

	if (ret == 0 && rename(temp, path) < 0) {
		*error_r = t_strdup_printf("rename(%s) failed: %m", temp);
		ret = -1;
	}
	if (ret < 0) {
		i_unlink_if_exists(temp);
		return -1;
	}
	if (fdatasync_path(t_strdup_until(path, slash)) < 0) {
		*error_r = t_strdup_printf("fsync(%s) failed: %m", path);
		return -1;
	}
	return 0;
}

int worker_file_read(const char *path, size_t max, const char **text_r,
		     const char **error_r)
{
	char *text = t_malloc0(max + 2);
	size_t used = 0;
	ssize_t ret;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1) {
		if (errno == ENOENT)
			return 0;
		*error_r = t_strdup_printf("open(%s) failed: %m", path);
		return -1;
	}
	do {
		ret = read(fd, text + used, max + 1 - used);
		if (ret > 0)
			used += ret;
	} while (ret > 0 && used <= max);

	if (ret < 0)
		*error_r = t_strdup_printf("read(%s) failed: %m", path);
	else if (used > max || strlen(text) != used) {
		*error_r = t_strdup_printf("%s is not as it was written", path);
		ret = -1;
	}
	i_close_fd(&fd);
	*text_r = text;
	return ret < 0 ? -1 : 1;
}
