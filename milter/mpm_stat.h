#ifndef MPM_STAT_H
#define MPM_STAT_H

#include <stddef.h>
#include <stdint.h>

#include "mp_list.h"
#include "mp_redis.h"

/* What is counted: MPM_COUNTER(ID, name) */
#define MPM_COUNTERS(MPM_COUNTER)                                             \
    MPM_COUNTER(MESSAGES, "messages")                                         \
    MPM_COUNTER(TRUSTED, "trusted")                                           \
    MPM_COUNTER(BLACKLIST, "blacklist")                                       \
    MPM_COUNTER(WHITELIST, "whitelist")                                       \
    MPM_COUNTER(PASS, "pass")                                                 \
    MPM_COUNTER(DEFER, "defer")                                               \
    MPM_COUNTER(JUNK, "junk")                                                 \
    MPM_COUNTER(REJECT, "reject")                                             \
    MPM_COUNTER(PRE_RESULT, "pre_result")                                     \
    MPM_COUNTER(UNSCORED, "unscored")                                         \
    MPM_COUNTER(SCAN_ERRORS, "scan_errors")                                   \
    MPM_COUNTER(SCAN_SKIPPED, "scan_skipped")                                 \
    MPM_COUNTER(SCAN_BUSY, "scan_busy")                                       \
    MPM_COUNTER(BREAKER_OPEN, "breaker_open")                                 \
    MPM_COUNTER(GREYLISTED, "greylisted")                                     \
    MPM_COUNTER(GREY_PASSED, "grey_passed")                                   \
    MPM_COUNTER(GREY_ERRORS, "grey_errors")                                   \
    MPM_COUNTER(SPOOFED_HEADERS, "spoofed_headers")                           \
    MPM_COUNTER(SNAPSHOTS, "snapshots")                                       \
    MPM_COUNTER(SNAPSHOT_REFUSED, "snapshot_refused")                         \
    MPM_COUNTER(RELOADS, "reloads")                                           \
    MPM_COUNTER(HITS_LOST, "hits_lost")

enum mpm_counter {
#define MPM_COUNTER(id, name) MPM_COUNT_##id,
    MPM_COUNTERS(MPM_COUNTER)
#undef MPM_COUNTER
    MPM_COUNT_COUNT
};

/*
 * What happened, until it is in Redis.  Any thread counts; one flushes.  With
 * Redis away counts stay here; of hits the last few thousand entries do.
 */
struct mpm_stat;

struct mpm_stat *mpm_stat_new(const char *node);
void mpm_stat_free(struct mpm_stat *stat);

void mpm_stat_count(struct mpm_stat *stat, enum mpm_counter counter);
void mpm_stat_counts(struct mpm_stat *stat, enum mpm_counter counter,
                     uint64_t n);

/* An entry of a list decided about a message. */
void mpm_stat_hit(struct mpm_stat *stat, enum mp_list_kind kind,
                  const char *entry, size_t len, int64_t now);

/* A message had this score, in hundredths. */
void mpm_stat_score(struct mpm_stat *stat, int32_t score);

/* Brings all to Redis; what could not be brought is kept. */
enum mp_status mpm_stat_flush(struct mpm_stat *stat, struct mp_redis *redis,
                              struct mp_error *err);

#endif
