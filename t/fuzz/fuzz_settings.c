/*
 * Any bytes as a patch and as a kept document: what is taken obeys the rules
 * and comes back the same through its stored form.
 */

#include <stdint.h>
#include <stdlib.h>

#include "mp_settings_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
round_trip(const struct mp_settings *set)
{
    struct mp_settings back;
    struct mp_json json;

    if (mp_settings_check(set, NULL) != MP_OK) {
        abort();
    }

    mp_json_init(&json);
    mp_settings_store(&json, set);

    if (mp_settings_load(&back, json.bytes, json.len, NULL) != MP_OK
        || !mp_settings_equal(set, &back))
    {
        abort();
    }

    mp_json_free(&json);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mp_settings set, before;
    struct mp_new_secrets secrets;
    struct mp_faults faults;
    struct mp_error err;
    json_t *patch;

    if (mp_settings_load(&set, (const char *) data, size, &err) == MP_OK) {
        round_trip(&set);
    }

    patch =
        json_loadb((const char *) data, size, JSON_REJECT_DUPLICATES, NULL);
    if (patch == NULL) {
        return 0;
    }

    mp_settings_default(&set);
    before = set;

    if (mp_settings_patch(&set, patch, &secrets, &faults) == MP_OK) {
        if (!set.imap_master_enabled) {
            round_trip(&set);
        }

    } else if (faults.count == 0 || !mp_settings_equal(&set, &before)) {
        abort();
    }

    json_decref(patch);
    return 0;
}
