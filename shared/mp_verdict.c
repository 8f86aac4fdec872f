#include "mp_verdict.h"

#include <math.h>

/* Ten million points: far above any score, and safe in hundredths. */
#define MP_SCORE_LIMIT 1e7


const char *
mp_verdict_name(enum mp_verdict verdict)
{
    switch (verdict) {
    case MP_PASS:
        return "pass";
    case MP_DEFER:
        return "defer";
    case MP_JUNK:
        return "junk";
    case MP_REJECT:
        return "reject";
    }

    return "pass";
}


const char *
mp_rule_name(enum mp_rule rule)
{
    switch (rule) {
    case MP_RULE_TRUSTED:
        return "trusted";
    case MP_RULE_BLACKLIST:
        return "blacklist";
    case MP_RULE_WHITELIST:
        return "whitelist";
    case MP_RULE_PRE_RESULT:
        return "pre_result";
    case MP_RULE_REJECT:
        return "reject";
    case MP_RULE_ADD_HEADER:
        return "add_header";
    case MP_RULE_DEFER:
        return "defer";
    case MP_RULE_BELOW:
        return "below";
    case MP_RULE_UNSCORED:
        return "unscored";
    }

    return "unscored";
}


bool
mp_score_parse(int32_t *score_r, double score)
{
    /* written so that NaN fails too */
    if (!(score >= -MP_SCORE_LIMIT && score <= MP_SCORE_LIMIT)) {
        return false;
    }

    *score_r = (int32_t) lround(score * 100);

    return true;
}


bool
mp_verdict_needs_score(struct mp_decision *decision_r, enum mp_list_kind kind)
{
    switch (kind) {
    case MP_LIST_NONE:
        return true;
    case MP_LIST_WHITE:
        *decision_r = (struct mp_decision){ MP_PASS, MP_RULE_WHITELIST };
        return false;
    case MP_LIST_BLACK:
        *decision_r = (struct mp_decision){ MP_REJECT, MP_RULE_BLACKLIST };
        return false;
    }

    return true;
}


static bool
mp_level_reached(int32_t level, int32_t score)
{
    return level < MP_SCORE_OFF && score >= level;
}


struct mp_decision
mp_verdict_of_score(const struct mp_settings *set, int32_t score)
{
    if (mp_level_reached(set->antispam_reject, score)) {
        return (struct mp_decision){ MP_REJECT, MP_RULE_REJECT };
    }

    if (mp_level_reached(set->antispam_add_header, score)) {
        return (struct mp_decision){ MP_JUNK, MP_RULE_ADD_HEADER };
    }

    if (mp_level_reached(set->antispam_defer, score)) {
        return (struct mp_decision){ MP_DEFER, MP_RULE_DEFER };
    }

    return (struct mp_decision){ MP_PASS, MP_RULE_BELOW };
}
