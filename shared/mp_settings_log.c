#include "mp_settings_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "mp_key.h"
#include "mp_settings_json.h"

/* No document is near this; a larger one is not worth its hash. */
#define MP_DOC_MAX 65536

/* One field of a stream entry; lent by the reply. */
struct mp_field {
    const char *text;
    size_t len;
};


static bool
mp_entry_field(struct mp_field *field_r, const redisReply *fields,
               const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        const redisReply *key = fields->element[i];
        const redisReply *value = fields->element[i + 1];

        if (key->type == REDIS_REPLY_STRING && key->len == len
            && memcmp(key->str, name, len) == 0
            && value->type == REDIS_REPLY_STRING)
        {
            field_r->text = value->str;
            field_r->len = value->len;
            return true;
        }
    }

    return false;
}


/* Copies a field into a text of fixed size; it must fit and have no NUL. */
static bool
mp_entry_text(char *text_r, size_t size, const redisReply *fields,
              const char *name)
{
    struct mp_field field;

    if (!mp_entry_field(&field, fields, name) || field.len >= size
        || memchr(field.text, '\0', field.len) != NULL)
    {
        return false;
    }

    memcpy(text_r, field.text, field.len);
    text_r[field.len] = '\0';
    return true;
}


static bool
mp_version_number(uint64_t *number_r, const redisReply *id)
{
    size_t digits;

    if (id->type != REDIS_REPLY_STRING) {
        return false;
    }

    digits = strspn(id->str, "0123456789");
    if (digits == 0 || digits > 18 || strcmp(id->str + digits, "-0") != 0) {
        return false;
    }

    *number_r = strtoull(id->str, NULL, 10);
    return *number_r > 0;
}


static bool
mp_is_hex(const char *text, size_t len)
{
    return strlen(text) == len && strspn(text, "0123456789abcdef") == len;
}


/*
 * The hash covers every field, each ended by a newline, which none of them but
 * the document, the last, can hold.
 */
static void
mp_version_hash(char hash_r[MP_HASH_HEX], const struct mp_version *version,
                const char *doc, size_t len)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    char head[512];
    int size;

    size = snprintf(head, sizeof(head), "%" PRIu64 "\n%s\n%s\n%s\n%s\n%s\n",
                    version->number, version->epoch, version->prev,
                    version->actor, version->at, version->request_id);

    (void) crypto_hash_sha256_init(&state);
    (void) crypto_hash_sha256_update(&state, (const unsigned char *) head,
                                     (unsigned long long) size);
    (void) crypto_hash_sha256_update(&state, (const unsigned char *) doc, len);
    (void) crypto_hash_sha256_final(&state, hash);
    (void) sodium_bin2hex(hash_r, MP_HASH_HEX, hash, sizeof(hash));
}


static enum mp_status
mp_version_fields(struct mp_version *version_r, const redisReply *fields,
                  struct mp_error *err)
{
    const struct {
        const char *name;
        char *text;
        size_t size;
    } texts[] = {
        { "epoch", version_r->epoch, sizeof(version_r->epoch) },
        { "h", version_r->hash, sizeof(version_r->hash) },
        { "prev", version_r->prev, sizeof(version_r->prev) },
        { "actor", version_r->actor, sizeof(version_r->actor) },
        { "at", version_r->at, sizeof(version_r->at) },
        { "req", version_r->request_id, sizeof(version_r->request_id) },
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (!mp_entry_text(texts[i].text, texts[i].size, fields, texts[i].name)
            || strchr(texts[i].text, '\n') != NULL)
        {
            return mp_fail(err, MP_INVALID, texts[i].name,
                           "version %" PRIu64 " lacks it or has it too long",
                           version_r->number);
        }
    }

    if (!mp_is_hex(version_r->epoch, MP_EPOCH_SIZE - 1)) {
        return mp_fail(err, MP_INVALID, "epoch",
                       "version %" PRIu64 " has none", version_r->number);
    }

    return MP_OK;
}


enum mp_status
mp_version_parse(struct mp_version *version_r, const redisReply *entry,
                 struct mp_error *err)
{
    const redisReply *fields;
    struct mp_error fault;
    struct mp_field doc;
    char hash[MP_HASH_HEX];
    enum mp_status status;

    memset(version_r, 0, sizeof(*version_r));

    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2
        || !mp_version_number(&version_r->number, entry->element[0])
        || entry->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return mp_fail(err, MP_INVALID, "id", "not an entry of a version");
    }

    fields = entry->element[1];

    status = mp_version_fields(version_r, fields, err);
    if (status != MP_OK) {
        return status;
    }

    if (!mp_entry_field(&doc, fields, "doc")) {
        return mp_fail(err, MP_INVALID, "doc",
                       "version %" PRIu64 " has no document",
                       version_r->number);
    }

    if (doc.len > MP_DOC_MAX) {
        return mp_fail(err, MP_INVALID, "doc",
                       "version %" PRIu64 " has a document of %zu bytes",
                       version_r->number, doc.len);
    }

    mp_version_hash(hash, version_r, doc.text, doc.len);
    if (strcmp(hash, version_r->hash) != 0) {
        return mp_fail(err, MP_INVALID, "h",
                       "version %" PRIu64 " does not match its hash",
                       version_r->number);
    }

    status = mp_settings_load(&version_r->set, doc.text, doc.len, &fault);
    if (status != MP_OK) {
        return mp_fail(err, MP_INVALID, fault.field, "version %" PRIu64 ": %s",
                       version_r->number, fault.text);
    }

    return MP_OK;
}


void
mp_version_seal(struct mp_version *next, const struct mp_version *before)
{
    struct mp_json doc;

    if (before != NULL) {
        next->number = before->number + 1;
        memcpy(next->epoch, before->epoch, sizeof(next->epoch));
        memcpy(next->prev, before->hash, sizeof(next->prev));
    } else {
        next->number = 1;
        next->prev[0] = '\0';
    }

    mp_json_init(&doc);
    mp_settings_store(&doc, &next->set);
    mp_version_hash(next->hash, next, doc.bytes, doc.ok ? doc.len : 0);
    mp_json_free(&doc);
}


void
mp_version_command(struct mp_cmd *cmd, const struct mp_version *version)
{
    struct mp_json doc;
    char id[32];

    mp_json_init(&doc);
    mp_settings_store(&doc, &version->set);

    if (!doc.ok) {
        cmd->ok = false;
        mp_json_free(&doc);
        return;
    }

    (void) snprintf(id, sizeof(id), "%" PRIu64 "-0", version->number);

    mp_cmd_texts(cmd, "XADD", mp_key(MP_KEY_SETTINGS), NULL);

    if (version->number > 1) {
        mp_cmd_text(cmd, "NOMKSTREAM");
    }

    mp_cmd_texts(cmd, id, "epoch", version->epoch, "h", version->hash, "prev",
                 version->prev, "actor", version->actor, "at", version->at,
                 "req", version->request_id, "doc", NULL);
    mp_cmd_add(cmd, doc.bytes, doc.len);
    mp_json_free(&doc);
}
