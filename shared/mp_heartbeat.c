#include "mp_heartbeat.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "mp_key.h"
#include "mp_take.h"

/* a heartbeat of ours with all its problems is below 2 KiB */
#define MP_HEARTBEAT_MAX 8192


/* "<component>:<node>" */
static void
mp_heartbeat_part(
    char part_r[sizeof(((struct mp_heartbeat *) 0)->component) + MP_NODE_SIZE],
    const struct mp_heartbeat *hb)
{
    (void) snprintf(part_r, sizeof(hb->component) + MP_NODE_SIZE, "%s:%s",
                    hb->component, hb->node);
}


void
mp_heartbeat_command(struct mp_cmd *cmd, const struct mp_heartbeat *hb)
{
    char part[sizeof(hb->component) + MP_NODE_SIZE];
    struct mp_keyname key;
    struct mp_json json;

    mp_heartbeat_part(part, hb);
    (void) mp_key_name(&key, MP_KEY_HEARTBEAT, part);

    mp_json_init(&json);
    mp_heartbeat_render(&json, hb);

    mp_cmd_text(cmd, "SET");
    mp_cmd_add(cmd, key.text, key.len);
    mp_cmd_add(cmd, json.bytes, json.len);
    mp_cmd_text(cmd, "EX");
    mp_cmd_number(cmd, MP_HEARTBEAT_TTL);
    cmd->ok = cmd->ok && json.ok;

    mp_json_free(&json);
}


void
mp_heartbeat_index_command(struct mp_cmd *cmd, const struct mp_heartbeat *hb,
                           int64_t now)
{
    char part[sizeof(hb->component) + MP_NODE_SIZE];

    mp_heartbeat_part(part, hb);
    mp_cmd_texts(cmd, "HSET", mp_key(MP_KEY_HEARTBEATS), part, NULL);
    mp_cmd_number(cmd, now);
}


/* The form in Redis and the form in the API are one. */
static void
mp_heartbeat_members(struct mp_json *json, const struct mp_heartbeat *hb)
{
    mp_json_text(json, "component", hb->component);
    mp_json_text(json, "node", hb->node);
    mp_json_text(json, "version", hb->build);
    mp_json_number(json, "pid", hb->pid);
    mp_json_number(json, "settings", (int64_t) hb->settings);
    mp_json_text(json, "lists", hb->lists);
    mp_json_number(json, "whitelist", (int64_t) hb->whitelist);
    mp_json_number(json, "blacklist", (int64_t) hb->blacklist);
    /* clocks differ, and a lag below zero is none */
    mp_json_number(json, "lag_ms", hb->lag_msecs > 0 ? hb->lag_msecs : 0);
    mp_json_bool(json, "stale", hb->stale);

    mp_json_array(json, "problems");

    for (unsigned int i = 0; i < hb->problem_count; i++) {
        mp_json_text(json, NULL, hb->problem[i]);
    }

    mp_json_end_array(json);
}


void
mp_heartbeat_render(struct mp_json *json, const struct mp_heartbeat *hb)
{
    mp_json_object(json, NULL);
    mp_heartbeat_members(json, hb);
    mp_json_end_object(json);
}


void
mp_heartbeat_render_node(struct mp_json *json, const struct mp_heartbeat *hb,
                         int64_t seen)
{
    char at[MP_TIME_SIZE];

    mp_json_object(json, NULL);
    mp_heartbeat_members(json, hb);

    if (seen > 0) {
        mp_time_format(at, seen);
        mp_json_text(json, "seen_at", at);
    } else {
        mp_json_null(json, "seen_at");
    }

    mp_json_end_object(json);
}


static bool
mp_take_problems(struct mp_heartbeat *hb, const json_t *object)
{
    const json_t *list = json_object_get(object, "problems");

    if (!json_is_array(list) || json_array_size(list) > MP_PROBLEMS_MAX) {
        return false;
    }

    hb->problem_count = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *text = json_array_get(list, i);
        char *place = hb->problem[hb->problem_count++];

        if (!json_is_string(text)) {
            return false;
        }

        mp_cut(place, sizeof(hb->problem[0]), json_string_value(text));
    }

    return true;
}


static bool
mp_component_check(const char *component)
{
    for (const char *p = component; *p != '\0'; p++) {
        if (*p < 'a' || *p > 'z') {
            return false;
        }
    }

    return component[0] != '\0';
}


/* "", or "<digits>-<digits>" */
static bool
mp_stream_id_check(const char *id)
{
    size_t first = strspn(id, "0123456789");
    size_t second;

    if (id[0] == '\0') {
        return true;
    }

    if (first == 0 || id[first] != '-') {
        return false;
    }

    second = strspn(id + first + 1, "0123456789");

    return second > 0 && id[first + 1 + second] == '\0';
}


static const char *
mp_heartbeat_fault(struct mp_heartbeat *hb, const json_t *object)
{
    uint64_t pid, lag;

    if (!mp_take_text(hb->component, sizeof(hb->component), object,
                      "component")
        || !mp_component_check(hb->component))
    {
        return "component";
    }

    if (!mp_take_text(hb->node, sizeof(hb->node), object, "node")
        || mp_node_check(hb->node, NULL) != MP_OK)
    {
        return "node";
    }

    if (!mp_take_text(hb->build, sizeof(hb->build), object, "version")) {
        return "version";
    }

    if (!mp_take_text(hb->lists, sizeof(hb->lists), object, "lists")
        || !mp_stream_id_check(hb->lists))
    {
        return "lists";
    }

    if (!mp_take_count(&pid, object, "pid", INT32_MAX)) {
        return "pid";
    }

    if (!mp_take_count(&lag, object, "lag_ms", INT64_MAX)) {
        return "lag_ms";
    }

    if (!mp_take_count(&hb->settings, object, "settings", INT64_MAX)) {
        return "settings";
    }

    if (!mp_take_count(&hb->whitelist, object, "whitelist", INT64_MAX)) {
        return "whitelist";
    }

    if (!mp_take_count(&hb->blacklist, object, "blacklist", INT64_MAX)) {
        return "blacklist";
    }

    if (!mp_take_bool(&hb->stale, object, "stale")) {
        return "stale";
    }

    hb->pid = (long) pid;
    hb->lag_msecs = (int64_t) lag;

    return mp_take_problems(hb, object) ? NULL : "problems";
}


enum mp_status
mp_heartbeat_parse(struct mp_heartbeat *hb_r, const char *json, size_t len,
                   struct mp_error *err)
{
    struct mp_heartbeat hb;
    const char *fault;
    json_t *object;

    if (len > MP_HEARTBEAT_MAX) {
        return mp_fail(err, MP_INVALID, "",
                       "a heartbeat of %zu bytes is too long", len);
    }

    object = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
    if (object == NULL || !json_is_object(object)) {
        json_decref(object);
        return mp_fail(err, MP_INVALID, "", "is not a JSON object");
    }

    memset(&hb, 0, sizeof(hb));
    fault = mp_heartbeat_fault(&hb, object);
    json_decref(object);

    if (fault != NULL) {
        return mp_fail(err, MP_INVALID, fault,
                       "is not what a heartbeat has there");
    }

    *hb_r = hb;

    return MP_OK;
}
