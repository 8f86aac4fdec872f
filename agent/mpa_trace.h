#ifndef MPA_TRACE_H
#define MPA_TRACE_H

#include <jansson.h>

#include "mp_cmd.h"
#include "mp_key.h"
#include "mp_mail_event.h"
#include "mp_redis.h"

/*
 * What became of each message, told by the lines of the logs: a document of
 * JSON each, in Redis.  What is in memory are copies, and what the lines of
 * one transaction change; so a crash leaves no message half told.
 *
 * open is what a line may name: "q<queue id>" of a message that is in the
 * queue, "r<queue id>" of one that has left it and "s<session>" of a delivery
 * to Dovecot, all to the id of a document; "d<session>" to a folder, when
 * Dovecot's line came first, and "v<queue id>" to a line of the milter's that
 * did.  What waits for a line does so for a minute or two.
 */
struct mpa_trace {
    char node[64];
    int64_t keep_msecs;
    int64_t max;

    struct mp_keyname stories_key;
    struct mp_keyname index_key;
    struct mp_keyname open_key;

    bool loaded;
    int64_t count; /* documents in Redis */
    json_t *open;
    json_t *docs;    /* id to document */
    json_t *dirty;   /* ids */
    json_t *made;    /* ids that Redis does not have */
    json_t *changed; /* of open: the new value, or null */
    json_t *clients; /* process to what it said of a connection */
    json_t *refused; /* process to the id of what it refused */
    json_t *waiting; /* names that nobody asked for so far */
    uint64_t serial;
    int64_t next_expiry;
    int64_t next_sweep;
};

/* The caller owns it.  NULL without memory, or when a key is too long. */
struct mpa_trace *mpa_trace_new(const char *node, int64_t keep_msecs,
                                int64_t max);
void mpa_trace_free(struct mpa_trace *trace);

/* Redis may have something else than what is in memory. */
void mpa_trace_forget(struct mpa_trace *trace);

/* Reads what the lines to come will need: first _want() each. */
enum mp_status mpa_trace_load(struct mpa_trace *trace, struct mp_redis *redis,
                              struct mp_error *err);
void mpa_trace_want(struct mpa_trace *trace,
                    const struct mp_mail_event *event);
enum mp_status mpa_trace_fetch(struct mpa_trace *trace, struct mp_redis *redis,
                               struct mp_error *err);

/* mpa_trace_line.c: one line, which is of the second at. */
void mpa_trace_line(struct mpa_trace *trace, const struct mp_logline *line,
                    const struct mp_mail_event *event, int64_t at);

/*
 * What has changed since, as commands of a transaction, given to send one by
 * one; and the oldest documents that go for it, which are asked for before.
 */
enum mp_status mpa_trace_oldest(struct mpa_trace *trace,
                                struct mp_redis *redis, redisReply **oldest_r,
                                struct mp_error *err);
void mpa_trace_commands(struct mpa_trace *trace, const redisReply *oldest,
                        void (*send)(void *data, struct mp_cmd *cmd),
                        void *data);

/* The transaction was done. */
void mpa_trace_done(struct mpa_trace *trace, const redisReply *oldest);

/* Now and then: removes what is older than is kept. */
enum mp_status mpa_trace_expire(struct mpa_trace *trace,
                                struct mp_redis *redis, int64_t now_msecs,
                                struct mp_error *err);

#endif
