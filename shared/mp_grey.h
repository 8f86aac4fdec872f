#ifndef MP_GREY_H
#define MP_GREY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MP_GREY_HEX 33 /* 128 bits in hex and a NUL */

/* Who sends to whom, as the greylist sees it. */
struct mp_grey {
    const char *secret; /* the same on all nodes: the epoch */
    const char *client; /* an address */
    const char *sender;
    const char *const *rcpts;
    size_t rcpt_count;
};

/*
 * The name of a greylist entry: a keyed hash of the client's network, the
 * sender without what changes with each message (tags, digits, case), and the
 * recipients in any order.  False when memory ran out.
 */
bool mp_grey_name(char hex_r[MP_GREY_HEX], const struct mp_grey *grey);

/*
 * How many milliseconds a message has still to wait that was first seen at
 * first (the value of the entry); 0 when it may pass.  What is no time, or one
 * of the future, lets it pass.
 */
int64_t mp_grey_left(const char *first, int64_t now_msecs,
                     int64_t delay_msecs);

#endif
