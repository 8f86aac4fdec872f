#include "mpm_bytes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MPM_BYTES_FIRST 1024


bool
mpm_bytes_add(struct mpm_bytes *bytes, const void *more, size_t len)
{
    if (len > SIZE_MAX / 4 - bytes->len) {
        return false;
    }

    if (bytes->len + len > bytes->size) {
        size_t size = bytes->size == 0 ? MPM_BYTES_FIRST : bytes->size;
        char *grown;

        while (size < bytes->len + len) {
            size *= 2;
        }

        grown = realloc(bytes->bytes, size);
        if (grown == NULL) {
            return false;
        }

        bytes->bytes = grown;
        bytes->size = size;
    }

    if (len > 0) {
        memcpy(bytes->bytes + bytes->len, more, len);
        bytes->len += len;
    }

    return true;
}


void
mpm_bytes_reset(struct mpm_bytes *bytes, size_t keep)
{
    if (bytes->size > keep) {
        mpm_bytes_free(bytes);
    }

    bytes->len = 0;
}


void
mpm_bytes_free(struct mpm_bytes *bytes)
{
    free(bytes->bytes);
    memset(bytes, 0, sizeof(*bytes));
}
