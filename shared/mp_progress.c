#include "mp_progress.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "mp_key.h"
#include "mp_take.h"

/* a progress of ours is below 2 KiB */
#define MP_PROGRESS_MAX 8192

const char *const mp_job_state_names[] = {
    [MP_JOB_QUEUED] = "queued",
    [MP_JOB_RUNNING] = "running",
    [MP_JOB_DONE] = "done",
    [MP_JOB_DONE_WITH_FAILURES] = "done-with-failures",
    [MP_JOB_FAILED] = "failed",
    [MP_JOB_CANCELLED] = "cancelled",
    NULL,
};

#define MP_JOB_STATES                                                         \
    (sizeof(mp_job_state_names) / sizeof(*mp_job_state_names) - 1)

/* The members that are counts, in the order in which they are written. */
static const struct {
    const char *name;
    size_t offset;
} mp_progress_counts[] = {
    { "total", offsetof(struct mp_progress, total) },
    { "done", offsetof(struct mp_progress, done) },
    { "failed", offsetof(struct mp_progress, failed) },
    { "skipped", offsetof(struct mp_progress, skipped) },
    { "drifted", offsetof(struct mp_progress, drifted) },
    { "bytes_before", offsetof(struct mp_progress, bytes_before) },
    { "bytes_after", offsetof(struct mp_progress, bytes_after) },
    { "folders", offsetof(struct mp_progress, folders) },
    { "messages", offsetof(struct mp_progress, messages) },
    { "bytes", offsetof(struct mp_progress, bytes) },
};

#define MP_PROGRESS_COUNTS                                                    \
    (sizeof(mp_progress_counts) / sizeof(*mp_progress_counts))

/* The members of an item that are numbers, -1 for none. */
static const struct {
    const char *name;
    size_t offset;
} mp_item_numbers[] = {
    { "uid", offsetof(struct mp_item, uid) },
    { "before", offsetof(struct mp_item, before) },
    { "after", offsetof(struct mp_item, after) },
    { "bytes", offsetof(struct mp_item, bytes) },
};

#define MP_ITEM_NUMBERS (sizeof(mp_item_numbers) / sizeof(*mp_item_numbers))


const char *
mp_job_state_name(enum mp_job_state state)
{
    return (size_t) state < MP_JOB_STATES ? mp_job_state_names[state] : "";
}


bool
mp_job_state_find(enum mp_job_state *state_r, const char *name)
{
    for (size_t i = 0; i < MP_JOB_STATES; i++) {
        if (strcmp(mp_job_state_names[i], name) == 0) {
            *state_r = (enum mp_job_state) i;
            return true;
        }
    }

    return false;
}


bool
mp_job_state_ended(enum mp_job_state state)
{
    switch (state) {
    case MP_JOB_QUEUED:
    case MP_JOB_RUNNING:
        return false;

    case MP_JOB_DONE:
    case MP_JOB_DONE_WITH_FAILURES:
    case MP_JOB_FAILED:
    case MP_JOB_CANCELLED:
        return true;
    }

    return true;
}


static void
mp_json_known(struct mp_json *json, const char *key, const char *text)
{
    mp_json_text(json, key, text[0] != '\0' ? text : NULL);
}


void
mp_progress_render(struct mp_json *json, const char *key,
                   const struct mp_progress *progress)
{
    const char *base = (const char *) progress;

    mp_json_object(json, key);
    mp_json_text(json, "state", mp_job_state_name(progress->state));

    for (size_t i = 0; i < MP_PROGRESS_COUNTS; i++) {
        uint64_t count;

        memcpy(&count, base + mp_progress_counts[i].offset, sizeof(count));
        mp_json_number(json, mp_progress_counts[i].name,
                       count < MP_TAKE_MAX ? (int64_t) count : MP_TAKE_MAX);
    }

    if (progress->eta >= 0) {
        mp_json_number(json, "eta", progress->eta);
    } else {
        mp_json_null(json, "eta");
    }

    mp_json_known(json, "started_at", progress->started_at);
    mp_json_known(json, "ended_at", progress->ended_at);
    mp_json_known(json, "next_at", progress->next_at);
    mp_json_known(json, "text", progress->text);
    mp_json_end_object(json);
}


