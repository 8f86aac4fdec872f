#include "mpm_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "mp_domain.h"
#include "mp_key.h"
#include "mp_stream.h"
#include "mpm_redis.h"

#define MPM_SCAN_COUNT "10000"

/* a set that is said to be larger is loaded all the same, it only grows */
#define MPM_ROOM_MAX 100000000

struct mpm_load {
    struct mp_redis *redis;
    struct mp_list *list;
    enum mp_list_kind kind;
    unsigned int refused;
};

/* Takes one element of a scan; false when memory ran out. */
typedef bool (*mpm_load_take)(struct mpm_load *load, const redisReply *item,
                              const redisReply *value);


/* Whether a member is an entry in its one form; then it can be trusted. */
static bool
mpm_is_entry(const char *text, size_t len)
{
    struct mp_domain domain;

    return mp_domain_parse(&domain, text, len, NULL) == MP_OK
        && domain.len == len && memcmp(domain.text, text, len) == 0;
}


static bool
mpm_load_member(struct mpm_load *load, const redisReply *item,
                const redisReply *value)
{
    (void) value;

    if (!mpm_is_entry(item->str, item->len)) {
        load->refused++;
        return true;
    }

    return mp_list_put(load->list, load->kind, item->str, item->len, 0);
}


/*
 * An expiry "black:example.com".  It counts only for an entry that is in the
 * set.  The whitelist is loaded second, so that the kind that is being loaded
 * is the one that is found.
 */
static bool
mpm_load_expiry(struct mpm_load *load, const redisReply *item,
                const redisReply *value)
{
    const char *prefix = load->kind == MP_LIST_WHITE ? "white:" : "black:";
    size_t skip = strlen(prefix);
    struct mp_domain domain;
    struct mp_match match;
    double expires;

    if (item->len <= skip || memcmp(item->str, prefix, skip) != 0
        || mp_domain_parse(&domain, item->str + skip, item->len - skip, NULL)
               != MP_OK)
    {
        return true;
    }

    expires = strtod(value->str, NULL);
    match = mp_list_find(load->list, &domain, 0);

    if (match.kind != load->kind || match.start != 0
        || !(expires >= 1 && expires < 1e15))
    {
        return true;
    }

    return mp_list_put(load->list, load->kind, domain.text, domain.len,
                       (int64_t) expires);
}


static bool
mpm_is_text(const redisReply *reply)
{
    return reply != NULL && reply->type == REDIS_REPLY_STRING;
}


/* Where a scan goes on; NULL when the answer is none of a scan. */
static const char *
mpm_load_cursor(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
                && mpm_is_text(reply->element[0]) && reply->element[1] != NULL
                && reply->element[1]->type == REDIS_REPLY_ARRAY
             ? reply->element[0]->str
             : NULL;
}


/* One answer of SSCAN (step 1) or ZSCAN (step 2). */
static enum mp_status
mpm_load_page(struct mpm_load *load, const redisReply *reply, size_t step,
              mpm_load_take take, struct mp_error *err)
{
    const redisReply *items;

    if (mpm_load_cursor(reply) == NULL) {
        return mp_fail(err, MP_INVALID, "", "the answer is no scan");
    }

    items = reply->element[1];

    for (size_t i = 0; i + step <= items->elements; i += step) {
        const redisReply *item = items->element[i];
        const redisReply *value = items->element[i + step - 1];

        if (!mpm_is_text(item) || !mpm_is_text(value)) {
            return mp_fail(err, MP_INVALID, "", "the answer is no scan");
        }

        if (!take(load, item, value)) {
            return mp_fail(err, MP_INTERNAL, "", "no memory for the lists");
        }
    }

    return MP_OK;
}


static enum mp_status
mpm_load_send(struct mpm_load *load, const char *verb, enum mp_key key,
              const char *cursor, struct mp_error *err)
{
    struct mp_cmd cmd;
    enum mp_status status;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, verb, mp_key(key), cursor, "COUNT", MPM_SCAN_COUNT,
                 NULL);
    status = mp_redis_send(load->redis, &cmd, err);
    mp_cmd_free(&cmd);

    return status == MP_OK ? mp_redis_push(load->redis, err) : status;
}


