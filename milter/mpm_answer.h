#ifndef MPM_ANSWER_H
#define MPM_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include <libmilter/mfapi.h>

#include "mp_verdict.h"
#include "mpm_spoof.h"

/*
 * The one place where a decision becomes an SMTP answer and headers.  Should
 * libmilter not take a text, the answer is a temporary one: never a refusal
 * that nobody decided.
 */

/* 550 5.7.1 to MAIL: an entry of the blacklist. */
sfsistat mpm_answer_blocked(SMFICTX *ctx, const char *entry, size_t len);

/* 550 5.7.1 at the end of the message. */
sfsistat mpm_answer_refuse(SMFICTX *ctx, enum mp_rule rule);

/* 451 4.7.1: greylisted for so many seconds. */
sfsistat mpm_answer_greylist(SMFICTX *ctx, unsigned int seconds);

/* 451 4.7.1: it could not be scanned, and the operator wants it so. */
sfsistat mpm_answer_unscanned(SMFICTX *ctx);

/* 451 4.7.1: we cannot work at the moment. */
sfsistat mpm_answer_trouble(SMFICTX *ctx);

/* What the headers of a delivered message say. */
struct mpm_marks {
    bool scanned; /* false: none are written */
    bool scored;  /* false: it was tried in vain, or it is too large */
    bool junk;
    int32_t score;
    int32_t required;
    bool blank; /* values need their leading blank */
};

/* Takes the message: removes what is spoofed, writes the marks. */
sfsistat mpm_answer_take(SMFICTX *ctx, const struct mpm_spoof *spoof,
                         const struct mpm_marks *marks);

#endif
