/*
 * Any bytes as a snapshot file.  The checksum is made right first, or nothing
 * would get beyond it.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "mp_list.h"
#include "mp_snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mp_snapshot snapshot;
    struct mp_error err = { "", "" };
    unsigned char *bytes;

    if (size < MP_SNAPSHOT_SUM) {
        return mp_snapshot_parse(&snapshot, data, size, &err) == MP_OK;
    }

    bytes = malloc(size);
    if (bytes == NULL) {
        return 0;
    }

    memcpy(bytes, data, size);
    (void) crypto_generichash(bytes + size - MP_SNAPSHOT_SUM, MP_SNAPSHOT_SUM,
                              bytes, size - MP_SNAPSHOT_SUM, NULL, 0);

    if (mp_snapshot_parse(&snapshot, bytes, size, &err) == MP_OK) {
        mp_list_free(mp_list_from_image(snapshot.image, snapshot.image_len));

    } else if (err.text[0] == '\0') {
        abort();
    }

    free(bytes);

    return 0;
}
