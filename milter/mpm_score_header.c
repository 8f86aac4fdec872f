#include "mpm_score.h"

/*
 * The score is in a header of a secret name, which rspamd's own milter, that
 * comes first, writes: see conf/rspamd.  The session takes it from the
 * message and removes it.
 */

static char mpm_header_state;


static void *
mpm_header_open(const struct mpm_config *config)
{
    (void) config;

    return &mpm_header_state;
}


static void
mpm_header_close(void *state)
{
    (void) state;
}


static enum mp_status
mpm_header_ask(void *state, const struct mpm_mail *mail,
               struct mp_scan *scan_r, struct mp_error *err)
{
    (void) state;

    if (mail->scored == NULL) {
        return mp_fail(err, MP_NOT_FOUND, "",
                       "a message has no score_header, or several");
    }

    return mp_scan_text_parse(scan_r, mail->scored, err);
}


const struct mpm_score_source mpm_score_header = {
    .open = mpm_header_open,
    .close = mpm_header_close,
    .ask = mpm_header_ask,
};
