#include "mpm_score.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "mpm_breaker.h"
#include "mpm_trouble.h"

struct mpm_score {
    const struct mpm_config *config;
    struct mpm_stat *stat;
    struct mp_health *health;
    const struct mpm_score_source *source;
    void *state;
    struct mpm_breaker breaker;
    atomic_uint running;
};

static const struct mpm_score_source *const mpm_score_sources[] = {
    [MPM_SOURCE_RSPAMD] = &mpm_score_rspamd,
    [MPM_SOURCE_HEADER] = &mpm_score_header,
    [MPM_SOURCE_SPAMD] = &mpm_score_spamd,
    [MPM_SOURCE_NONE] = NULL,
};


struct mpm_score *
mpm_score_new(const struct mpm_config *config, struct mpm_stat *stat,
              struct mp_health *health)
{
    struct mpm_score *score = calloc(1, sizeof(*score));

    if (score == NULL) {
        return NULL;
    }

    score->config = config;
    score->stat = stat;
    score->health = health;
    score->source = mpm_score_sources[config->source];
    mpm_breaker_init(&score->breaker, config->breaker_failures,
                     config->breaker_pause);

    if (score->source != NULL) {
        score->state = score->source->open(config);

        if (score->state == NULL) {
            mpm_score_free(score);
            return NULL;
        }
    }

    return score;
}


void
mpm_score_free(struct mpm_score *score)
{
    if (score != NULL) {
        if (score->state != NULL) {
            score->source->close(score->state);
        }

        mpm_breaker_deinit(&score->breaker);
        free(score);
    }
}


static bool
mpm_score_try(struct mpm_score *score, const struct mpm_mail *mail,
              struct mp_scan *scan_r)
{
    struct mp_error err;
    bool ok;

    if (!mpm_breaker_begin(&score->breaker)) {
        mpm_stat_count(score->stat, MPM_COUNT_BREAKER_OPEN);
        return false;
    }

    ok = score->source->ask(score->state, mail, scan_r, &err) == MP_OK;

    /* what one message lacks is nothing about the next */
    (void) mpm_breaker_end(&score->breaker, ok || !score->source->remote);

    if (!ok) {
        mpm_stat_count(score->stat, MPM_COUNT_SCAN_ERRORS);
        mp_health_bad(score->health, MPM_TROUBLE_SCORE,
                      "no score from %s: %s%s%s", score->config->score_source,
                      err.field, err.field[0] != '\0' ? " " : "", err.text);

    } else {
        mp_health_good(score->health, MPM_TROUBLE_SCORE);
    }

    return ok;
}


enum mpm_scored
mpm_score_ask(struct mpm_score *score, const struct mpm_mail *mail,
              struct mp_scan *scan_r)
{
    bool ok = false;

    if (!mail->whole) {
        mpm_stat_count(score->stat, MPM_COUNT_SCAN_SKIPPED);
        return MPM_TOO_LARGE;
    }

    if (atomic_fetch_add(&score->running, 1)
        < score->config->scan_max_parallel) {
        ok = mpm_score_try(score, mail, scan_r);

    } else {
        mpm_stat_count(score->stat, MPM_COUNT_SCAN_BUSY);
    }

    (void) atomic_fetch_sub(&score->running, 1);

    return ok ? MPM_SCORED : MPM_UNSCORED;
}
