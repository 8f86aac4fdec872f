#ifndef MPM_BYTES_H
#define MPM_BYTES_H

#include <stdbool.h>
#include <stddef.h>

/* A block of bytes that grows.  The caller frees it; all zero is empty. */
struct mpm_bytes {
    char *bytes;
    size_t len;
    size_t size;
};

/* False, and nothing is added, when memory ran out. */
bool mpm_bytes_add(struct mpm_bytes *bytes, const void *more, size_t len);

/* Empties it; keeps the memory unless it is more than keep. */
void mpm_bytes_reset(struct mpm_bytes *bytes, size_t keep);
void mpm_bytes_free(struct mpm_bytes *bytes);

#endif
