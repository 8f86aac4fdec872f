#include "mp_audit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mp_key.h"

/* The texts of an entry, by their names in Redis and in the API. */
static const struct {
    const char *name;
    const char *member;
    size_t offset;
} mp_audit_texts[] = {
    { "actor", "actor", offsetof(struct mp_audit, actor) },
    { "what", "what", offsetof(struct mp_audit, what) },
    { "target", "target", offsetof(struct mp_audit, target) },
    { "from", "from", offsetof(struct mp_audit, from) },
    { "result", "result", offsetof(struct mp_audit, result) },
    { "req", "request_id", offsetof(struct mp_audit, request_id) },
};

#define MP_AUDIT_TEXTS (sizeof(mp_audit_texts) / sizeof(*mp_audit_texts))


static const char *
mp_audit_get(const struct mp_audit *audit, size_t i)
{
    const char *text;

    memcpy(&text, (const char *) audit + mp_audit_texts[i].offset,
           sizeof(text));

    return text;
}


static void
mp_audit_put(struct mp_audit *audit, size_t i, const char *text)
{
    memcpy((char *) audit + mp_audit_texts[i].offset, &text, sizeof(text));
}


void
mp_audit_command(struct mp_cmd *cmd, const struct mp_audit *audit)
{
    mp_cmd_texts(cmd, "XADD", mp_key(MP_KEY_AUDIT_IN), "MAXLEN", "~", NULL);
    mp_cmd_number(cmd, MP_AUDIT_MAX);
    mp_cmd_texts(cmd, "*", "at", audit->at, NULL);

    for (size_t i = 0; i < MP_AUDIT_TEXTS; i++) {
        const char *text = mp_audit_get(audit, i);

        mp_cmd_text(cmd, mp_audit_texts[i].name);
        mp_cmd_text(cmd, text != NULL ? text : "");
    }
}


/* The length of the number below 2^64 that text begins with, or 0. */
static size_t
mp_number_span(const char *text, size_t len)
{
    static const char max[] = "18446744073709551615";
    size_t n = 0;

    while (n < len && text[n] >= '0' && text[n] <= '9') {
        n++;
    }

    if (n >= sizeof(max) || (n == sizeof(max) - 1 && memcmp(text, max, n) > 0))
    {
        return 0;
    }

    return n;
}


bool
mp_audit_id_check(const char *text, size_t len)
{
    size_t first = mp_number_span(text, len);
    size_t second;

    if (first == 0 || first == len || text[first] != '-') {
        return false;
    }

    second = mp_number_span(text + first + 1, len - first - 1);

    return second > 0 && first + 1 + second == len;
}


static bool
mp_is_text(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING && reply->str != NULL
        && memchr(reply->str, '\0', reply->len) == NULL;
}


/* The first of that name; NULL when there is none that is a text. */
static const char *
mp_audit_field(const redisReply *pairs, const char *name)
{
    for (size_t i = 0; i + 1 < pairs->elements; i += 2) {
        if (mp_is_text(pairs->element[i])
            && strcmp(pairs->element[i]->str, name) == 0) {
            const redisReply *value = pairs->element[i + 1];

            return mp_is_text(value) ? value->str : NULL;
        }
    }

    return NULL;
}


enum mp_status
mp_audit_parse(struct mp_audit *audit_r, const redisReply *entry,
               struct mp_error *err)
{
    const redisReply *pairs;
    const char *text;
    int64_t seconds;

    if (entry == NULL || entry->type != REDIS_REPLY_ARRAY
        || entry->elements != 2 || !mp_is_text(entry->element[0])
        || !mp_audit_id_check(entry->element[0]->str, entry->element[0]->len)
        || entry->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return mp_fail(err, MP_INVALID, "", "is not an entry of a stream");
    }

    audit_r->id = entry->element[0]->str;
    pairs = entry->element[1];

    for (size_t i = 0; i < MP_AUDIT_TEXTS; i++) {
        text = mp_audit_field(pairs, mp_audit_texts[i].name);
        mp_audit_put(audit_r, i, text != NULL ? text : "");
    }

    text = mp_audit_field(pairs, "at");

    if (text == NULL || !mp_time_parse(&seconds, text, strlen(text))) {
        seconds = (int64_t) (strtoull(audit_r->id, NULL, 10) / 1000);
    }

    mp_time_format(audit_r->at, seconds);

    return MP_OK;
}


void
mp_audit_render(struct mp_json *json, const struct mp_audit *audit)
{
    mp_json_object(json, NULL);
    mp_json_text(json, "id", audit->id);
    mp_json_text(json, "at", audit->at);

    for (size_t i = 0; i < MP_AUDIT_TEXTS; i++) {
        const char *text = mp_audit_get(audit, i);

        mp_json_bytes(json, mp_audit_texts[i].member, text,
                      strnlen(text, MP_AUDIT_TEXT));
    }

    mp_json_end_object(json);
}