/* The next page is asked for before this one is taken: Redis works beside. */
static enum mp_status
mpm_load_scan(struct mpm_load *load, const char *verb, enum mp_key key,
              mpm_load_take take, struct mp_error *err)
{
    size_t step = strcmp(verb, "ZSCAN") == 0 ? 2 : 1;
    enum mp_status status = mpm_load_send(load, verb, key, "0", err);
    bool more = true;

    while (status == MP_OK && more) {
        redisReply *reply;
        const char *cursor;

        status = mp_redis_reply(load->redis, &reply, err);
        if (status != MP_OK) {
            break;
        }

        cursor = mpm_load_cursor(reply);
        more = cursor != NULL && strcmp(cursor, "0") != 0;

        if (more) {
            status = mpm_load_send(load, verb, key, cursor, err);
        }

        if (status == MP_OK) {
            status = mpm_load_page(load, reply, step, take, err);
        }

        freeReplyObject(reply);
    }

    return status;
}


static enum mp_status
mpm_load_size(struct mp_redis *redis, enum mp_key key, size_t *size,
              struct mp_error *err)
{
    struct mp_cmd cmd;
    redisReply *reply;
    enum mp_status status;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "SCARD", mp_key(key), NULL);
    status = mp_redis_do(redis, &cmd, 0, &reply, err);
    mp_cmd_free(&cmd);

    if (status != MP_OK) {
        return status;
    }

    if (reply->type == REDIS_REPLY_INTEGER && reply->integer > 0
        && reply->integer < MPM_ROOM_MAX)
    {
        *size += (size_t) reply->integer;
    }

    freeReplyObject(reply);

    return MP_OK;
}


static enum mp_status
mpm_load_sets(struct mpm_load *load, struct mp_error *err)
{
    static const struct {
        enum mp_list_kind kind;
        enum mp_key key;
    } sets[] = {
        { MP_LIST_BLACK, MP_KEY_BLACK },
        { MP_LIST_WHITE, MP_KEY_WHITE },
    };
    enum mp_status status = MP_OK;

    for (size_t i = 0; i < 2 && status == MP_OK; i++) {
        load->kind = sets[i].kind;
        status =
            mpm_load_scan(load, "SSCAN", sets[i].key, mpm_load_member, err);

        if (status == MP_OK) {
            status = mpm_load_scan(load, "ZSCAN", MP_KEY_LIST_EXPIRES,
                                   mpm_load_expiry, err);
        }
    }

    return status;
}


/* The id of the newest change. */
static enum mp_status
mpm_load_head(struct mp_redis *redis, char id_r[MPM_ID_SIZE],
              struct mp_error *err)
{
    redisReply *reply;
    const redisReply *entry;
    enum mp_status status;

    status = mp_stream_entry(redis, mp_key(MP_KEY_LISTS), NULL, &reply, &entry,
                             err);
    if (status != MP_OK) {
        return status;
    }

    if (mp_entry_id(entry) == NULL) {
        freeReplyObject(reply);
        return mp_fail(err, MP_NOT_FOUND, "", "Redis has no lists");
    }

    (void) snprintf(id_r, MPM_ID_SIZE, "%s", mp_entry_id(entry));
    freeReplyObject(reply);

    return MP_OK;
}


enum mp_status
mpm_load_lists(struct mpm_lists **lists_r, struct mp_redis *redis,
               const char *epoch, unsigned int *refused_r,
               struct mp_error *err)
{
    struct mpm_load load = { redis, NULL, MP_LIST_NONE, 0 };
    unsigned char key[MP_LIST_KEY_SIZE];
    char id[MPM_ID_SIZE];
    size_t room = 0;
    enum mp_status status;

    status = mpm_load_head(redis, id, err);
    if (status == MP_OK) {
        status = mpm_load_size(redis, MP_KEY_WHITE, &room, err);
    }

    if (status == MP_OK) {
        status = mpm_load_size(redis, MP_KEY_BLACK, &room, err);
    }

    if (status != MP_OK) {
        return status;
    }

    randombytes_buf(key, sizeof(key));
    load.list = mp_list_new(key, room);
    if (load.list == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory for the lists");
    }

    status = mpm_load_sets(&load, err);
    if (status != MP_OK) {
        mp_list_free(load.list);
        return status;
    }

    *lists_r = mpm_lists_new(load.list, id, epoch);
    if (*lists_r == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory for the lists");
    }

    *refused_r = load.refused;

    return MP_OK;
}
