/*
 * Any bytes as a heartbeat from Redis: what is taken is written as JSON that
 * is read again as the same.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mp_heartbeat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


static void
check_same(const struct mp_heartbeat *a, const struct mp_heartbeat *b)
{
    must(strcmp(a->component, b->component) == 0);
    must(strcmp(a->node, b->node) == 0);
    must(strcmp(a->build, b->build) == 0);
    must(strcmp(a->lists, b->lists) == 0);
    must(a->pid == b->pid && a->settings == b->settings);
    must(a->whitelist == b->whitelist && a->blacklist == b->blacklist);
    must(a->lag_msecs == b->lag_msecs && a->stale == b->stale);
    must(a->problem_count == b->problem_count);
    must(a->problem_count <= MP_PROBLEMS_MAX);

    for (unsigned int i = 0; i < a->problem_count; i++) {
        must(strcmp(a->problem[i], b->problem[i]) == 0);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mp_heartbeat hb, again;
    struct mp_json json;
    struct mp_cmd cmd;

    if (mp_heartbeat_parse(&hb, (const char *) data, size, NULL) != MP_OK) {
        return 0;
    }

    must(mp_node_check(hb.node, NULL) == MP_OK);

    mp_json_init(&json);
    mp_heartbeat_render(&json, &hb);
    must(json.ok);
    must(mp_heartbeat_parse(&again, json.bytes, json.len, NULL) == MP_OK);
    check_same(&hb, &again);
    mp_json_free(&json);

    mp_cmd_init(&cmd);
    mp_heartbeat_command(&cmd, &hb);
    must(mp_cmd_argv(&cmd) != NULL && cmd.argc == 5);
    mp_cmd_free(&cmd);

    return 0;
}
