#ifndef MAILPORTAL_COMPAT_H /* lib.h has a COMPAT_H */
#define MAILPORTAL_COMPAT_H

/*
 * Everything that differs between the versions of Dovecot: compat-2.3*.c are
 * those of 2.3.  No other file asks for a version.
 */

#include <stdbool.h>
#include <stdint.h>

struct mail_user;
struct compat_storage;

/*
 * The version that this was compiled for against the one that runs, which
 * Dovecot's master puts into the environment.  FALSE with error_r, one clear
 * line: nothing may be touched.
 */
bool compat_version_check(const char **error_r);

/* The same for two versions; running is NULL when it is not known. */
bool compat_version_is(const char *running, const char **error_r);

/*
 * Waits until Dovecot's log process has read what is in the pipe at stderr:
 * at Dovecot's start, a line that comes before is kept until the next one.
 */
void compat_log_wait(void);

/* Says so in Dovecot's log; the caller ends then. */
void compat_version_refuse(const char *program, const char *error);

/*
 * Begins a service that opens users, and reads Dovecot's settings: sets
 * master_service, which the caller deinitialises.  -1 with error_r.
 */
int compat_service_init(const char *name, int *argc, char **argv[],
			const char **error_r);

/* "30d", "2s"; -1 with error_r */
int compat_interval(const char *text, unsigned int *secs_r,
		    const char **error_r);

/* service is whose settings are used, "mailportal" or "doveadm" */
struct compat_storage *compat_storage_init(const char *service);
void compat_storage_deinit(struct compat_storage **storage);

/* What compat_user_open() may find. */
enum compat_user {
	COMPAT_USER_FAILED = -1,
	COMPAT_USER_MISSING = 0, /* not in the userdb */
	COMPAT_USER_OPEN = 1,
	COMPAT_USER_NEW = 2, /* has no mailbox yet */
};

/*
 * Opens a user, one at a time.  error_r is set unless it is open.  Of a new
 * user nothing is opened or made.  very_dirty FALSE looks at everything anew.
 * Gives up the rights of root until compat_user_close().
 */
enum compat_user compat_user_open(struct compat_storage *storage,
				  const char *username, bool very_dirty,
				  struct mail_user **user_r,
				  const char **error_r);
void compat_user_close(struct compat_storage *storage, struct mail_user **user);

/*
 * All users that match a mask, NULL for all: TRUE with the next one, which
 * lives until the call after; FALSE at the end, and error_r is NULL then, or
 * says why there are no more.
 */
void compat_users_begin(struct compat_storage *storage, const char *mask);
bool compat_users_next(struct compat_storage *storage, const char **username_r,
		       const char **error_r);

/*
 * Quota of an open user: 1, 0 when the user has none, and -1 with error_r.
 * compat_quota_recalc() recalculates all roots; compat_quota_get() gives
 * bytes, messages and the limit of the first (0 for none).
 * compat_quota_is_right() looks at every message: TRUE, with what is counted,
 * when a recalculation would change nothing; FALSE when it would, or when
 * only a recalculation can tell.
 */
bool compat_quota_is_right(struct mail_user *user, uint64_t *bytes_r,
			   uint64_t *messages_r, uint64_t *limit_r);
int compat_quota_recalc(struct mail_user *user, const char **error_r);
int compat_quota_get(struct mail_user *user, uint64_t *bytes_r,
		     uint64_t *messages_r, uint64_t *limit_r,
		     const char **error_r);

/* The limit alone, of a user without mail; looks at no folder, makes none. */
uint64_t compat_quota_limit(struct mail_user *user);

/* FALSE: no user has a quota here, for the plugin is not loaded */
bool compat_quota_is_loaded(void);

/* Counts a user's Sieve scripts; makes nothing.  -1 with error_r. */
int compat_sieve_count(struct mail_user *user, uint64_t *scripts_r,
		       const char **error_r);

#endif
