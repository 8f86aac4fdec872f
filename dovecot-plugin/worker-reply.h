#ifndef WORKER_REPLY_H
#define WORKER_REPLY_H

/* Looks into replies, as if they came from a stranger. */

#include <hiredis/hiredis.h>

/*
 * Of XRANGE or XREVRANGE: the one entry, and its fields; NULL when there is
 * none, or the reply is of another form.
 */
const redisReply *worker_reply_one(const redisReply *reply);
const redisReply *worker_reply_entry(const redisReply *reply);

/* The value of a field; NULL when it is missing or has a NUL in it. */
const char *worker_reply_field(const redisReply *fields, const char *name);

/* A text without a NUL, or NULL. */
const char *worker_reply_text(const redisReply *reply);

#endif
