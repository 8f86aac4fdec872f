
/*
 * Copyright (C) The mailportal authors
 *
 * Heartbeats of all components: what is in force where, and what is wrong.
 */


#include "ngx_http_mailportal_nodes.h"
#include "ngx_http_mailportal_zone.h"

#include "mp_time.h"


typedef struct {
    ngx_http_mailportal_nodes_pt   next;
    ngx_uint_t                     stats;
    void                          *data;       /* the caller's */
    ngx_array_t                    nodes;      /* of _node_t */
} ngx_http_mailportal_nodes_t;


typedef struct {
    redisReply                    *part;       /* <component>:<node> */
    time_t                         seen;
} ngx_http_mailportal_nodes_row_t;


static ngx_int_t ngx_http_mailportal_nodes_index(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_nodes_add_all(ngx_http_request_t *r,
    ngx_http_mailportal_nodes_t *nodes, redisReply *index);
static int ngx_libc_cdecl ngx_http_mailportal_nodes_later(const void *one,
    const void *two);
static ngx_int_t ngx_http_mailportal_nodes_add(
    ngx_http_mailportal_nodes_t *nodes, redisReply *part, time_t seen);
static time_t ngx_http_mailportal_nodes_second(redisReply *seen);
static ngx_uint_t ngx_http_mailportal_nodes_recent(time_t seen);
static int ngx_libc_cdecl ngx_http_mailportal_nodes_cmp(const void *one,
    const void *two);
static ngx_int_t ngx_http_mailportal_nodes_ask(ngx_http_request_t *r,
    ngx_http_mailportal_nodes_t *nodes);
static ngx_int_t ngx_http_mailportal_nodes_answer(ngx_http_request_t *r,
    redisReply *reply);
static void ngx_http_mailportal_nodes_take(ngx_http_mailportal_node_t *node,
    redisReply *reply);
static void ngx_http_mailportal_nodes_forget(ngx_array_t *nodes);
static ngx_int_t ngx_http_mailportal_nodes_next(ngx_http_request_t *r,
    ngx_array_t *nodes);
static ngx_int_t ngx_http_mailportal_nodes_send(ngx_http_request_t *r,
    ngx_array_t *nodes);
static ngx_int_t ngx_http_mailportal_nodes_last(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_nodes_finish(ngx_http_request_t *r,
    const char *bytes, size_t len, time_t as_of, ngx_uint_t stale);


ngx_int_t
ngx_http_mailportal_nodes_get(ngx_http_request_t *r)
{
    return ngx_http_mailportal_nodes_read(r, 0,
                                          ngx_http_mailportal_nodes_send);
}


ngx_int_t
ngx_http_mailportal_nodes_read(ngx_http_request_t *r, ngx_uint_t stats,
    ngx_http_mailportal_nodes_pt next)
{
    struct mp_cmd                 cmd;
    ngx_http_mailportal_ctx_t    *ctx;
    ngx_http_mailportal_nodes_t  *nodes;

    nodes = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_nodes_t));
    if (nodes == NULL) {
        return NGX_ERROR;
    }

    if (ngx_array_init(&nodes->nodes, r->pool, 8,
                       sizeof(ngx_http_mailportal_node_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx = ngx_http_mailportal_ctx(r);

    nodes->next = next;
    nodes->stats = stats;
    nodes->data = ctx->data;
    ctx->data = nodes;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "HGETALL", mp_key(MP_KEY_HEARTBEATS), NULL);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_RAW,
                                  ngx_http_mailportal_nodes_index);
}


static ngx_int_t
ngx_http_mailportal_nodes_index(ngx_http_request_t *r, redisReply *reply)
{
    ngx_http_mailportal_nodes_t  *nodes;

    nodes = ngx_http_mailportal_ctx(r)->data;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return ngx_http_mailportal_nodes_next(r, NULL);
    }

    if (ngx_http_mailportal_nodes_add_all(r, nodes, reply) != NGX_OK) {
        return NGX_ERROR;
    }

    if (nodes->nodes.nelts == 0) {
        return ngx_http_mailportal_nodes_next(r, &nodes->nodes);
    }

    ngx_qsort(nodes->nodes.elts, nodes->nodes.nelts,
              sizeof(ngx_http_mailportal_node_t),
              ngx_http_mailportal_nodes_cmp);

    return ngx_http_mailportal_nodes_ask(r, nodes);
}


/* names of long ago must not take the room of those that are alive */

