#ifndef MAILPORTAL_COMPAT_H /* lib.h has a COMPAT_H */
#define MAILPORTAL_COMPAT_H

/*
 * Everything that differs between the versions of Dovecot: compat-2.3.c is
 * the one of 2.3.  No other file asks for a version.
 */

#include <stdbool.h>
#include <stdint.h>

struct mail_user;
struct mailbox;
struct compat_storage;

/*
 * The version that this was compiled for against the one that runs, which
 * Dovecot's master puts into the environment.  FALSE with error_r, one clear
 * line: nothing may be touched.
 */
bool compat_version_check(const char **error_r);

struct compat_storage *compat_storage_init(void);
void compat_storage_deinit(struct compat_storage **storage);

/*
 * Opens a user: 1, 0 there is none, -1 with error_r; 2: the user has no home
 * yet, and nothing was opened or made.  very_dirty FALSE looks at everything
 * anew.  Gives up the rights of root until compat_user_close().
 */
int compat_user_open(struct compat_storage *storage, const char *username,
		     bool very_dirty, struct mail_user **user_r,
		     const char **error_r);
void compat_user_close(struct compat_storage *storage, struct mail_user **user);

/*
 * Quota of an open user, all roots: recalculates; bytes, messages and limit
 * of the first root (0 for none).  -1 with error_r, also when the quota
 * plugin is not loaded or the user has no quota.
 */
int compat_quota_recalc(struct mail_user *user, const char **error_r);
int compat_quota_get(struct mail_user *user, uint64_t *bytes_r,
		     uint64_t *messages_r, uint64_t *limit_r,
		     const char **error_r);

#endif
