/*
 * Any bytes as an entry of the audit log, its id and then a name or a value a
 * line.  What is taken is written as JSON, and its id is one that can be
 * asked for.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "mp_audit.h"

#define TEXTS 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


static void
check(const struct mp_audit *audit)
{
    struct mp_json json;
    json_t *object;
    int64_t seconds;

    must(mp_audit_id_check(audit->id, strlen(audit->id)));
    must(mp_time_parse(&seconds, audit->at, strlen(audit->at)));

    mp_json_init(&json);
    mp_audit_render(&json, audit);
    must(json.ok);
    object = json_loadb(json.bytes, json.len, JSON_REJECT_DUPLICATES, NULL);
    must(json_is_object(object) && json_object_size(object) == 8);
    json_decref(object);
    mp_json_free(&json);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redisReply text[TEXTS], fields, entry;
    redisReply *element[TEXTS], *two[2] = { &text[0], &fields };
    char *copy = strndup((const char *) data, size);
    char *at = copy;
    struct mp_audit audit;
    size_t count = 0;

    must(copy != NULL);
    memset(text, 0, sizeof(text));
    memset(&fields, 0, sizeof(fields));
    memset(&entry, 0, sizeof(entry));

    while (at != NULL && count < TEXTS) {
        text[count].type = REDIS_REPLY_STRING;
        text[count].str = strsep(&at, "\n");
        text[count].len = strlen(text[count].str);
        element[count] = &text[count];
        count++;
    }

    fields.type = REDIS_REPLY_ARRAY;
    fields.elements = count - 1;
    fields.element = element + 1;
    entry.type = REDIS_REPLY_ARRAY;
    entry.elements = 2;
    entry.element = two;

    if (mp_audit_parse(&audit, &entry, NULL) == MP_OK) {
        check(&audit);
    }

    free(copy);

    return 0;
}
