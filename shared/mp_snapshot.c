#include "mp_snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sodium.h>

#include "mp_settings_json.h"

#define MP_SNAPSHOT_MAGIC "mailportal-snapshot 1 "

/* a head holds one document, which is far smaller */
#define MP_SNAPSHOT_HEAD_MAX (1u << 20)

struct mp_snapshot_text {
    const char *name;
    size_t offset;
    size_t size;
};

#define MP_PLACE(name, field)                                                 \
    {                                                                         \
        name, offsetof(struct mp_snapshot, field),                            \
            sizeof(((struct mp_snapshot *) 0)->field)                         \
    }

static const struct mp_snapshot_text mp_snapshot_texts[] = {
    MP_PLACE("epoch", version.epoch), MP_PLACE("h", version.hash),
    MP_PLACE("prev", version.prev),   MP_PLACE("actor", version.actor),
    MP_PLACE("at", version.at),       MP_PLACE("req", version.request_id),
    MP_PLACE("lists", lists),         MP_PLACE("lists_epoch", lists_epoch),
};

#define MP_SNAPSHOT_TEXTS                                                     \
    (sizeof(mp_snapshot_texts) / sizeof(mp_snapshot_texts[0]))


void
mp_snapshot_head(char start_r[MP_SNAPSHOT_START], struct mp_json *head_r,
                 const struct mp_snapshot *snapshot)
{
    struct mp_json doc;
    int len;

    mp_json_object(head_r, NULL);
    mp_json_number(head_r, "settings", (int64_t) snapshot->version.number);

    for (size_t i = 0; i < MP_SNAPSHOT_TEXTS; i++) {
        mp_json_text(head_r, mp_snapshot_texts[i].name,
                     (const char *) snapshot + mp_snapshot_texts[i].offset);
    }

    mp_json_init(&doc);
    mp_settings_store(&doc, &snapshot->version.set);
    mp_json_bytes(head_r, "doc", doc.bytes, doc.len);
    head_r->ok = head_r->ok && doc.ok;
    mp_json_free(&doc);

    mp_json_end_object(head_r);

    memset(start_r, ' ', MP_SNAPSHOT_START);
    len = snprintf(start_r, MP_SNAPSHOT_START, MP_SNAPSHOT_MAGIC "%zu %zu\n",
                   head_r->len, snapshot->image_len);
    start_r[len] = ' ';
}


/* The two sizes of the start, which must add up to that of the file. */
static bool
mp_snapshot_sizes(size_t *head_r, size_t *image_r, const unsigned char *bytes,
                  size_t len)
{
    char start[MP_SNAPSHOT_START + 1];
    unsigned long long head, image;
    char *end;

    if (len < MP_SNAPSHOT_START + MP_SNAPSHOT_SUM) {
        return false;
    }

    memcpy(start, bytes, MP_SNAPSHOT_START);
    start[MP_SNAPSHOT_START] = '\0';

    if (strncmp(start, MP_SNAPSHOT_MAGIC, sizeof(MP_SNAPSHOT_MAGIC) - 1) != 0)
    {
        return false;
    }

    head = strtoull(start + sizeof(MP_SNAPSHOT_MAGIC) - 1, &end, 10);
    if (*end != ' ') {
        return false;
    }

    image = strtoull(end, &end, 10);
    if (*end != '\n' || head > MP_SNAPSHOT_HEAD_MAX || image > len) {
        return false;
    }

    *head_r = (size_t) head;
    *image_r = (size_t) image;

    return MP_SNAPSHOT_START + head + image + MP_SNAPSHOT_SUM == len;
}


static enum mp_status
mp_snapshot_fields(struct mp_snapshot *snapshot_r, const json_t *root,
                   struct mp_error *err)
{
    const json_t *number = json_object_get(root, "settings");
    const json_t *doc = json_object_get(root, "doc");

    if (!json_is_integer(number) || json_integer_value(number) < 0
        || !json_is_string(doc))
    {
        return mp_fail(err, MP_INVALID, "settings", "has no version");
    }

    snapshot_r->version.number = (uint64_t) json_integer_value(number);

    for (size_t i = 0; i < MP_SNAPSHOT_TEXTS; i++) {
        const struct mp_snapshot_text *text = &mp_snapshot_texts[i];
        const json_t *value = json_object_get(root, text->name);

        if (!json_is_string(value) || json_string_length(value) >= text->size)
        {
            return mp_fail(err, MP_INVALID, text->name, "is not as it was");
        }

        memcpy((char *) snapshot_r + text->offset, json_string_value(value),
               json_string_length(value) + 1);
    }

    return snapshot_r->version.number == 0
             ? MP_OK
             : mp_settings_load(&snapshot_r->version.set,
                                json_string_value(doc),
                                json_string_length(doc), err);
}


enum mp_status
mp_snapshot_parse(struct mp_snapshot *snapshot_r, const unsigned char *bytes,
                  size_t len, struct mp_error *err)
{
    unsigned char sum[MP_SNAPSHOT_SUM];
    size_t head = 0, image = 0;
    enum mp_status status;
    json_t *root;

    if (!mp_snapshot_sizes(&head, &image, bytes, len)) {
        return mp_fail(err, MP_INVALID, "", "is no snapshot, or a torn one");
    }

    (void) crypto_generichash(sum, sizeof(sum), bytes, len - sizeof(sum), NULL,
                              0);
    if (memcmp(sum, bytes + len - sizeof(sum), sizeof(sum)) != 0) {
        return mp_fail(err, MP_INVALID, "", "does not match its checksum");
    }

    root = json_loadb((const char *) bytes + MP_SNAPSHOT_START, head,
                      JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(root)) {
        json_decref(root);
        return mp_fail(err, MP_INVALID, "", "has no head");
    }

    memset(snapshot_r, 0, sizeof(*snapshot_r));
    snapshot_r->image = bytes + MP_SNAPSHOT_START + head;
    snapshot_r->image_len = image;

    status = mp_snapshot_fields(snapshot_r, root, err);
    json_decref(root);

    return status;
}