static bool
mp_progress_take_eta(struct mp_progress *progress, const json_t *object)
{
    uint64_t eta = 0;

    if (json_is_null(json_object_get(object, "eta"))) {
        progress->eta = -1;
        return true;
    }

    if (!mp_take_count(&eta, object, "eta", MP_TAKE_MAX)) {
        return false;
    }

    progress->eta = (int64_t) eta;

    return true;
}


/* The name of the member that is not as it must be, or NULL. */
static const char *
mp_progress_fault(struct mp_progress *progress, const json_t *object)
{
    char state[32];

    if (!mp_take_text(state, sizeof(state), object, "state")
        || !mp_job_state_find(&progress->state, state))
    {
        return "state";
    }

    for (size_t i = 0; i < MP_PROGRESS_COUNTS; i++) {
        uint64_t count = 0;

        if (!mp_take_count(&count, object, mp_progress_counts[i].name,
                           MP_TAKE_MAX)) {
            return mp_progress_counts[i].name;
        }

        memcpy((char *) progress + mp_progress_counts[i].offset, &count,
               sizeof(count));
    }

    if (!mp_progress_take_eta(progress, object)) {
        return "eta";
    }

    if (!mp_take_time(progress->started_at, object, "started_at")) {
        return "started_at";
    }

    if (!mp_take_time(progress->ended_at, object, "ended_at")) {
        return "ended_at";
    }

    /* a node of an earlier version has none */
    if (json_object_get(object, "next_at") != NULL
        && !mp_take_time(progress->next_at, object, "next_at"))
    {
        return "next_at";
    }

    return mp_take_cut(progress->text, sizeof(progress->text), object, "text")
             ? NULL
             : "text";
}


enum mp_status
mp_progress_parse(struct mp_progress *progress_r, const char *bytes,
                  size_t len, struct mp_error *err)
{
    struct mp_progress progress;
    const char *fault;
    json_t *object;

    if (len > MP_PROGRESS_MAX) {
        return mp_fail(err, MP_INVALID, "",
                       "a progress of %zu bytes is too long", len);
    }

    object = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
    if (object == NULL || !json_is_object(object)) {
        json_decref(object);
        return mp_fail(err, MP_INVALID, "", "is not a JSON object");
    }

    memset(&progress, 0, sizeof(progress));
    fault = mp_progress_fault(&progress, object);
    json_decref(object);

    if (fault != NULL) {
        return mp_fail(err, MP_INVALID, fault,
                       "is not what a progress has there");
    }

    *progress_r = progress;

    return MP_OK;
}


void
mp_item_init(struct mp_item *item)
{
    memset(item, 0, sizeof(*item));
    item->uid = -1;
    item->before = -1;
    item->after = -1;
    item->bytes = -1;
}


static void
mp_json_given(struct mp_json *json, const char *key, const char *text)
{
    if (text[0] != '\0') {
        mp_json_text(json, key, text);
    }
}


void
mp_item_render(struct mp_json *json, const struct mp_item *item,
               const char *node)
{
    const char *base = (const char *) item;

    mp_json_object(json, NULL);

    if (node != NULL) {
        mp_json_text(json, "node", node);
    }

    mp_json_given(json, "target", item->target);
    mp_json_given(json, "text", item->text);
    mp_json_given(json, "folder", item->folder);
    mp_json_given(json, "saved_at", item->saved_at);

    for (size_t i = 0; i < MP_ITEM_NUMBERS; i++) {
        int64_t number;

        memcpy(&number, base + mp_item_numbers[i].offset, sizeof(number));

        if (number >= 0) {
            mp_json_number(json, mp_item_numbers[i].name,
                           number < MP_TAKE_MAX ? number : MP_TAKE_MAX);
        }
    }

    mp_json_end_object(json);
}


/* Those that would make it longer than what is read back are left out. */
void
mp_items_render(struct mp_json *json, const char *key,
                const struct mp_item *items, size_t count)
{
    size_t begin = json->len;

    mp_json_array(json, key);

    for (size_t i = 0; i < count && i < MP_ITEMS_MAX; i++) {
        size_t len = json->len;
        bool comma = json->comma;

        mp_item_render(json, &items[i], NULL);

        if (json->len - begin >= MP_ITEMS_JSON_MAX) {
            json->len = len;
            json->comma = comma;
            break;
        }
    }

    mp_json_end_array(json);
}


