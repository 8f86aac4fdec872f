#ifndef MPA_LOG_H
#define MPA_LOG_H

#include "mp_key.h"
#include "mp_logline.h"
#include "mpa.h"
#include "mpa_tail.h"
#include "mpa_thread.h"
#include "mpa_trace.h"

#define MPA_LOG_LINES 10000 /* of a service and node in Redis */
#define MPA_LOG_BATCH 2000  /* lines in a transaction, at most */
#define MPA_LOG_TRACE 1000  /* and of their messages */
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
    bool anew;    /* Redis has no place of it, and so no lines */
    bool lost;    /* Redis had none, when the last one was set */
    bool missing; /* as far as the last look went */
    bool refused; /* by Redis: its last transaction */
    int64_t next_look;
    unsigned int trouble;
    struct mp_keyname place_key;
};

/*
 * A reader of the logs.  There are two, each with its own places: the lines
 * are in Redis at once, and what they tell of messages comes when there is
 * time for it.
 */
struct mpa_log {
    struct mpa *agent;
    struct mp_redis *redis;
    struct mpa_thread thread;
    struct mpa_log_file file[MPA_SERVICE_COUNT];
    unsigned int count;
    struct mp_keyname key[MPA_SERVICE_KEPT];
    struct mpa_trace *trace; /* NULL: it is the reader of the lines */

    struct mpa_line line[MPA_LOG_BATCH]; /* of one transaction */
    char bytes[MPA_LOG_BYTES];
};

/* Lines that go into one transaction, together with the place behind them. */
struct mpa_batch {
    struct mpa_log_file *file;
    struct mp_cmd cmd;
    unsigned int sent; /* commands, MULTI and EXEC among them */
    unsigned int lines;
    unsigned int of[MPA_SERVICE_KEPT];
    int64_t now;
    char time[48]; /* of the line before, and what it is */
    size_t time_len;
    int64_t at;
    enum mp_status status; /* of what was sent so far */
};

/*
 * mpa_log_batch.c: the lines that are there, as many as go at once, become
 * lines in Redis, or stories.  MP_NOT_FOUND: there were none; MP_STALE: the
 * file must begin at its place again.  *away_r: it was Redis that failed, and
 * what it has must be asked anew.
 */
enum mp_status mpa_log_batch(struct mpa_log_file *file, bool *away_r,
                             struct mp_error *err);

/*
 * The rest is between mpa_log_batch.c and mpa_log_trace.c.  _send() sends
 * batch->cmd and empties it; _end() ends the transaction and returns what
 * became of it; _time() is the second of a line.
 */
void mpa_batch_send(struct mpa_batch *batch, struct mp_error *err);
enum mp_status mpa_batch_end(struct mpa_batch *batch, struct mp_error *err);
int64_t mpa_batch_time(struct mpa_batch *batch, const struct mp_span *time);

enum mp_status mpa_log_trace(struct mpa_batch *batch, struct mp_error *err);

#endif
