#ifndef MPA_MAILER_H
#define MPA_MAILER_H

#include "mpa_job.h"

/*
 * Mail of the portal itself, through the server of the settings.  What is to
 * be sent is a job, which lasts: its action says which template, its target is
 * the recipient, and its id is that of the message.
 */
#define MPA_MAILER_MSECS (20 * 60000) /* as long as it is tried */

struct mpa_template {
    const char *subject; /* as of struct mp_mail */
    const char *text;
};

/*
 * One attempt, as the function of a job does.  What may go well later is tried
 * again, each pause as long as all before it, from 2 seconds to 2 minutes, and
 * at once with new settings.  Each attempt of a job sends the same message.
 * An attempt that was accepted is not repeated, unless the agent is killed, or
 * the connection breaks, before it knows.
 */
void mpa_mailer_send(struct mpa_job *job, const struct mpa_template *template);

#endif
