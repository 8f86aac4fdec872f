#ifndef MPA_SMTP_H
#define MPA_SMTP_H

#include <stdbool.h>
#include <stddef.h>

#include "mp_error.h"
#include "mp_settings.h"

/*
 * SMTP as a client (RFC 5321, 3207, 4954), by libcurl: with the server of the
 * settings, in steps whose results are told in our own words.  What the peer
 * says is never repeated; of an answer only its number is.
 */
enum mpa_smtp_tls {
    MPA_SMTP_PLAIN,
    MPA_SMTP_MAY,      /* STARTTLS when it is offered */
    MPA_SMTP_STARTTLS, /* STARTTLS or nothing */
    MPA_SMTP_TLS,      /* TLS from the first byte */
};

struct mpa_smtp {
    char host[MP_TEXT_SIZE]; /* a name or an address, without brackets */
    bool mx;                 /* the name's MX records say who it is */
    unsigned int port;
    enum mpa_smtp_tls tls;
    bool verify;                 /* certificate and name must be right */
    char username[MP_TEXT_SIZE]; /* "" for no login */
    char password[MP_TEXT_SIZE];
};

struct mpa_mail {
    const char *from; /* addresses without brackets, checked by the caller */
    const char *to;
    const char *message; /* RFC 5322, lines end with CRLF; dots are curl's */
    size_t len;
};

/* A step that went well: "resolve", "connect", "TLS", "sign in", "send". */
typedef void mpa_smtp_told(void *context, const char *step, const char *text);

/*
 * Connects to the server, and sends mail unless that is NULL.  Ends within
 * MPA_SMTP_MSECS.  Otherwise err->field is the step that failed and err->text
 * why: MP_TIMEOUT for what may go well later, MP_CREDENTIALS for a wrong name
 * or password, MP_INVALID for what will not.
 */
#define MPA_SMTP_MSECS 9000
enum mp_status mpa_smtp_run(const struct mpa_smtp *server,
                            const struct mpa_mail *mail, mpa_smtp_told *told,
                            void *context, struct mp_error *err);

/*
 * The addresses of a host, by its MX records if mx: at most size bytes of
 * "192.0.2.1,2001:db8::1", of one host, whose name goes to name_r.
 */
enum mp_status mpa_resolve(const char *host, bool mx,
                           char name_r[MP_TEXT_SIZE], char *list_r,
                           size_t size, struct mp_error *err);

#endif
