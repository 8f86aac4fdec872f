#ifndef WORKER_LOG_LINE_H
#define WORKER_LOG_LINE_H

/*
 * One line of Dovecot's log, as Dovecot itself or a syslog daemon writes it:
 *	Nov 22 20:28:25 imap-login: Info: Login: user=<u>, master=<m>, ...
 *	Nov 22 20:28:25 host dovecot: imap-login: Login: user=<u>, ...
 * Pure: it knows nothing of Dovecot's library, and is fuzzed by itself.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Dovecot cuts a name in its log to so many bytes, and ends it by "...". */
#define WORKER_LOG_NAME_MAX 80

enum worker_log_kind {
	WORKER_LOG_OTHER,   /* not a login */
	WORKER_LOG_LOGIN,   /* a login, login_r is filled */
	WORKER_LOG_FOREIGN, /* a login that does not say whether by the master
			       password: login_log_format_elements is not ours */
};

/* Bytes of the line; they are lent. */
struct worker_log_text {
	const char *bytes;
	size_t len;
};

struct worker_log_login {
	const char *service; /* "imap", "pop3", "sieve", "submission" */
	struct worker_log_text time;
	struct worker_log_text user;
	struct worker_log_text master; /* len 0: signed in by themselves */
	struct worker_log_text address;
	bool cut; /* user is only the first bytes of the name */
};

/*
 * A name may be anything, also something like the rest of such a line.  What
 * is before it is of a fixed form and says who has written the line; what is
 * after it is found from the end.
 */
enum worker_log_kind worker_log_line_parse(const char *line, size_t len,
					   struct worker_log_login *login_r);

/*
 * The time that a line begins with, "Nov 22 20:28:25" in this machine's zone
 * and without a year, "2026-11-22 20:28:25" likewise, or one of RFC 3339.
 * now when it is none of them, or lies ahead.
 */
int64_t worker_log_time(const struct worker_log_text *time, int64_t now);

#endif
