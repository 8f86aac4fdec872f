#ifndef MP_USAGE_H
#define MP_USAGE_H

#include <stddef.h>
#include <stdint.h>

#include "mp_error.h"
#include "mp_time.h"

/* What the last usage sweep of a node has found; a plain value. */
struct mp_usage_total {
    uint64_t mailboxes; /* users */
    uint64_t used;      /* of them: that have messages */
    uint64_t failed;    /* of them: that could not be looked at */
    uint64_t bytes;
    uint64_t messages;
    uint64_t sieve; /* scripts */
    int64_t at;     /* unix seconds: when the sweep began */
};

/* Reads the value of MP_KEY_USAGE_TOTAL; MP_INVALID says what is wrong. */
enum mp_status mp_usage_total_parse(struct mp_usage_total *total_r,
                                    const char *bytes, size_t len,
                                    struct mp_error *err);

#endif
