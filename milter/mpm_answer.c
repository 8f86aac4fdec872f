#include "mpm_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_domain.h"

#define MPM_STARS_MAX 50


/* The answer, or a temporary one when libmilter does not take its text. */
static sfsistat
mpm_reply(SMFICTX *ctx, sfsistat answer, const char *text)
{
    char rcode[4], xcode[6], line[512];
    bool refuse = answer == SMFIS_REJECT;

    /* the interface wants texts that it may change */
    (void) snprintf(rcode, sizeof(rcode), "%s", refuse ? "550" : "451");
    (void) snprintf(xcode, sizeof(xcode), "%s", refuse ? "5.7.1" : "4.7.1");
    (void) snprintf(line, sizeof(line), "%s", text);

    if (smfi_setreply(ctx, rcode, xcode, line) != MI_SUCCESS) {
        return SMFIS_TEMPFAIL;
    }

    return answer;
}


sfsistat
mpm_answer_blocked(SMFICTX *ctx, const char *entry, size_t len)
{
    char name[MP_DOMAIN_MAX + 1], text[400];

    if (len > MP_DOMAIN_MAX) {
        return SMFIS_TEMPFAIL;
    }

    /* it equals an entry of the list; the rest is for a hash that collides */
    for (size_t i = 0; i < len; i++) {
        bool plain = (entry[i] >= 'a' && entry[i] <= 'z')
                  || (entry[i] >= '0' && entry[i] <= '9')
                  || (entry[i] != '\0' && strchr(".-_", entry[i]) != NULL);

        name[i] = plain ? entry[i] : '?';
    }

    name[len] = '\0';
    (void) snprintf(text, sizeof(text),
                    MP_REPLY_BLOCKED "%s" MP_REPLY_BLOCKED_END, name);

    return mpm_reply(ctx, SMFIS_REJECT, text);
}


sfsistat
mpm_answer_refuse(SMFICTX *ctx, enum mp_rule rule)
{
    return mpm_reply(ctx, SMFIS_REJECT,
                     rule == MP_RULE_PRE_RESULT
                         ? "Message refused by the content scanner"
                         : "Message refused as spam");
}


sfsistat
mpm_answer_greylist(SMFICTX *ctx, unsigned int seconds)
{
    char text[80];

    (void) snprintf(text, sizeof(text),
                    "Greylisted, please try again in %u seconds", seconds);

    return mpm_reply(ctx, SMFIS_TEMPFAIL, text);
}


sfsistat
mpm_answer_unscanned(SMFICTX *ctx)
{
    return mpm_reply(ctx, SMFIS_TEMPFAIL,
                     "The message cannot be scanned now, try again later");
}


sfsistat
mpm_answer_trouble(SMFICTX *ctx)
{
    return mpm_reply(ctx, SMFIS_TEMPFAIL,
                     "The mail filter is in trouble, try again later");
}


/* On top of all headers; so the last one that is added stands first. */
static bool
mpm_mark(SMFICTX *ctx, const struct mpm_marks *marks, const char *name,
         const char *value)
{
    char head[32], text[128];

    (void) snprintf(head, sizeof(head), "%s", name);
    (void) snprintf(text, sizeof(text), "%s%s", marks->blank ? " " : "",
                    value);

    return smfi_insheader(ctx, 0, head, text) == MI_SUCCESS;
}


/* Hundredths as "-0.10". */
static const char *
mpm_points(char text_r[16], int32_t score)
{
    (void) snprintf(text_r, 16, "%s%d.%02d", score < 0 ? "-" : "",
                    abs(score) / 100, abs(score) % 100);

    return text_r;
}


static bool
mpm_mark_score(SMFICTX *ctx, const struct mpm_marks *marks)
{
    char score[16], required[16], status[80], stars[MPM_STARS_MAX + 1];
    int32_t count = marks->score / 100;

    count = count > MPM_STARS_MAX ? MPM_STARS_MAX : count;
    count = count < 0 ? 0 : count;
    memset(stars, '*', (size_t) count);
    stars[count] = '\0';

    (void) snprintf(status, sizeof(status), "%s, score=%s required=%s",
                    marks->junk ? "Yes" : "No",
                    mpm_points(score, marks->score),
                    mpm_points(required, marks->required));

    return (count == 0 || mpm_mark(ctx, marks, "X-Spam-Level", stars))
        && mpm_mark(ctx, marks, "X-Spam-Score", score)
        && mpm_mark(ctx, marks, "X-Spam-Status", status);
}


static bool
mpm_marks_write(SMFICTX *ctx, const struct mpm_marks *marks)
{
    if (!marks->scanned) {
        return true;
    }

    if (!marks->scored) {
        return mpm_mark(ctx, marks, "X-Spam-Status", "No, score unavailable");
    }

    return mpm_mark_score(ctx, marks)
        && (!marks->junk
            || (mpm_mark(ctx, marks, "X-Spam-Flag", "YES")
                && mpm_mark(ctx, marks, "X-Spam", "Yes")));
}


static bool
mpm_remove(void *arg, char *name, int index)
{
    SMFICTX *ctx = arg;

    return smfi_chgheader(ctx, name, index, NULL) == MI_SUCCESS;
}


sfsistat
mpm_answer_take(SMFICTX *ctx, const struct mpm_spoof *spoof,
                const struct mpm_marks *marks)
{
    /* a mark of a stranger must not get through as if it were ours */
    if (!mpm_spoof_each(spoof, mpm_remove, ctx)
        || !mpm_marks_write(ctx, marks)) {
        return mpm_answer_trouble(ctx);
    }

    return SMFIS_CONTINUE;
}
