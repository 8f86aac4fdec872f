#ifndef MP_LOGLINE_H
#define MP_LOGLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One line of a mail server's log, as a syslog daemon, Postfix's postlogd or
 * Dovecot itself writes it:
 *     Nov 22 20:28:25 host postfix/smtpd[123]: 4XyZ1: client=…
 *     2026-11-22T20:28:25.123456+01:00 host dovecot: imap-login: Login: …
 *     Nov 22 20:28:25 imap-login: Info: Login: …
 * A line is anybody's text: all that is said of it comes from where the
 * program that wrote it has its own words, and never from further behind.
 */

enum mp_severity {
    MP_SEVERITY_DEBUG,
    MP_SEVERITY_INFO,
    MP_SEVERITY_WARNING,
    MP_SEVERITY_ERROR,
    MP_SEVERITY_FATAL,
    MP_SEVERITY_COUNT
};

/* Bytes of the line; they are lent. */
struct mp_span {
    const char *bytes;
    size_t len;
};

/* Whether it begins with the text, which is then not in it any more. */
bool mp_span_skip(struct mp_span *span, const char *text);

/* What is not there is of length 0. */
struct mp_logline {
    struct mp_span time;
    struct mp_span host;
    struct mp_span process; /* "postfix/smtpd", "lmtp(u@example.org)" */
    struct mp_span pid;
    struct mp_span queue_id; /* of Postfix's processes only */
    struct mp_span text;     /* behind process and pid, whole */
    enum mp_severity severity;
    bool dovecot; /* written by Dovecot */
};

/* line has no newline.  What has no such form is text as a whole. */
void mp_logline_parse(struct mp_logline *line_r, const char *line, size_t len);

/* "info"; and back, MP_SEVERITY_COUNT for what is none. */
const char *mp_severity_name(enum mp_severity severity);
enum mp_severity mp_severity_parse(const char *name, size_t len);

/* Whether text has the form of a queue id of Postfix, short or long. */
bool mp_queue_id_check(const char *text, size_t len);

/*
 * The unix second that a line begins with; now when it has none, or one that
 * lies ahead.  A time without a year is of the last twelve months, one without
 * a zone of this machine's.
 */
int64_t mp_logline_time(const struct mp_span *time, int64_t now);

#endif
