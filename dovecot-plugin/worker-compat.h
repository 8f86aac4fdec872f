#ifndef WORKER_COMPAT_H
#define WORKER_COMPAT_H

/*
 * What the worker wants to know of the running Dovecot, and that is asked in
 * another way in another version: as compat.h, for the worker.
 */

#include <sys/types.h>

struct worker_compat {
	const char *base_dir; /* of Dovecot's sockets */
	const char *info_log; /* where logins go: a file, or "syslog" */
	const char *group;    /* of Dovecot's own processes */
};

/* Read once, lent for ever: another configuration starts another worker. */
const struct worker_compat *worker_compat_get(void);

#endif
