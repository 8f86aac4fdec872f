#include "mpm_session.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libmilter/mfapi.h>

#define MPM_RCPTS_MAX 1000

/* Memory that stays with a session between messages. */
#define MPM_KEEP (64u << 10)

/*
 * Bytes of messages that are held by all sessions together; what comes on top
 * is not scanned.  A slow sender costs memory for minutes.
 */
#define MPM_HELD_MAX (256u << 20)

static _Atomic(size_t) mpm_held;


struct mpm_session *
mpm_session_new(void)
{
    return calloc(1, sizeof(struct mpm_session));
}


/* Lets go of the message's bytes, and of those that count as held. */
static void
mpm_mail_drop(struct mpm_session *session, size_t keep)
{
    (void) atomic_fetch_sub(&mpm_held, session->mail.len);
    mpm_bytes_reset(&session->mail, keep);
}


void
mpm_session_free(struct mpm_session *session)
{
    if (session != NULL) {
        mpm_session_reset(session);
        mpm_bytes_free(&session->sender);
        mpm_bytes_free(&session->rcpts);
        mpm_bytes_free(&session->scored);
        mpm_bytes_free(&session->mail);
        mpm_spoof_free(&session->spoof);
        free(session);
    }
}


void
mpm_session_reset(struct mpm_session *session)
{
    mpm_settings_drop(session->settings);
    session->settings = NULL;
    session->open = false;
    session->kind = MP_LIST_NONE;
    session->entry[0] = '\0';
    session->collect = false;
    session->whole = true;
    session->body = false;
    session->rcpt_count = 0;
    session->scored_count = 0;

    mpm_mail_drop(session, MPM_KEEP);
    mpm_bytes_reset(&session->sender, MPM_KEEP);
    mpm_bytes_reset(&session->rcpts, MPM_KEEP);
    mpm_bytes_reset(&session->scored, MPM_KEEP);
    mpm_spoof_reset(&session->spoof);
}


void
mpm_session_rcpt(struct mpm_session *session, const char *rcpt)
{
    if (session->rcpt_count < MPM_RCPTS_MAX
        && mpm_bytes_add(&session->rcpts, rcpt, strlen(rcpt) + 1))
    {
        session->rcpt_count++;
    }
}


/* False, and the message is not scanned, when it becomes too large. */
static bool
mpm_mail_add(struct mpm_session *session, const struct mpm_config *config,
             const void *bytes, size_t len)
{
    if (!session->whole) {
        return false;
    }

    if (len <= config->scan_max_size - session->mail.len
        && atomic_fetch_add(&mpm_held, len) + len <= MPM_HELD_MAX
        && mpm_bytes_add(&session->mail, bytes, len))
    {
        return true;
    }

    session->whole = false;

    if (len <= config->scan_max_size - session->mail.len) {
        (void) atomic_fetch_sub(&mpm_held, len);
    }

    mpm_mail_drop(session, 0);

    return false;
}


/* As it was on the wire: libmilter gives folded lines with a bare LF. */
static void
mpm_mail_header(struct mpm_session *session, const struct mpm_config *config,
                const char *name, const char *value)
{
    bool blank = (session->protocol & SMFIP_HDR_LEADSPC) == 0;

    (void) mpm_mail_add(session, config, name, strlen(name));
    (void) mpm_mail_add(session, config, blank ? ": " : ":", blank ? 2 : 1);

    for (;;) {
        size_t len = strcspn(value, "\n");
        size_t text = len > 0 && value[len - 1] == '\r' ? len - 1 : len;

        (void) mpm_mail_add(session, config, value, text);
        (void) mpm_mail_add(session, config, "\r\n", 2);

        if (value[len] == '\0') {
            break;
        }

        value += len + 1;
    }
}


/* Its own name is secret, so that nobody but the source can write one. */
static bool
mpm_is_score_header(const struct mpm_config *config, const char *name)
{
    return config->source == MPM_SOURCE_HEADER
        && strcasecmp(name, config->score_header) == 0;
}


void
mpm_session_header(struct mpm_session *session,
                   const struct mpm_config *config, const char *name,
                   const char *value)
{
    bool scored = mpm_is_score_header(config, name);

    if (scored) {
        session->scored_count++;
        mpm_bytes_reset(&session->scored, MPM_KEEP);
        (void) mpm_bytes_add(&session->scored, value, strlen(value) + 1);
    }

    if (scored || mpm_spoof_is(name)) {
        (void) mpm_spoof_add(&session->spoof, name);

        /* nor is it for the scanner: rspamd gives five points for X-Spam */
        return;
    }

    if (session->collect) {
        mpm_mail_header(session, config, name, value);
    }
}


/* The empty line, once. */
static void
mpm_mail_end_header(struct mpm_session *session,
                    const struct mpm_config *config)
{
    if (!session->body) {
        session->body = true;
        (void) mpm_mail_add(session, config, "\r\n", 2);
    }
}


bool
mpm_session_body(struct mpm_session *session, const struct mpm_config *config,
                 const void *bytes, size_t len)
{
    if (!session->collect) {
        return false;
    }

    mpm_mail_end_header(session, config);

    return mpm_mail_add(session, config, bytes, len);
}


bool
mpm_session_mail(struct mpm_session *session, struct mpm_mail *mail_r,
                 const char *queue_id)
{
    const char **rcpts = calloc(session->rcpt_count + 1, sizeof(*rcpts));
    const char *next = session->rcpts.bytes;

    if (rcpts == NULL) {
        return false;
    }

    for (size_t i = 0; i < session->rcpt_count; i++) {
        rcpts[i] = next;
        next += strlen(next) + 1;
    }

    mail_r->client = session->client;
    mail_r->host = session->host;
    mail_r->helo = session->helo;
    mail_r->sender = session->sender.len > 0 ? session->sender.bytes : "";
    mail_r->queue_id = queue_id != NULL ? queue_id : "";
    mail_r->rcpts = rcpts;
    mail_r->rcpt_count = session->rcpt_count;
    mail_r->bytes = session->mail.len > 0 ? session->mail.bytes : "";
    mail_r->len = session->mail.len;
    mail_r->whole = session->whole;
    mail_r->scored = session->scored_count == 1 && session->scored.len > 0
                       ? session->scored.bytes
                       : NULL;

    return true;
}
