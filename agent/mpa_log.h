#ifndef MPA_LOG_H
#define MPA_LOG_H

#include "mp_key.h"
#include "mp_logline.h"
#include "mpa.h"
#include "mpa_tail.h"
#include "mpa_thread.h"
#include "mpa_trace.h"

#define MPA_LOG_LINES 10000 /* of a service and node in Redis */
#define MPA_LOG_BATCH 1000  /* lines in a transaction */
#define MPA_LOG_BYTES (512 << 10)

/* Lines of the first two are kept; the milter's tell of messages only. */
enum mpa_service {
    MPA_SERVICE_POSTFIX,
    MPA_SERVICE_DOVECOT,
    MPA_SERVICE_MILTER,
    MPA_SERVICE_COUNT
};

#define MPA_SERVICE_KEPT MPA_SERVICE_MILTER

/* One file; it is of one service, or of Postfix and Dovecot. */
struct mpa_log_file {
    struct mpa_log *log;
    struct mpa_tail *tail;
    enum mpa_service service; /* as which the helper opens it */
    bool both;
    bool begun;
    int64_t next_look;
    unsigned int trouble;
    struct mp_keyname place_key;
};

struct mpa_log {
    struct mpa *agent;
    struct mp_redis *redis;
    struct mpa_thread thread;
    struct mpa_log_file file[MPA_SERVICE_COUNT];
    unsigned int count;
    struct mp_keyname key[MPA_SERVICE_KEPT];
    struct mpa_trace trace;

    struct mpa_line line[MPA_LOG_BATCH]; /* of one transaction */
    char bytes[MPA_LOG_BYTES];
};

/*
 * mpa_log_batch.c: the lines that are there, a thousand at most, become lines
 * in Redis, together with the place behind them.  MP_NOT_FOUND: there were
 * none; MP_STALE: the file must begin at its place again.  *away_r: it was
 * Redis that failed, and what it has must be asked anew.
 */
enum mp_status mpa_log_batch(struct mpa_log_file *file, bool *away_r,
                             struct mp_error *err);

#endif