static ngx_int_t
ngx_http_mailportal_nodes_add_all(ngx_http_request_t *r,
    ngx_http_mailportal_nodes_t *nodes, redisReply *index)
{
    size_t                            i, n;
    ngx_http_mailportal_nodes_row_t  *row;

    n = index->elements / 2;

    row = ngx_palloc(r->pool, (n + 1) * sizeof(*row));
    if (row == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        row[i].part = index->element[2 * i];
        row[i].seen = ngx_http_mailportal_nodes_second(
                                                   index->element[2 * i + 1]);
    }

    ngx_qsort(row, n, sizeof(*row), ngx_http_mailportal_nodes_later);

    for (i = 0; i < n; i++) {
        if (ngx_http_mailportal_nodes_add(nodes, row[i].part, row[i].seen)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_http_mailportal_nodes_later(const void *one, const void *two)
{
    const ngx_http_mailportal_nodes_row_t  *a, *b;

    a = one;
    b = two;

    return (a->seen < b->seen) - (a->seen > b->seen);
}


static time_t
ngx_http_mailportal_nodes_second(redisReply *seen)
{
    char     *end;
    int64_t   seconds;

    if (seen->type != REDIS_REPLY_STRING) {
        return 0;
    }

    seconds = strtoll(seen->str, &end, 10);

    if (*end != '\0' || seconds < 0 || seconds > 253402300799) {
        return 0;
    }

    return (time_t) seconds;
}


static ngx_uint_t
ngx_http_mailportal_nodes_recent(time_t seen)
{
    return seen >= ngx_time() - NGX_HTTP_MAILPORTAL_NODES_DAYS * 86400;
}


static ngx_int_t
ngx_http_mailportal_nodes_add(ngx_http_mailportal_nodes_t *nodes,
    redisReply *part, time_t seen)
{
    char                        *colon, at[MP_TIME_SIZE];
    struct mp_heartbeat         *hb;
    ngx_http_mailportal_node_t  *node;

    if (part->type != REDIS_REPLY_STRING
        || nodes->nodes.nelts == NGX_HTTP_MAILPORTAL_NODES_MAX)
    {
        return NGX_OK;
    }

    colon = strchr(part->str, ':');

    if (colon == NULL || colon == part->str
        || (size_t) (colon - part->str) >= sizeof(hb->component)
        || mp_node_check(colon + 1, NULL) != MP_OK)
    {
        return NGX_OK;
    }

    node = ngx_array_push(&nodes->nodes);
    if (node == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(node, sizeof(ngx_http_mailportal_node_t));
    node->seen = seen;
    hb = &node->heartbeat;

    (void) ngx_cpystrn((u_char *) hb->component, (u_char *) part->str,
                       colon - part->str + 1);
    (void) ngx_cpystrn((u_char *) hb->node, (u_char *) colon + 1,
                       MP_NODE_SIZE);

    /* until its heartbeat is found */

    mp_time_format(at, seen);
    hb->stale = true;
    hb->problem_count = 1;
    (void) ngx_snprintf((u_char *) hb->problem[0], sizeof(hb->problem[0]),
                        "no heartbeat since %s%Z", at);

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_http_mailportal_nodes_cmp(const void *one, const void *two)
{
    int                                rc;
    const ngx_http_mailportal_node_t  *a, *b;

    a = one;
    b = two;

    rc = strcmp(a->heartbeat.component, b->heartbeat.component);

    return rc ? rc : strcmp(a->heartbeat.node, b->heartbeat.node);
}


/* all heartbeats, and with stats counters and totals, in one MULTI */

static ngx_int_t
ngx_http_mailportal_nodes_ask(ngx_http_request_t *r,
    ngx_http_mailportal_nodes_t *nodes)
{
    char                         part[MP_NODE_SIZE + 32];
    ngx_uint_t                   i, n;
    struct mp_cmd               *cmds;
    struct mp_keyname            key;
    ngx_http_mailportal_node_t  *node;

    node = nodes->nodes.elts;
    n = nodes->nodes.nelts * (nodes->stats ? 3 : 1);

    cmds = ngx_palloc(r->pool, n * sizeof(struct mp_cmd));
    if (cmds == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        mp_cmd_init(&cmds[i]);
    }

    for (i = 0; i < nodes->nodes.nelts; i++) {
        (void) ngx_snprintf((u_char *) part, sizeof(part), "%s:%s%Z",
                            node[i].heartbeat.component,
                            node[i].heartbeat.node);

        (void) mp_key_name(&key, MP_KEY_HEARTBEAT, part);
        mp_cmd_texts(&cmds[i], "GET", key.text, NULL);

        if (nodes->stats) {
            (void) mp_key_name(&key, MP_KEY_STAT, part);
            mp_cmd_texts(&cmds[nodes->nodes.nelts + i], "HGETALL", key.text,
                         NULL);

            (void) mp_key_name(&key,
                      ngx_strcmp(node[i].heartbeat.component, "agent") == 0
                      ? MP_KEY_DAV : MP_KEY_USAGE_TOTAL,
                      node[i].heartbeat.node);
            mp_cmd_texts(&cmds[2 * nodes->nodes.nelts + i], "GET", key.text,
                         NULL);
        }
    }

    return ngx_http_mailportal_op(r, cmds, n, NGX_HTTP_MAILPORTAL_RAW,
                                  ngx_http_mailportal_nodes_answer);
}


static ngx_int_t
ngx_http_mailportal_nodes_answer(ngx_http_request_t *r, redisReply *reply)
{
    ngx_uint_t                    i, n, want;
    redisReply                  **replies;
    ngx_http_mailportal_node_t   *node;
    ngx_http_mailportal_nodes_t  *nodes;

    nodes = ngx_http_mailportal_ctx(r)->data;
    node = nodes->nodes.elts;
    n = nodes->nodes.nelts;
    want = nodes->stats ? 3 * n : n;

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        return ngx_http_mailportal_nodes_next(r, NULL);
    }

    /* one command comes without an array around its reply */

    replies = want == 1 ? &reply : reply->element;

    if (want > 1
        && (reply->type != REDIS_REPLY_ARRAY || reply->elements != want))
    {
        return ngx_http_mailportal_nodes_next(r, NULL);
    }

    for (i = 0; i < n; i++) {
        ngx_http_mailportal_nodes_take(&node[i], replies[i]);

        if (nodes->stats) {
            node[i].stats = replies[n + i];
            node[i].usage = replies[2 * n + i];
        }
    }

    ngx_http_mailportal_nodes_forget(&nodes->nodes);

    return ngx_http_mailportal_nodes_next(r, &nodes->nodes);
}


static void
ngx_http_mailportal_nodes_take(ngx_http_mailportal_node_t *node,
    redisReply *reply)
{
    struct mp_error      err;
    struct mp_heartbeat  hb;

    if (reply->type != REDIS_REPLY_STRING) {
        return;
    }

    if (mp_heartbeat_parse(&hb, reply->str, reply->len, &err) != MP_OK
        || ngx_strcmp(hb.component, node->heartbeat.component) != 0
        || ngx_strcmp(hb.node, node->heartbeat.node) != 0)
    {
        (void) ngx_snprintf((u_char *) node->heartbeat.problem[0],
                            sizeof(node->heartbeat.problem[0]),
                            "its heartbeat cannot be read%Z");
        return;
    }

    node->heartbeat = hb;
    node->alive = 1;
}


/* a clock may be wrong: who is alive is never left out */

static void
ngx_http_mailportal_nodes_forget(ngx_array_t *nodes)
{
    ngx_uint_t                   i, n;
    ngx_http_mailportal_node_t  *node;

    node = nodes->elts;

    for (i = 0, n = 0; i < nodes->nelts; i++) {
        if (node[i].alive
            || ngx_http_mailportal_nodes_recent(node[i].seen))
        {
            node[n++] = node[i];
        }
    }

    nodes->nelts = n;
}


static ngx_int_t
ngx_http_mailportal_nodes_next(ngx_http_request_t *r, ngx_array_t *nodes)
{
    ngx_http_mailportal_ctx_t    *ctx;
    ngx_http_mailportal_nodes_t  *state;

    ctx = ngx_http_mailportal_ctx(r);
    state = ctx->data;
    ctx->data = state->data;

    return state->next(r, nodes);
}


static ngx_int_t
ngx_http_mailportal_nodes_send(ngx_http_request_t *r, ngx_array_t *nodes)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    struct mp_json               list;
    ngx_http_mailportal_node_t  *node;

    if (nodes == NULL) {
        return ngx_http_mailportal_nodes_last(r);
    }

    node = nodes->elts;

    mp_json_init(&list);
    mp_json_array(&list, NULL);

    for (i = 0; i < nodes->nelts; i++) {
        mp_heartbeat_render_node(&list, &node[i].heartbeat, node[i].seen);
    }

    mp_json_end_array(&list);

    rc = NGX_ERROR;

    if (list.ok) {
        ngx_http_mailportal_zone_nodes_keep(list.bytes, list.len);
        rc = ngx_http_mailportal_nodes_finish(r, list.bytes, list.len,
                                              ngx_time(), 0);
    }

    mp_json_free(&list);

    return rc;
}


/* what any worker was answered last, for when Redis does not answer */

static ngx_int_t
ngx_http_mailportal_nodes_last(ngx_http_request_t *r)
{
    time_t     as_of;
    ngx_int_t  rc;
    ngx_str_t  nodes;

    rc = ngx_http_mailportal_zone_nodes(r, &nodes, &as_of);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    ngx_http_mailportal_ctx(r)->stale = 1;

    if (rc == NGX_DECLINED) {
        return ngx_http_mailportal_fail(r, MP_REDIS_AWAY, NULL,
                                        "no heartbeat was ever read here");
    }

    return ngx_http_mailportal_nodes_finish(r, (char *) nodes.data, nodes.len,
                                            as_of, 1);
}


static ngx_int_t
ngx_http_mailportal_nodes_finish(ngx_http_request_t *r, const char *bytes,
    size_t len, time_t as_of, ngx_uint_t stale)
{
    char            at[MP_TIME_SIZE];
    struct mp_json  json;

    mp_time_format(at, as_of);

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_raw(&json, "nodes", bytes, len);
    mp_json_bool(&json, "stale", stale);
    mp_json_text(&json, "as_of", at);
    mp_json_array(&json, "problems");
    (void) ngx_http_mailportal_reasons(&json);
    mp_json_end_array(&json);
    mp_json_end_object(&json);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}
