#ifndef MPM_SPOOF_H
#define MPM_SPOOF_H

#include <stdbool.h>

#include "mpm_bytes.h"

/* Headers of a message that only we may write, by name; all zero is none. */
struct mpm_spoof {
    struct mpm_bytes names; /* each ends with a NUL */
    size_t count;
};

/*
 * Whether a header of this name is ours, or passes for a verdict about spam:
 * X-Spam, X-Spam-*, X-Spamd-*, X-Rspamd-* in any case.  Blanks before the
 * colon, which some count as part of the name, do not help it.
 */
bool mpm_spoof_is(const char *name);

/* Remembers one; false when memory ran out. */
bool mpm_spoof_add(struct mpm_spoof *spoof, const char *name);

/*
 * Calls remove for each remembered header with its index among those of its
 * name, highest first: each removal moves those behind it.  False when a
 * call was false, or memory ran out.
 */
bool mpm_spoof_each(const struct mpm_spoof *spoof,
                    bool (*remove)(void *arg, char *name, int index),
                    void *arg);

void mpm_spoof_reset(struct mpm_spoof *spoof);
void mpm_spoof_free(struct mpm_spoof *spoof);

#endif
