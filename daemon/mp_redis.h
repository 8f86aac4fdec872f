#ifndef MP_REDIS_H
#define MP_REDIS_H

#include <stdbool.h>

#include <hiredis/hiredis.h>

#include "mp_cmd.h"
#include "mp_error.h"

/*
 * A blocking connection to Redis, for programs with threads of their own (the
 * milter, the agent, mailportal-ctl).
 *
 * hiredis keeps no deadline over a reconnect, and after a timeout its replies
 * are out of step; so any failure ends the connection, and the next call makes
 * a new one.  One thread at a time.
 */
struct mp_redis;

struct mp_redis_options {
    const char *socket;         /* "unix:/path" or "host:port" (address) */
    const char *user;           /* ACL user; NULL for none */
    const char *password_file;  /* first line; NULL for none */
    const char *name;           /* CLIENT SETNAME */
    unsigned int timeout_msecs; /* of connecting and of each reply */
    bool unsafe; /* connect also when mp_info_check() says MP_REDIS_UNSAFE */
    bool unchecked; /* takes any Redis: for a program that reports on it */
};

/* The texts are copied.  Does not connect.  NULL without memory. */
struct mp_redis *mp_redis_new(const struct mp_redis_options *options);
void mp_redis_free(struct mp_redis *redis);

/*
 * Connects unless connected: AUTH, SETNAME, ROLE must be master, and INFO must
 * pass mp_info_check(), unless unchecked.  MP_REDIS_AWAY, MP_REDIS_READONLY, MP_REDIS_UNSAFE,
 * or MP_FORBIDDEN (wrong user or password), with err filled.
 */
enum mp_status mp_redis_connect(struct mp_redis *redis, struct mp_error *err);

/* Ends the connection; the next call makes a new one. */
void mp_redis_drop(struct mp_redis *redis);

/*
 * Sends a command and waits for its reply, connecting first if need be.
 * extra_msecs is added to the deadline (for BLOCK).  The caller frees
 * *reply_r with freeReplyObject(); it is never NULL with MP_OK.  An error
 * reply is not MP_OK: its class comes out, err->text is its text.
 */
enum mp_status mp_redis_do(struct mp_redis *redis, struct mp_cmd *cmd,
                           unsigned int extra_msecs, redisReply **reply_r,
                           struct mp_error *err);

/*
 * Pipelining: queue commands with mp_redis_send(), then collect as many
 * replies with mp_redis_reply().
 */
enum mp_status mp_redis_send(struct mp_redis *redis, struct mp_cmd *cmd,
                             struct mp_error *err);
enum mp_status mp_redis_reply(struct mp_redis *redis, redisReply **reply_r,
                              struct mp_error *err);

/*
 * After mp_redis_send(): what is queued goes out now, so that Redis works
 * while the caller does.
 */
enum mp_status mp_redis_push(struct mp_redis *redis, struct mp_error *err);

#endif
