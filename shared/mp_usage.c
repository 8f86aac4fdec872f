#include "mp_usage.h"

#include <string.h>

#include <jansson.h>

#include "mp_take.h"

#define MP_USAGE_MAX 4096

static const struct {
    const char *name;
    size_t offset;
} mp_usage_counts[] = {
    { "mailboxes", offsetof(struct mp_usage_total, mailboxes) },
    { "used", offsetof(struct mp_usage_total, used) },
    { "failed", offsetof(struct mp_usage_total, failed) },
    { "bytes", offsetof(struct mp_usage_total, bytes) },
    { "messages", offsetof(struct mp_usage_total, messages) },
    { "sieve", offsetof(struct mp_usage_total, sieve) },
};

#define MP_USAGE_COUNTS (sizeof(mp_usage_counts) / sizeof(*mp_usage_counts))


/* The name of the member that is not as it must be, or NULL. */
static const char *
mp_usage_fault(struct mp_usage_total *total, const json_t *object)
{
    char at[MP_TIME_SIZE];

    for (size_t i = 0; i < MP_USAGE_COUNTS; i++) {
        uint64_t count = 0;

        if (!mp_take_count(&count, object, mp_usage_counts[i].name,
                           MP_TAKE_MAX)) {
            return mp_usage_counts[i].name;
        }

        memcpy((char *) total + mp_usage_counts[i].offset, &count,
               sizeof(count));
    }

    if (!mp_take_text(at, sizeof(at), object, "at")
        || !mp_time_parse(&total->at, at, strlen(at)))
    {
        return "at";
    }

    return NULL;
}


enum mp_status
mp_usage_total_parse(struct mp_usage_total *total_r, const char *bytes,
                     size_t len, struct mp_error *err)
{
    struct mp_usage_total total;
    const char *fault;
    json_t *object;

    if (len > MP_USAGE_MAX) {
        return mp_fail(err, MP_INVALID, "", "totals of %zu bytes are too long",
                       len);
    }

    object = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
    if (object == NULL || !json_is_object(object)) {
        json_decref(object);
        return mp_fail(err, MP_INVALID, "", "is not a JSON object");
    }

    memset(&total, 0, sizeof(total));
    fault = mp_usage_fault(&total, object);
    json_decref(object);

    if (fault != NULL) {
        return mp_fail(err, MP_INVALID, fault,
                       "is not what the totals have there");
    }

    *total_r = total;

    return MP_OK;
}
