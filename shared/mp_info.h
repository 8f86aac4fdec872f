#ifndef MP_INFO_H
#define MP_INFO_H

#include <stdbool.h>
#include <stddef.h>

#include "mp_error.h"

/*
 * Reads the answer of INFO (all sections) and says whether this Redis keeps
 * what it is given: append-only file on, noeviction, version 7 or later.
 * MP_REDIS_UNSAFE: err->field is the directive of redis.conf to change,
 * err->text what it is and what it must be.  MP_REDIS_AWAY: Redis is still
 * loading its data, and tells nothing yet.  MP_INVALID: not such an answer.
 */
enum mp_status mp_info_check(const char *info, size_t len,
                             struct mp_error *err);

/* False when it says that it cannot write its append-only file. */
bool mp_info_writes(const char *info, size_t len);

/*
 * Which of our failures an error reply ("OOM command not …") is.  MP_STALE is
 * an XADD whose id is not above the last one; what is not known is
 * MP_INTERNAL.
 */
enum mp_status mp_redis_error_status(const char *text);

#endif
