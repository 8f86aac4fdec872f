#ifndef MPM_SCORE_H
#define MPM_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp_rspamd.h"
#include "mpm_config.h"
#include "mp_health.h"
#include "mpm_stat.h"

/* A message as a score source sees it; all of it is lent, texts may be "". */
struct mpm_mail {
    const char *client;
    const char *host;
    const char *helo;
    const char *sender;
    const char *queue_id;
    const char *const *rcpts;
    size_t rcpt_count;
    const char *bytes; /* header, empty line and body, as on the wire */
    size_t len;
    bool whole;         /* false: it was too large, bytes are not all */
    const char *scored; /* value of score_header, NULL without one */
};

enum mpm_scored {
    MPM_SCORED,
    MPM_UNSCORED,  /* the source failed, is left alone, or is busy */
    MPM_TOO_LARGE, /* not scanned */
};

/* Where the spam score of messages comes from. */
struct mpm_score;

/* The parts must outlive it.  NULL without memory. */
struct mpm_score *mpm_score_new(const struct mpm_config *config,
                                struct mpm_stat *stat,
                                struct mp_health *health);
void mpm_score_free(struct mpm_score *score);

/* Any thread may ask; it takes at most scan_timeout. */
enum mpm_scored mpm_score_ask(struct mpm_score *score,
                              const struct mpm_mail *mail,
                              struct mp_scan *scan_r);

/*
 * Each source; state is its own and freed by its close.  remote: it is a peer
 * that can be away, and is left alone then.
 */
struct mpm_score_source {
    bool remote;
    void *(*open)(const struct mpm_config *config);
    void (*close)(void *state);
    enum mp_status (*ask)(void *state, const struct mpm_mail *mail,
                          struct mp_scan *scan_r, struct mp_error *err);
};

extern const struct mpm_score_source mpm_score_rspamd;
extern const struct mpm_score_source mpm_score_header;
extern const struct mpm_score_source mpm_score_spamd;

#endif
