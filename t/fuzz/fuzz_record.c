/*
 * Any bytes as the two hashes of a job in Redis, a field or a value a line:
 * its job, then its progress behind an empty line.  Whatever is taken has a
 * state and an object that is JSON.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "mp_record.h"

#define TEXTS 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct hash {
    redisReply reply;
    redisReply *element[TEXTS];
    redisReply text[TEXTS];
};


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


/* Lines up to an empty one; returns what is behind. */
static char *
hash_of(struct hash *hash, char *at)
{
    memset(hash, 0, sizeof(*hash));
    hash->reply.type = REDIS_REPLY_ARRAY;
    hash->reply.element = hash->element;

    while (*at != '\0' && hash->reply.elements < TEXTS) {
        redisReply *text = &hash->text[hash->reply.elements];
        size_t len = strcspn(at, "\n");
        char *next = at + len + (at[len] == '\n');

        if (len == 0) {
            return next;
        }

        at[len] = '\0';
        text->type = REDIS_REPLY_STRING;
        text->str = at;
        text->len = len;
        hash->element[hash->reply.elements++] = text;
        at = next;
    }

    return at;
}


static void
check(const struct mp_record *record, bool full)
{
    struct mp_json json;
    json_t *object;

    mp_json_init(&json);
    mp_record_render(&json, NULL, record, full);
    must(json.ok);
    object = json_loadb(json.bytes, json.len, JSON_REJECT_DUPLICATES, NULL);
    must(json_is_object(object));
    must((json_object_get(object, "nodes") != NULL) == full);
    json_decref(object);
    mp_json_free(&json);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mp_record record;
    struct hash job, progress;
    char *text = strndup((const char *) data, size);
    char *rest;

    must(text != NULL);
    rest = hash_of(&job, text);
    (void) hash_of(&progress, rest);

    if (mp_record_parse(&record, &job.reply, &progress.reply, NULL) == MP_OK) {
        must(mp_job_state_name(mp_record_state(&record))[0] != '\0');
        must(record.node_count <= MP_JOB_NODES_MAX);
        check(&record, true);
        check(&record, false);
    }

    free(text);

    return 0;
}
