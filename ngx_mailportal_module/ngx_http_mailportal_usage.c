
/*
 * Copyright (C) The mailportal authors
 *
 * Load, memory and disks of the nodes, as their agents sampled them.
 */


#include "ngx_http_mailportal_nodes.h"
#include "mp_dav.h"
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
    ngx_http_mailportal_usage_t *usage, ngx_uint_t i, redisReply *reply);
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
    ngx_uint_t          i, n;
    enum mp_key         list;
    struct mp_cmd      *cmd;
    struct mp_keyname   key;

    if (usage->n == 0) {
        return ngx_http_mailportal_usage_send(r, NULL);
    }

    n = 2 * usage->n;

    cmd = ngx_pcalloc(r->pool, n * sizeof(struct mp_cmd));
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

        (void) mp_key_name(&key, MP_KEY_DAV, usage->node[i]->heartbeat.node);

        mp_cmd_init(&cmd[usage->n + i]);
        mp_cmd_texts(&cmd[usage->n + i], "GET", key.text, NULL);
    }

    return ngx_http_mailportal_op(r, cmd, n, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_usage_send);
}


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
        ngx_http_mailportal_usage_node(&json, usage, i, reply);
    }

    mp_json_end_array(&json);
    mp_json_end_object(&json);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}


static void
ngx_http_mailportal_usage_node(struct mp_json *json,
    ngx_http_mailportal_usage_t *usage, ngx_uint_t i, redisReply *reply)
{
    size_t         points, step;
    int64_t        every;
    redisReply    *list, *text;
    struct mp_dav  dav;

    list = reply->element[i];
    text = reply->element[usage->n + i];

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

    if (text->type == REDIS_REPLY_STRING
        && mp_dav_parse(&dav, text->str, text->len, NULL) == MP_OK)
    {
        mp_dav_render(json, "radicale", &dav);

    } else {
        mp_json_null(json, "radicale");
    }

    mp_json_end_object(json);
}


/*
 * Newest last, and the newest always.  What is no sample is left out, and what
 * is of later than a newer one: a clock was set back.  Says how many.
 */

static int64_t
ngx_http_mailportal_usage_samples(struct mp_json *json, redisReply *list,
    size_t step, int64_t since)
{
    size_t             i;
    int64_t            bad, before;
    ngx_uint_t         n;
    redisReply        *text;
    struct mp_json     one[NGX_HTTP_MAILPORTAL_USAGE_POINTS];
    struct mp_sample   sample;

    if (list->type != REDIS_REPLY_ARRAY) {
        return 0;
    }

    bad = 0;
    before = INT64_MAX;
    n = 0;

    for (i = 0; i < list->elements; i += step) {
        text = list->element[i];

        if (text->type != REDIS_REPLY_STRING
            || mp_sample_parse(&sample, text->str, text->len, NULL) != MP_OK
            || sample.at > before)
        {
            bad++;
            continue;
        }

        if (sample.at < since || sample.at == before) {
            continue;
        }

        before = sample.at;
        mp_json_init(&one[n]);
        mp_sample_render(&one[n++], NULL, &sample);
    }

    while (n > 0) {
        n--;
        json->ok = json->ok && one[n].ok;
        mp_json_raw(json, NULL, one[n].bytes, one[n].len);
        mp_json_free(&one[n]);
    }

    return bad;
}
