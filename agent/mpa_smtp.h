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

/*
 * Who has it done.  told: a step went well: "resolve", "connect", "TLS",
 * "sign in", "send".  stops: whether it is to end soon; asked once a second.
 */
struct mpa_smtp_user {
    void *context;
    void (*told)(void *context, const char *step, const char *text);
    bool (*stops)(const void *context);
};

/*
 * How long, in milliseconds, a server without a mail for it may take; one that
 * gets a mail, until it is to have the whole of it; and one that has it, to
 * take it (RFC 5321 4.5.3.2.6: who gives up too early sends it twice).
 */
#define MPA_SMTP_MSECS        9000
#define MPA_SMTP_MAIL_MSECS   30000
#define MPA_SMTP_ANSWER_MSECS 600000

/*
 * Connects to the server, and sends mail unless that is NULL.  When it did not
 * go well, err->field is the step that failed and err->text why: MP_TIMEOUT
 * for what may go well later, MP_CREDENTIALS for a wrong name or password,
 * MP_INVALID for what will not.  Whoever stops it while the server has the
 * whole mail waits MPA_SMTP_MSECS for the answer: it may have been taken.
 */
enum mp_status mpa_smtp_run(const struct mpa_smtp *server,
                            const struct mpa_mail *mail,
                            const struct mpa_smtp_user *user,
                            struct mp_error *err);

/*
 * The addresses of a host, by its MX records if mx: at most size bytes of
 * "192.0.2.1,2001:db8::1", of one host, whose name goes to name_r.
 */
enum mp_status mpa_resolve(const char *host, bool mx,
                           char name_r[MP_TEXT_SIZE], char *list_r,
                           size_t size, struct mp_error *err);

#endif
