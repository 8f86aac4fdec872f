#ifndef MP_MAIL_H
#define MP_MAIL_H

#include <stddef.h>
#include <stdint.h>

#include "mp_error.h"

#define MP_MAIL_MAX (64u << 10)

/*
 * A message of the portal itself (RFC 5322): plain text in UTF-8, one sender,
 * one recipient.  The texts come from people; nothing in them can become a
 * header, another recipient, or an end of the message.
 */
struct mp_mail {
    const char *from; /* addresses that mp_mailbox_check() takes */
    const char *to;
    const char *id; /* letters and digits: Message-ID is <id@from's domain> */
    int64_t at;     /* unix seconds */
    const char *subject; /* UTF-8 without control characters, 200 bytes */
    const char *text;    /* UTF-8, lines end with \n */
};

/*
 * Renders it with lines that end with CRLF; the caller frees *bytes_r.
 * MP_INVALID, with err->field, when an address, the id or the subject is not
 * what it must be.  Control characters of the text become blanks.  Dots at the
 * beginning of a line are left to who speaks SMTP.
 */
enum mp_status mp_mail_render(char **bytes_r, size_t *len_r,
                              const struct mp_mail *mail,
                              struct mp_error *err);

#endif
