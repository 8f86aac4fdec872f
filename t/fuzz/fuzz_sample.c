/*
 * Any bytes as what a node says of itself in Redis: a sample, a backup, what
 * Radicale has, the sums of its mailboxes.  What is taken is written as JSON
 * that is read again as the same.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mp_backup.h"
#include "mp_dav.h"
#include "mp_sample.h"
#include "mp_usage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


static void
try_sample(const char *bytes, size_t size)
{
    struct mp_sample sample, again;
    struct mp_json json;

    if (mp_sample_parse(&sample, bytes, size, NULL) != MP_OK) {
        return;
    }

    mp_json_init(&json);
    mp_sample_render(&json, NULL, &sample);
    must(json.ok);
    must(mp_sample_parse(&again, json.bytes, json.len, NULL) == MP_OK);
    must(memcmp(&sample, &again, sizeof(sample)) == 0);
    mp_json_free(&json);
}


static void
try_backup(const char *bytes, size_t size)
{
    struct mp_backup backup, again;
    struct mp_json json;

    if (mp_backup_parse(&backup, bytes, size, NULL) != MP_OK) {
        return;
    }

    must(strchr(backup.name, '/') == NULL);
    must(strcmp(backup.name, "..") != 0);

    mp_json_init(&json);
    mp_backup_render(&json, NULL, &backup);
    must(json.ok);
    must(mp_backup_parse(&again, json.bytes, json.len, NULL) == MP_OK);
    must(strcmp(backup.name, again.name) == 0);
    must(strcmp(backup.target, again.target) == 0);
    must(backup.bytes == again.bytes && backup.items == again.items);
    mp_json_free(&json);
}


static void
try_dav(const char *bytes, size_t size)
{
    struct mp_dav dav, again;
    struct mp_json json;

    if (mp_dav_parse(&dav, bytes, size, NULL) != MP_OK) {
        return;
    }

    mp_json_init(&json);
    mp_dav_render(&json, NULL, &dav);
    must(json.ok);
    must(mp_dav_parse(&again, json.bytes, json.len, NULL) == MP_OK);
    must(memcmp(&dav, &again, sizeof(dav)) == 0);
    mp_json_free(&json);
}


/* Dovecot's worker writes it; the rest of us only read. */
static void
try_usage(const char *bytes, size_t size)
{
    struct mp_error err = { "", "" };
    struct mp_usage_total total;

    must(mp_usage_total_parse(&total, bytes, size, &err) == MP_OK
         || err.text[0] != '\0');
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_sample((const char *) data, size);
    try_backup((const char *) data, size);
    try_usage((const char *) data, size);
    try_dav((const char *) data, size);

    return 0;
}
