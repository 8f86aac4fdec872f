/* Whether this Dovecot is the one that this was compiled for. */

#include "lib.h"
#include "compat.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_WAIT_MSECS 5000
#define LOG_POLL_MSECS 10

bool compat_version_is(const char *running, const char **error_r)
{
	if (running == NULL) {
		*error_r = "is started by Dovecot's master, not by hand, "
			   "and not with version_ignore";
		return FALSE;
	}
	if (strcmp(running, DOVECOT_VERSION) != 0) {
		*error_r = t_strdup_printf(
			"is compiled for Dovecot " DOVECOT_VERSION
			", and this is %s: compile it anew",
			running);
		return FALSE;
	}
	return TRUE;
}

bool compat_version_check(const char **error_r)
{
	return compat_version_is(getenv("DOVECOT_VERSION"), error_r);
}

void compat_log_wait(void)
{
	struct stat st;
	int i, unread;

	if (fstat(STDERR_FILENO, &st) < 0 || !S_ISFIFO(st.st_mode))
		return;
	for (i = 0; i < LOG_WAIT_MSECS / LOG_POLL_MSECS; i++) {
		if (ioctl(STDERR_FILENO, FIONREAD, &unread) < 0 || unread == 0)
			break;
		(void)poll(NULL, 0, LOG_POLL_MSECS);
	}
}

void compat_version_refuse(const char *program, const char *error)
{
	compat_log_wait();
	fprintf(stderr, "%s %s\n", program, error);
}
