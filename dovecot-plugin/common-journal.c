/* Appends to the journal of a job. */

#include "lib.h"
#include "str.h"
#include "write-full.h"
#include "common-journal.h"

#include <fcntl.h>
#include <unistd.h>

/*
 * A line begins with "+": two that ran together, because the disk was full,
 * are then none, and not a wrong one.
 */
void common_journal_put(string_t *dest, const char *lines)
{
	const char *lf;

	for (; *lines != '\0'; lines = lf + 1) {
		lf = strchr(lines, '\n');
		i_assert(lf != NULL);
		str_append_c(dest, '+');
		str_append_data(dest, lines, lf + 1 - lines);
	}
}

int common_journal_append(const char *state_dir, const char *job,
			  const char *lines, const char **error_r)
{
	const char *path = t_strdup_printf("%s/jobs/%s/done", state_dir, job);
	string_t *bytes = t_str_new(256);
	int fd, ret = 0;

	common_journal_put(bytes, lines);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd == -1) {
		*error_r = t_strdup_printf("open(%s) failed: %m", path);
		return -1;
	}
	if (write_full(fd, str_data(bytes), str_len(bytes)) < 0) {
		*error_r = t_strdup_printf("write(%s) failed: %m", path);
		ret = -1;
	}
	i_close_fd(&fd);
	return ret;
}
