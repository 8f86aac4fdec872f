#ifndef MPA_ENTRY_H
#define MPA_ENTRY_H

#include <hiredis/hiredis.h>

#include "mpa.h"

/*
 * An entry of the queue of jobs, the stream that every agent reads as a group
 * of its own: an array of its id and its fields.
 */
#define MPA_ENTRY_SIZE 48 /* of an id, with its NUL */

/* The value of a field; NULL when it has none. */
const redisReply *mpa_entry_field(const redisReply *entry, const char *name);

/* What it asked for is done; Redis does not give it to this node again. */
enum mp_status mpa_entry_ack(const struct mpa *agent, struct mp_redis *redis,
                             const char *entry, struct mp_error *err);

/*
 * The job of an entry that cannot be done fails by its id, len bytes, if that
 * is one.
 */
enum mp_status mpa_entry_refuse(const struct mpa *agent,
                                struct mp_redis *redis, const char *id,
                                size_t len, const char *why,
                                struct mp_error *err);

#endif
