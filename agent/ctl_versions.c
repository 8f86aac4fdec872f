/* versions: the history of the settings, and where the lists are. */

#include "ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "mp_key.h"
#include "mp_settings_json.h"

struct ctl_lists {
    char id[32];
    long long white;
    long long black;
};

/* What differs, as JSON; the caller frees it. */
static void
ctl_version_diff(struct mp_json *diff_r, const struct mp_version *before,
                 const struct mp_version *version)
{
    mp_json_init(diff_r);

    if (before != NULL) {
        mp_settings_diff(diff_r, NULL, &before->set, &version->set);
    } else {
        mp_json_array(diff_r, NULL);
        mp_json_end_array(diff_r);
    }
}


static void
ctl_change_text(char *text_r, size_t size, const json_t *change)
{
    char *from = json_dumps(json_object_get(change, "from"),
                            JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    char *to = json_dumps(json_object_get(change, "to"),
                          JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));

    (void) snprintf(text_r, size, "%s: %s -> %s",
                    json_string_value(json_object_get(change, "field")),
                    from != NULL ? from : "?", to != NULL ? to : "?");
    free(from);
    free(to);
}


/* A line for each change; the version itself stands in the first. */
static void
ctl_version_row(struct ctl_table *table, const struct mp_version *version,
                const struct mp_json *diff)
{
    json_t *changes =
        diff->ok ? json_loadb(diff->bytes, diff->len, 0, NULL) : NULL;
    size_t count = json_array_size(changes);

    ctl_table_add(table, "%" PRIu64, version->number);
    ctl_table_add(table, "%s", version->at);
    ctl_table_add(table, "%s", version->actor);
    ctl_table_add(table, "%s", version->request_id);

    for (size_t i = 0; i < count; i++) {
        char text[256];

        for (int j = 0; i > 0 && j < 4; j++) {
            ctl_table_add(table, "%s", "");
        }

        ctl_change_text(text, sizeof(text), json_array_get(changes, i));
        ctl_table_add(table, "%s", text);
    }

    if (count == 0) {
        ctl_table_add(table, "%s", "-");
    }

    json_decref(changes);
}


static void
ctl_version_json(struct mp_json *json, const struct mp_version *version,
                 const struct mp_json *diff)
{
    mp_json_object(json, NULL);
    mp_json_number(json, "version", (int64_t) version->number);
    mp_json_text(json, "at", version->at);
    mp_json_text(json, "actor", version->actor);
    mp_json_text(json, "request_id", version->request_id);
    mp_json_text(json, "hash", version->hash);
    mp_json_raw(json, "changes", diff->ok ? diff->bytes : "[]",
                diff->ok ? diff->len : 2);
    mp_json_end_object(json);
}


/* The last entry asked for is only there to be compared with. */
static enum mp_status
ctl_versions_add(struct ctl *ctl, const redisReply *entries,
                 struct ctl_table *table, struct mp_json *json,
                 struct mp_error *err)
{
    struct mp_version version[2]; /* this one and the one before */
    size_t count = entries->elements;
    enum mp_status status;

    if (count == 0) {
        return mp_fail(err, MP_NOT_FOUND, "",
                       "there are no settings yet: mailportal-ctl init");
    }

    status = mp_version_parse(&version[0], entries->element[0], err);

    for (size_t i = 0; status == MP_OK && i < count && i < ctl->args.limit;
         i++) {
        struct mp_version *this = &version[i % 2];
        struct mp_version *before = NULL;
        struct mp_json diff;

        if (i + 1 < count) {
            before = &version[(i + 1) % 2];
            status = mp_version_parse(before, entries->element[i + 1], err);
        }

        if (status == MP_OK) {
            ctl_version_diff(&diff, before, this);
            ctl_version_row(table, this, &diff);
            ctl_version_json(json, this, &diff);
            mp_json_free(&diff);
        }
    }

    return status;
}


static enum mp_status
ctl_count(struct ctl *ctl, enum mp_key key, long long *count_r,
          struct mp_error *err)
{
    redisReply *reply;
    enum mp_status status =
        CTL_ASK(ctl, REDIS_REPLY_INTEGER, &reply, err, "SCARD", mp_key(key));

    if (status == MP_OK) {
        *count_r = reply->integer;
        freeReplyObject(reply);
    }

    return status;
}


static enum mp_status
ctl_lists(struct ctl *ctl, struct ctl_lists *lists_r, struct mp_error *err)
{
    enum mp_status status = ctl_lists_head(ctl, lists_r->id, err);

    if (status == MP_OK) {
        status = ctl_count(ctl, MP_KEY_WHITE, &lists_r->white, err);
    }

    if (status == MP_OK) {
        status = ctl_count(ctl, MP_KEY_BLACK, &lists_r->black, err);
    }

    return status;
}


static enum mp_status
ctl_versions_read(struct ctl *ctl, struct ctl_table *table,
                  struct mp_json *json, struct mp_error *err)
{
    redisReply *entries;
    char count[16];
    enum mp_status status;

    (void) snprintf(count, sizeof(count), "%u", ctl->args.limit + 1);

    status = CTL_ASK(ctl, REDIS_REPLY_ARRAY, &entries, err, "XREVRANGE",
                     mp_key(MP_KEY_SETTINGS), "+", "-", "COUNT", count);
    if (status != MP_OK) {
        return status;
    }

    mp_json_array(json, "versions");
    status = ctl_versions_add(ctl, entries, table, json, err);
    mp_json_end_array(json);
    freeReplyObject(entries);

    return status;
}


static void
ctl_versions_print(const struct ctl_table *table,
                   const struct ctl_lists *lists)
{
    ctl_table_print(table);
    (void) printf("\nlists: ");
    ctl_print(stdout, lists->id[0] != '\0' ? lists->id : "none");
    (void) printf(", %lld on the whitelist, %lld on the blacklist\n",
                  lists->white, lists->black);
}


static void
ctl_versions_head(struct ctl_table *table)
{
    static const char *const names[] = { "VERSION", "AT", "ACTOR", "REQUEST",
                                         "CHANGES" };

    ctl_table_init(table, sizeof(names) / sizeof(*names));

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        ctl_table_add(table, "%s", names[i]);
    }
}


enum mp_status
ctl_versions(struct ctl *ctl, struct mp_error *err)
{
    struct ctl_lists lists = { "", 0, 0 };
    struct ctl_table table;
    struct mp_json json;
    enum mp_status status;

    ctl_versions_head(&table);
    mp_json_init(&json);
    mp_json_object(&json, NULL);

    status = ctl_versions_read(ctl, &table, &json, err);
    if (status == MP_OK) {
        status = ctl_lists(ctl, &lists, err);
    }

    mp_json_object(&json, "lists");
    mp_json_text(&json, "id", lists.id);
    mp_json_number(&json, "whitelist", lists.white);
    mp_json_number(&json, "blacklist", lists.black);
    mp_json_end_object(&json);
    mp_json_end_object(&json);

    if (status == MP_OK && ctl->args.json) {
        status = ctl_print_json(&json, err);
    } else {
        mp_json_free(&json);
    }

    if (status == MP_OK && !ctl->args.json) {
        ctl_versions_print(&table, &lists);
    }

    ctl_table_free(&table);

    return status;
}
