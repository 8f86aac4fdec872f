#ifndef WORKER_REDIS_H
#define WORKER_REDIS_H

#include <hiredis/hiredis.h>

#include "mp_cmd.h"

struct worker_config;
struct worker_redis;

/* reply NULL: the connection is lost, and nobody knows what was done. */
typedef void worker_redis_callback_t(const redisReply *reply, void *context);

/*
 * One connection in Dovecot's ioloop, kept up: AUTH, ROLE master, a Redis
 * that mp_info.h trusts; every wait has a deadline, a lost one is made again
 * after 50 ms to 2 s.  connected, which may be NULL, is called each time it
 * is usable.  A command that blocks needs a connection of its own.
 */
struct worker_redis *
worker_redis_init(const struct worker_config *config, const char *name,
		  void (*connected)(void *context), void *context);

/* Who waits for a reply is called, with NULL. */
void worker_redis_deinit(struct worker_redis **redis);

bool worker_redis_is_up(const struct worker_redis *redis);

/* Why it is not up, for the operator; "" when it is. */
const char *worker_redis_problem(const struct worker_redis *redis);

/*
 * Sends commands, as one MULTI when count > 1, and frees them.  callback, which
 * may be NULL, gets the reply (of a MULTI: EXEC's); it is called exactly once,
 * perhaps at once when there is no connection.  block_msecs is what BLOCK of
 * the command adds to the deadline.
 */
void worker_redis_send(struct worker_redis *redis, struct mp_cmd *cmds,
		       unsigned int count, unsigned int block_msecs,
		       worker_redis_callback_t *callback, void *context);

/*
 * NULL when Redis did all that was asked; otherwise why not, lent by the
 * reply: the connection was lost, an error, or one within EXEC's answer.
 */
const char *worker_redis_error(const redisReply *reply);

#endif
