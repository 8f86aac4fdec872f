/*
 * Any bytes as what a node says of a job: a progress, and items.  What is
 * taken is written as JSON that is read again as the same.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mp_progress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


static void
check_same(const struct mp_json *a, const struct mp_json *b)
{
    must(a->ok && b->ok && a->len == b->len);
    must(memcmp(a->bytes, b->bytes, a->len) == 0);
}


static void
check_progress(const struct mp_progress *progress)
{
    struct mp_progress read;
    struct mp_json json, again;

    must(strlen(progress->text) < sizeof(progress->text));

    mp_json_init(&json);
    mp_json_init(&again);
    mp_progress_render(&json, NULL, progress);
    must(mp_progress_parse(&read, json.bytes, json.len, NULL) == MP_OK);
    mp_progress_render(&again, NULL, &read);
    check_same(&json, &again);
    mp_json_free(&again);
    mp_json_free(&json);
}


static void
check_items(const struct mp_item *items, size_t count)
{
    static struct mp_item read[MP_ITEMS_MAX];
    struct mp_json json, again;
    size_t fits = 0;

    must(count <= MP_ITEMS_MAX);

    mp_json_init(&json);
    mp_json_init(&again);
    mp_items_render(&json, NULL, items, count);
    must(json.len <= MP_ITEMS_JSON_MAX);
    must(mp_items_parse(read, &fits, json.bytes, json.len, NULL) == MP_OK);
    must(fits <= count);
    mp_items_render(&again, NULL, read, fits);
    check_same(&json, &again);
    mp_json_free(&again);
    mp_json_free(&json);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mp_item items[MP_ITEMS_MAX];
    struct mp_progress progress;
    struct mp_error err = { "", "" };
    size_t count = 0;

    if (mp_progress_parse(&progress, (const char *) data, size, &err) == MP_OK)
    {
        check_progress(&progress);
    } else {
        must(err.text[0] != '\0');
    }

    if (mp_items_parse(items, &count, (const char *) data, size, &err)
        == MP_OK) {
        check_items(items, count);
    } else {
        must(count == 0 && err.text[0] != '\0');
    }

    return 0;
}
