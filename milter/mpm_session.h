#ifndef MPM_SESSION_H
#define MPM_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "mpm_bytes.h"
#include "mpm_milter.h"
#include "mpm_spoof.h"

/*
 * What one SMTP session remembers.  libmilter calls for one session one
 * callback at a time, from changing threads.
 */
struct mpm_session {
    /* of the connection */
    unsigned long protocol; /* what was negotiated */
    char client[64];        /* address; "" when there is none */
    char host[256];
    char helo[256];

    /* of the message */
    bool open; /* MAIL was accepted and its end is to come */
    enum mp_list_kind kind;
    char entry[MP_DOMAIN_MAX + 1]; /* of the list; "" for none */
    struct mpm_settings *settings; /* held; NULL: none are in force */
    struct mpm_bytes sender;
    struct mpm_bytes rcpts; /* each ends with a NUL */
    size_t rcpt_count;
    struct mpm_spoof spoof; /* headers to remove */
    struct mpm_bytes scored;
    size_t scored_count; /* headers named score_header */
    bool collect;        /* it will be scanned */
    bool whole;          /* all of it is in mail */
    bool body;           /* the header is over */
    struct mpm_bytes mail;
};

/* The caller owns it.  NULL without memory. */
struct mpm_session *mpm_session_new(void);
void mpm_session_free(struct mpm_session *session);

/* Forgets the message; what is of the connection stays. */
void mpm_session_reset(struct mpm_session *session);

/* A recipient; those beyond a thousand are left out. */
void mpm_session_rcpt(struct mpm_session *session, const char *rcpt);

/* A header, as libmilter gives it. */
void mpm_session_header(struct mpm_session *session,
                        const struct mpm_config *config, const char *name,
                        const char *value);

/* A piece of the body; false when no more is wanted. */
bool mpm_session_body(struct mpm_session *session,
                      const struct mpm_config *config, const void *bytes,
                      size_t len);

/*
 * The message for a score source, lent until the reset; the caller frees
 * mail_r->rcpts.  False when memory ran out.
 */
bool mpm_session_mail(struct mpm_session *session, struct mpm_mail *mail_r,
                      const char *queue_id);

#endif
