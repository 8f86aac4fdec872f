#ifndef MP_HEARTBEAT_H
#define MP_HEARTBEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp_cmd.h"
#include "mp_error.h"
#include "mp_json.h"

#define MP_HEARTBEAT_TTL   30 /* seconds */
#define MP_HEARTBEAT_EVERY 2
#define MP_NODE_SIZE       64
#define MP_PROBLEMS_MAX    8

/* What a component says of itself; a plain value. */
struct mp_heartbeat {
    char component[16]; /* "milter", "nginx", "agent", "dovecot" */
    char node[MP_NODE_SIZE];
    char build[32];
    long pid;
    uint64_t settings;  /* version in force, 0 for none */
    char lists[32];     /* stream id in force, "" for none */
    uint64_t whitelist; /* entries in force */
    uint64_t blacklist;
    int64_t lag_msecs; /* from the last change to its being in force here */
    bool stale;        /* what is in force may be older than Redis */
    unsigned int problem_count;
    char problem[MP_PROBLEMS_MAX][128]; /* in words, for the operator */
};

/* A node name: letters, digits, dot, dash and underscore, 1 to 63 bytes. */
enum mp_status mp_node_check(const char *node, struct mp_error *err);

/* SET of the heartbeat with its time to live; then HSET of the index. */
void mp_heartbeat_command(struct mp_cmd *cmd, const struct mp_heartbeat *hb);
void mp_heartbeat_index_command(struct mp_cmd *cmd,
                                const struct mp_heartbeat *hb, int64_t now);

/* Reads what mp_heartbeat_command() wrote; MP_INVALID says what is wrong. */
enum mp_status mp_heartbeat_parse(struct mp_heartbeat *hb_r, const char *json,
                                  size_t len, struct mp_error *err);

/* An object, as in Redis. */
void mp_heartbeat_render(struct mp_json *json, const struct mp_heartbeat *hb);

/*
 * One element of the answer of /nodes: the same, and when it last spoke, by
 * its own clock; 0: that is not known.
 */
void mp_heartbeat_render_node(struct mp_json *json,
                              const struct mp_heartbeat *hb, int64_t seen);

#endif
