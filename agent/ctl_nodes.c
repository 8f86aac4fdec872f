/* nodes: what each node has in force, from its heartbeat. */

#include "ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_heartbeat.h"
#include "mp_key.h"

/* the end of the year 9999, behind which no time can be written */
#define CTL_SECONDS_MAX 253402300799

/* What is called for each node, with when it last spoke; 0: not known. */
typedef void ctl_node(void *context, const struct mp_heartbeat *hb,
                      int64_t seen);


/* A node whose heartbeat has expired, or is none: only its name is known. */
static void
ctl_node_silent(struct mp_heartbeat *hb_r, const char *part, const char *why)
{
    const char *colon = strchr(part, ':');
    size_t len = colon != NULL ? (size_t) (colon - part) : strlen(part);

    memset(hb_r, 0, sizeof(*hb_r));
    (void) snprintf(hb_r->component, sizeof(hb_r->component), "%.*s",
                    (int) (len < 64 ? len : 64), part);
    (void) snprintf(hb_r->node, sizeof(hb_r->node), "%s",
                    colon != NULL ? colon + 1 : "");
    hb_r->stale = true;
    hb_r->problem_count = 1;
    (void) snprintf(hb_r->problem[0], sizeof(hb_r->problem[0]), "%s", why);
}


/* The second that the index has; 0 when it has none. */
static int64_t
ctl_node_seen(const redisReply *seen)
{
    long long seconds;
    char *end;

    if (seen->type != REDIS_REPLY_STRING
        || (seconds = strtoll(seen->str, &end, 10)) < 1 || *end != '\0'
        || seconds > CTL_SECONDS_MAX)
    {
        return 0;
    }

    return seconds;
}


static void
ctl_node_since(char *why_r, size_t size, int64_t seen)
{
    char text[MP_TIME_SIZE];

    if (seen == 0) {
        (void) snprintf(why_r, size, "no heartbeat");
        return;
    }

    mp_time_format(text, seen);
    (void) snprintf(why_r, size, "no heartbeat since %s", text);
}


static enum mp_status
ctl_node_read(struct ctl *ctl, const redisReply *part, int64_t seen,
              struct mp_heartbeat *hb_r, struct mp_error *err)
{
    struct mp_error fault;
    struct mp_keyname key;
    redisReply *reply;
    char why[128];
    enum mp_status status;

    if (part->type != REDIS_REPLY_STRING
        || !mp_key_name(&key, MP_KEY_HEARTBEAT, part->str))
    {
        ctl_node_silent(hb_r, "?", "this name in the index is none");
        return MP_OK;
    }

    status = CTL_ASK(ctl, CTL_ANY, &reply, err, "GET", key.text);
    if (status != MP_OK) {
        return status;
    }

    if (reply->type != REDIS_REPLY_STRING) {
        ctl_node_since(why, sizeof(why), seen);
        ctl_node_silent(hb_r, part->str, why);

    } else if (mp_heartbeat_parse(hb_r, reply->str, reply->len, &fault)
               != MP_OK) {
        (void) snprintf(why, sizeof(why), "the heartbeat is none: %.64s",
                        fault.text);
        ctl_node_silent(hb_r, part->str, why);
    }

    freeReplyObject(reply);

    return MP_OK;
}


static int
ctl_part_order(const void *a, const void *b)
{
    const redisReply *const *left = a;
    const redisReply *const *right = b;

    return strcmp((*left)->str != NULL ? (*left)->str : "",
                  (*right)->str != NULL ? (*right)->str : "");
}


static enum mp_status
ctl_nodes_each(struct ctl *ctl, ctl_node *node, void *context,
               struct mp_error *err)
{
    struct mp_heartbeat hb;
    redisReply *index;
    enum mp_status status = CTL_ASK(ctl, REDIS_REPLY_ARRAY, &index, err,
                                    "HGETALL", mp_key(MP_KEY_HEARTBEATS));

    if (status != MP_OK) {
        return status;
    }

    /* pairs of name and time, by name */
    if (index->elements > 0) {
        qsort(index->element, index->elements / 2, 2 * sizeof(*index->element),
              ctl_part_order);
    }

    for (size_t i = 0; status == MP_OK && i + 1 < index->elements; i += 2) {
        int64_t seen = ctl_node_seen(index->element[i + 1]);

        status = ctl_node_read(ctl, index->element[i], seen, &hb, err);
        if (status == MP_OK) {
            node(context, &hb, seen);
        }
    }

    freeReplyObject(index);

    return status;
}


static void
ctl_node_in_force(void *context, const struct mp_heartbeat *hb, int64_t seen)
{
    bool *in_force = context;

    (void) seen;

    if (hb->settings > 0 || hb->lists[0] != '\0') {
        *in_force = true;
    }
}


enum mp_status
ctl_nodes_in_force(struct ctl *ctl, bool *in_force_r, struct mp_error *err)
{
    *in_force_r = false;

    return ctl_nodes_each(ctl, ctl_node_in_force, in_force_r, err);
}


struct ctl_nodes_output {
    struct ctl_table table;
    struct ctl_table problems;
    struct mp_json json;
};


static void
ctl_node_add(void *context, const struct mp_heartbeat *hb, int64_t seen)
{
    struct ctl_nodes_output *output = context;
    struct ctl_table *table = &output->table;

    ctl_table_add(table, "%s", hb->component);
    ctl_table_add(table, "%s", hb->node);
    ctl_table_add(table, "%s", hb->build);
    ctl_table_add(table, "%" PRIu64, hb->settings);
    ctl_table_add(table, "%s", hb->lists[0] != '\0' ? hb->lists : "-");
    ctl_table_add(table, "%" PRIu64, hb->whitelist);
    ctl_table_add(table, "%" PRIu64, hb->blacklist);
    ctl_table_add(table, "%" PRId64 " ms", hb->lag_msecs);
    ctl_table_add(table, "%s", hb->stale ? "stale" : "ok");

    for (unsigned int i = 0; i < hb->problem_count; i++) {
        ctl_table_add(&output->problems, "%s:%s:", hb->component, hb->node);
        ctl_table_add(&output->problems, "%s", hb->problem[i]);
    }

    mp_heartbeat_render_node(&output->json, hb, seen);
}


static void
ctl_nodes_head(struct ctl_table *table)
{
    static const char *const names[] = { "COMPONENT", "NODE",  "VERSION",
                                         "SETTINGS",  "LISTS", "WHITELIST",
                                         "BLACKLIST", "LAG",   "STATE" };

    ctl_table_init(table, sizeof(names) / sizeof(*names));

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        ctl_table_add(table, "%s", names[i]);
    }
}


enum mp_status
ctl_nodes(struct ctl *ctl, struct mp_error *err)
{
    struct ctl_nodes_output output;
    enum mp_status status;

    ctl_nodes_head(&output.table);
    ctl_table_init(&output.problems, 2);
    mp_json_init(&output.json);
    mp_json_object(&output.json, NULL);
    mp_json_array(&output.json, "nodes");

    status = ctl_nodes_each(ctl, ctl_node_add, &output, err);

    mp_json_end_array(&output.json);
    mp_json_end_object(&output.json);

    if (status == MP_OK && ctl->args.json) {
        status = ctl_print_json(&output.json, err);
    } else {
        mp_json_free(&output.json);
    }

    if (status == MP_OK && !ctl->args.json) {
        ctl_table_print(&output.table);
        ctl_table_print(&output.problems);
    }

    ctl_table_free(&output.table);
    ctl_table_free(&output.problems);

    return status;
}
