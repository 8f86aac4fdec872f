#ifndef WORKER_CONFIG_H
#define WORKER_CONFIG_H

#include <stdbool.h>

/* where the file is installed */
#define WORKER_CONFIG_PATH "/etc/mailportal/worker.conf"

/* What worker.conf says, by mp_conf.h; both programs read the file. */
struct worker_config {
	char *node;  /* the host's name unless given */
	char *redis; /* unix:PATH or ADDRESS:PORT */
	char *redis_user;
	char *redis_password_file;
	unsigned int redis_timeout_msecs;

	char *state_dir; /* jobs, locks, master.passwd */
	char *log_file;	 /* Dovecot's; "auto", or "none" */
	char *junk_name; /* without a folder that is \Junk */
	char *trash_name;

	unsigned int lanes;	  /* 0: one for each processor */
	unsigned int lane_users;  /* then the process is replaced */
	unsigned int sweep_msecs; /* from clearing to clearing: 1d */
	unsigned int sweep_rate;  /* users a second of these sweeps */
	unsigned int usage_msecs; /* from usage sweep to usage sweep */
};

/*
 * Takes "-c PATH" out of a program's arguments, for Dovecot has an option of
 * that name too.  Without it, the file is where it is installed.
 */
const char *worker_config_arg(int *argc, char **argv);

/*
 * Reads the file, or with NULL takes what holds without one; -1 with error_r,
 * in the data stack, when it cannot be read or says something wrong.  config_r
 * is then empty.
 */
int worker_config_read(const char *path, struct worker_config *config_r,
		       const char **error_r);
void worker_config_free(struct worker_config *config);

#endif
