#ifndef MPM_JUDGE_H
#define MPM_JUDGE_H

#include <libmilter/mfapi.h>

#include "mpm_session.h"

/*
 * The order of decisions: a trusted client; the lists, at MAIL and from
 * memory; at the end of the message its score, and the greylist.
 */
sfsistat mpm_judge_mail(struct mpm_milter *milter, struct mpm_session *session,
                        SMFICTX *ctx, const char *raw);
sfsistat mpm_judge_end(struct mpm_milter *milter, struct mpm_session *session,
                       SMFICTX *ctx);

#endif
