
/*
 * Copyright (C) The mailportal authors
 *
 * Load, memory and disks of the nodes, as their agents sampled them.
 */


#include "ngx_http_mailportal_nodes.h"
#include "mp_sample.h"


/* samples of an answer in all, which are enough for a curve on a screen */
#define NGX_HTTP_MAILPORTAL_USAGE_POINTS  400
#define NGX_HTTP_MAILPORTAL_USAGE_LEAST   60

/* up to here the samples of minutes are taken, then those of hours */
#define NGX_HTTP_MAILPORTAL_USAGE_HOURS   24


typedef struct {
    int64_t                      hours;
    ngx_uint_t                   n;
    ngx_http_mailportal_node_t  *node[NGX_HTTP_MAILPORTAL_NODES_MAX];
} ngx_http_mailportal_usage_t;


static ngx_int_t ngx_http_mailportal_usage_nodes(ngx_http_request_t *r,
    ngx_array_t *nodes);
static ngx_int_t ngx_http_mailportal_usage_ask(ngx_http_request_t *r,
    ngx_http_mailportal_usage_t *usage);
static ngx_int_t ngx_http_mailportal_usage_send(ngx_http_request_t *r,
    redisReply *reply);
static void ngx_http_mailportal_usage_node(struct mp_json *json,
    ngx_http_mailportal_usage_t *usage, ngx_uint_t i, redisReply *list);
static int64_t ngx_http_mailportal_usage_samples(struct mp_json *json,
    redisReply *list, size_t step, int64_t since);


ngx_int_t
ngx_http_mailportal_usage_get(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_mailportal_usage_t  *usage;

    usage = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_usage_t));
    if (usage == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    usage->hours = NGX_HTTP_MAILPORTAL_USAGE_HOURS;

    rc = ngx_http_mailportal_arg_number(r, "hours", 1, MP_SAMPLE_HOURS,
                                        &usage->hours);
    if (rc == NGX_ERROR) {
        return ngx_http_mailportal_fail(r, MP_INVALID, "hours",
                                        "must be a whole number from 1 to %d",
                                        MP_SAMPLE_HOURS);
    }

    ngx_http_mailportal_ctx(r)->data = usage;

    return ngx_http_mailportal_nodes_read(r, 0,
                                          ngx_http_mailportal_usage_nodes);
}


/* those that ever had an agent */

static ngx_int_t
ngx_http_mailportal_usage_nodes(ngx_http_request_t *r, ngx_array_t *nodes)
{
    ngx_uint_t                    i;
    ngx_http_mailportal_node_t   *node;
    ngx_http_mailportal_usage_t  *usage;

    if (nodes == NULL) {
        return ngx_http_mailportal_fail(r, MP_REDIS_AWAY, NULL,
                                        "samples are only in Redis");
    }

    usage = ngx_http_mailportal_ctx(r)->data;
    node = nodes->elts;

    for (i = 0; i < nodes->nelts; i++) {
        if (ngx_strcmp(node[i].heartbeat.component, "agent") == 0
            && usage->n < NGX_HTTP_MAILPORTAL_NODES_MAX)
        {
            usage->node[usage->n++] = &node[i];
        }
    }

    return ngx_http_mailportal_usage_ask(r, usage);
}


static ngx_int_t
ngx_http_mailportal_usage_ask(ngx_http_request_t *r,
    ngx_http_mailportal_usage_t *usage)
{
    int64_t             most;
    ngx_uint_t          i;
    enum mp_key         list;
    struct mp_cmd      *cmd;
    struct mp_keyname   key;

    if (usage->n == 0) {
        return ngx_http_mailportal_usage_send(r, NULL);
    }

    cmd = ngx_pcalloc(r->pool, usage->n * sizeof(struct mp_cmd));
    if (cmd == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (usage->hours <= NGX_HTTP_MAILPORTAL_USAGE_HOURS) {
        list = MP_KEY_SAMPLES;
        most = usage->hours * 60;

    } else {
        list = MP_KEY_SAMPLE_HOURS;
        most = usage->hours;
    }

    for (i = 0; i < usage->n; i++) {
        (void) mp_key_name(&key, list, usage->node[i]->heartbeat.node);

        mp_cmd_init(&cmd[i]);
        mp_cmd_texts(&cmd[i], "LRANGE", key.text, "0", NULL);
        mp_cmd_number(&cmd[i], most - 1);
    }

    return ngx_http_mailportal_op(r, cmd, usage->n, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_usage_send);
}


/* of one command the reply is its own, of several it is an array of theirs */

static ngx_int_t
ngx_http_mailportal_usage_send(ngx_http_request_t *r, redisReply *reply)
{
    ngx_uint_t                    i;
    struct mp_json                json;
    ngx_http_mailportal_usage_t  *usage;

    usage = ngx_http_mailportal_ctx(r)->data;

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_number(&json, "hours", usage->hours);
    mp_json_array(&json, "nodes");

    for (i = 0; i < usage->n; i++) {
        ngx_http_mailportal_usage_node(&json, usage, i,
                                       usage->n == 1 ? reply
                                                     : reply->element[i]);
    }

    mp_json_end_array(&json);
    mp_json_end_object(&json);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}


static void
ngx_http_mailportal_usage_node(struct mp_json *json,
    ngx_http_mailportal_usage_t *usage, ngx_uint_t i, redisReply *list)
{
    size_t   points, step;
    int64_t  every;

    points = ngx_max(NGX_HTTP_MAILPORTAL_USAGE_POINTS / usage->n,
                     NGX_HTTP_MAILPORTAL_USAGE_LEAST);
    step = (list->elements + points - 1) / points;

    mp_json_object(json, NULL);
    mp_json_text(json, "node", usage->node[i]->heartbeat.node);
    mp_json_bool(json, "stale", !usage->node[i]->alive);
    mp_json_array(json, "samples");
    every = ngx_http_mailportal_usage_samples(json, list, step ? step : 1,
                                  (int64_t) ngx_time() - usage->hours * 3600);
    mp_json_end_array(json);
    mp_json_number(json, "left_out", every);
    mp_json_end_object(json);
}


/*
 * Newest last, and the newest always.  What is no sample is left out; says
 * how many of those that were looked at.
 */

static int64_t
ngx_http_mailportal_usage_samples(struct mp_json *json, redisReply *list,
    size_t step, int64_t since)
{
    size_t            i;
    int64_t           bad;
    redisReply       *text;
    struct mp_sample  sample;

    if (list->type != REDIS_REPLY_ARRAY || list->elements == 0) {
        return 0;
    }

    bad = 0;

    for (i = (list->elements - 1) / step * step + step; i > 0; i -= step) {
        text = list->element[i - step];

        if (text->type != REDIS_REPLY_STRING
            || mp_sample_parse(&sample, text->str, text->len, NULL) != MP_OK)
        {
            bad++;
            continue;
        }

        if (sample.at >= since) {
            mp_sample_render(json, NULL, &sample);
        }
    }

    return bad;
}