/* A text that may be missing. */
static bool
mp_item_take_text(char *text_r, size_t size, const json_t *object,
                  const char *key)
{
    return json_object_get(object, key) == NULL
        || mp_take_cut(text_r, size, object, key);
}


static const char *
mp_item_fault(struct mp_item *item, const json_t *object)
{
    if (!mp_item_take_text(item->target, sizeof(item->target), object,
                           "target")) {
        return "target";
    }

    if (!mp_item_take_text(item->text, sizeof(item->text), object, "text")) {
        return "text";
    }

    if (!mp_item_take_text(item->folder, sizeof(item->folder), object,
                           "folder")) {
        return "folder";
    }

    if (json_object_get(object, "saved_at") != NULL
        && !mp_take_time(item->saved_at, object, "saved_at"))
    {
        return "saved_at";
    }

    for (size_t i = 0; i < MP_ITEM_NUMBERS; i++) {
        const char *name = mp_item_numbers[i].name;
        uint64_t number = 0;

        if (json_object_get(object, name) == NULL) {
            continue;
        }

        if (!mp_take_count(&number, object, name, MP_TAKE_MAX)) {
            return name;
        }

        memcpy((char *) item + mp_item_numbers[i].offset, &number,
               sizeof(number));
    }

    return NULL;
}


static enum mp_status
mp_items_take(struct mp_item *items_r, size_t *count_r, const json_t *array,
              struct mp_error *err)
{
    const char *fault;

    if (!json_is_array(array) || json_array_size(array) > MP_ITEMS_MAX) {
        return mp_fail(err, MP_INVALID, "",
                       "is not a JSON array of at most "
                       "%d items",
                       MP_ITEMS_MAX);
    }

    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *object = json_array_get(array, i);

        if (!json_is_object(object)) {
            return mp_fail(err, MP_INVALID, "", "an item is not an object");
        }

        mp_item_init(&items_r[i]);
        fault = mp_item_fault(&items_r[i], object);

        if (fault != NULL) {
            return mp_fail(err, MP_INVALID, fault,
                           "is not what an item has there");
        }
    }

    *count_r = json_array_size(array);

    return MP_OK;
}


enum mp_status
mp_items_parse(struct mp_item *items_r, size_t *count_r, const char *bytes,
               size_t len, struct mp_error *err)
{
    enum mp_status status;
    json_t *array;

    *count_r = 0;

    if (len > MP_ITEMS_JSON_MAX) {
        return mp_fail(err, MP_INVALID, "", "items of %zu bytes are too long",
                       len);
    }

    array = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
    status = mp_items_take(items_r, count_r, array, err);
    json_decref(array);

    return status;
}


/* "<kind>:<node>" and its value */
static void
mp_progress_field(struct mp_cmd *cmd, char kind, const char *node,
                  const struct mp_json *json)
{
    char field[2 + MP_NODE_SIZE];

    (void) snprintf(field, sizeof(field), "%c:%s", kind, node);
    mp_cmd_text(cmd, field);
    mp_cmd_add(cmd, json->bytes, json->len);
    cmd->ok = cmd->ok && json->ok;
}


void
mp_progress_commands(struct mp_cmd cmds[MP_PROGRESS_CMDS], const char *id,
                     const char *node, const struct mp_progress *progress,
                     const struct mp_json *errors,
                     const struct mp_json *details)
{
    struct mp_keyname key;
    struct mp_json json;

    (void) mp_key_name(&key, MP_KEY_JOB_PROGRESS, id);

    mp_json_init(&json);
    mp_progress_render(&json, NULL, progress);
    mp_cmd_texts(&cmds[0], "HSET", key.text, NULL);
    mp_progress_field(&cmds[0], 'n', node, &json);
    mp_json_free(&json);

    if (errors != NULL) {
        mp_progress_field(&cmds[0], 'e', node, errors);
    }

    if (details != NULL) {
        mp_progress_field(&cmds[0], 'd', node, details);
    }

    mp_cmd_texts(&cmds[1], "EXPIRE", key.text, NULL);
    mp_cmd_number(&cmds[1], mp_key_table[MP_KEY_JOB_PROGRESS].ttl);
}
