#ifndef MP_VERDICT_H
#define MP_VERDICT_H

#include <stdint.h>

#include "mp_list.h"
#include "mp_settings.h"

/*
 * What happens to a message, and why: pure functions, run by the milter for
 * every message and by /explain for a question.
 */
enum mp_verdict {
    MP_PASS,   /* delivered */
    MP_DEFER,  /* 451 until the sender's server tries again */
    MP_JUNK,   /* delivered with X-Spam: Yes */
    MP_REJECT, /* 550 5.7.1 */
};

/* The rule that decided, in the order in which they are asked. */
enum mp_rule {
    MP_RULE_TRUSTED, /* authenticated, or a trusted client */
    MP_RULE_BLACKLIST,
    MP_RULE_WHITELIST,
    MP_RULE_PRE_RESULT, /* the score source refuses, whatever the score */
    MP_RULE_REJECT,
    MP_RULE_ADD_HEADER,
    MP_RULE_DEFER,
    MP_RULE_BELOW,    /* a score below all levels */
    MP_RULE_UNSCORED, /* no score could be had */
};

/* The reply to a sender on the blacklist, around the entry. */
#define MP_REPLY_BLOCKED     "Sender domain "
#define MP_REPLY_BLOCKED_END " is blocked"

struct mp_decision {
    enum mp_verdict verdict;
    enum mp_rule rule;
};

/* "pass", "defer", "junk", "reject"; "trusted", "blacklist", …  Never NULL. */
const char *mp_verdict_name(enum mp_verdict verdict);
const char *mp_rule_name(enum mp_rule rule);

/* Hundredths of a point, rounded; false for NaN and what is out of range. */
bool mp_score_parse(int32_t *score_r, double score);

/*
 * What the lists say of a sender.  MP_LIST_BLACK is refused at once.
 * MP_LIST_WHITE skips scoring.  Otherwise the score decides: true is
 * returned, decision_r is not written.
 */
bool mp_verdict_needs_score(struct mp_decision *decision_r,
                            enum mp_list_kind kind);

/* What the thresholds say of a score in hundredths. */
struct mp_decision mp_verdict_of_score(const struct mp_settings *set,
                                       int32_t score);

#endif
