/*
 * Any bytes as the answer of INFO: only one that says so is safe.  And as an
 * error reply.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mp_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *info = (const char *) data;
    struct mp_error err = { "", "" };
    char *text;

    switch (mp_info_check(info, size, &err)) {
    case MP_OK:
        must(memmem(info, size, "aof_enabled:1", 13) != NULL);
        must(memmem(info, size, "loading:0", 9) != NULL);
        must(memmem(info, size, "maxmemory_policy:noeviction", 27) != NULL);
        break;

    case MP_REDIS_UNSAFE:
        must(err.field[0] != '\0' && err.text[0] != '\0');
        break;

    case MP_REDIS_AWAY:
    case MP_INVALID:
        must(err.text[0] != '\0');
        break;

    default:
        abort();
    }

    text = strndup(info, size);
    must(text != NULL);
    must(mp_redis_error_status(text) != MP_OK);
    free(text);

    return 0;
}
