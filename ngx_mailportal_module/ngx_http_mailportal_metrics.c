
/*
 * Copyright (C) The mailportal authors
 *
 * Heartbeats and counters of all components in the OpenMetrics text form, in
 * which all samples of a metric stand together.
 */


#include "ngx_http_mailportal_nodes.h"
#include "mp_dav.h"
#include "mp_usage.h"


#define NGX_HTTP_MAILPORTAL_SAMPLE   256       /* bytes of a line, at most */
#define NGX_HTTP_MAILPORTAL_COUNTER  40        /* bytes of a counter's name */


/* a gauge of each node; read gives its value */
typedef struct {
    const char   *name;
    const char   *help;
    int64_t     (*read)(const ngx_http_mailportal_node_t *node);
} ngx_http_mailportal_gauge_t;


/* a gauge of each node that has looked at its mailboxes or collections */
typedef struct {
    const char   *name;
    const char   *help;
    const char   *component;                   /* who has looked */
    size_t        offset;                      /* of a uint64_t */
} ngx_http_mailportal_total_t;


typedef struct {
    const char   *component;
    const char   *node;
    const char   *name;
    int64_t       value;
} ngx_http_mailportal_sample_t;


static ngx_int_t ngx_http_mailportal_metrics_ask(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_metrics_read(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_metrics_send(ngx_http_request_t *r,
    ngx_array_t *nodes);
static ngx_array_t *ngx_http_mailportal_metrics_samples(ngx_http_request_t *r,
    ngx_array_t *nodes);
static ngx_int_t ngx_http_mailportal_metrics_add(ngx_array_t *samples,
    ngx_http_mailportal_node_t *node);
static ngx_uint_t ngx_http_mailportal_metrics_name(redisReply *field);
static int ngx_libc_cdecl ngx_http_mailportal_metrics_cmp(const void *one,
    const void *two);
static u_char *ngx_http_mailportal_metrics_gauges(u_char *p, u_char *last,
    ngx_array_t *nodes);
static u_char *ngx_http_mailportal_metrics_builds(u_char *p, u_char *last,
    ngx_array_t *nodes);
static u_char *ngx_http_mailportal_metrics_counters(u_char *p, u_char *last,
    ngx_array_t *samples);
static u_char *ngx_http_mailportal_metrics_worker(u_char *p, u_char *last,
    ngx_uint_t redis);
static u_char *ngx_http_mailportal_metrics_totals(u_char *p, u_char *last,
    ngx_array_t *nodes);
static ngx_int_t ngx_http_mailportal_metrics_total(uint64_t *value,
    const ngx_http_mailportal_total_t *total,
    ngx_http_mailportal_node_t *node);
static u_char *ngx_http_mailportal_metrics_waiting(u_char *p, u_char *last,
    ngx_array_t *nodes, ngx_array_t *waiting);
static u_char *ngx_http_mailportal_metrics_jobs(u_char *p, u_char *last);
static ngx_uint_t ngx_http_mailportal_metrics_knows(ngx_array_t *nodes,
    ngx_http_mailportal_waiting_t *waiting);

static int64_t ngx_http_mailportal_gauge_alive(
    const ngx_http_mailportal_node_t *node);
static int64_t ngx_http_mailportal_gauge_stale(
    const ngx_http_mailportal_node_t *node);
static int64_t ngx_http_mailportal_gauge_settings(
    const ngx_http_mailportal_node_t *node);
static int64_t ngx_http_mailportal_gauge_whitelist(
    const ngx_http_mailportal_node_t *node);
static int64_t ngx_http_mailportal_gauge_blacklist(
    const ngx_http_mailportal_node_t *node);
static int64_t ngx_http_mailportal_gauge_lag(
    const ngx_http_mailportal_node_t *node);
static int64_t ngx_http_mailportal_gauge_problems(
    const ngx_http_mailportal_node_t *node);


static const ngx_http_mailportal_gauge_t  ngx_http_mailportal_gauges[] = {

    { "alive", "Whether the component sends heartbeats.",
      ngx_http_mailportal_gauge_alive },

    { "stale", "Whether what is in force may be older than Redis.",
      ngx_http_mailportal_gauge_stale },

    { "settings_version", "Version of the settings in force.",
      ngx_http_mailportal_gauge_settings },

    { "whitelist_entries", "Entries of the whitelist in force.",
      ngx_http_mailportal_gauge_whitelist },

    { "blacklist_entries", "Entries of the blacklist in force.",
      ngx_http_mailportal_gauge_blacklist },

    { "lag_milliseconds", "From the last change to its being in force.",
      ngx_http_mailportal_gauge_lag },

    { "problems", "Problems that the component reports.",
      ngx_http_mailportal_gauge_problems },

    { NULL, NULL, NULL }
};


static const ngx_http_mailportal_total_t  ngx_http_mailportal_totals[] = {

    { "mailboxes", "Mailboxes of the node.", "dovecot",
      offsetof(struct mp_usage_total, mailboxes) },

    { "mailboxes_used", "Mailboxes that have messages.", "dovecot",
      offsetof(struct mp_usage_total, used) },

    { "mailboxes_failed", "Mailboxes that could not be looked at.", "dovecot",
      offsetof(struct mp_usage_total, failed) },

    { "mailbox_bytes", "Bytes of all messages in mailboxes.", "dovecot",
      offsetof(struct mp_usage_total, bytes) },

    { "mailbox_messages", "Messages in mailboxes.", "dovecot",
      offsetof(struct mp_usage_total, messages) },

    { "sieve_scripts", "Sieve scripts of all mailboxes.", "dovecot",
      offsetof(struct mp_usage_total, sieve) },

    { "mailboxes_seen_timestamp_seconds",
      "When the mailboxes were last looked at.", "dovecot",
      offsetof(struct mp_usage_total, at) },

    { "radicale_collections", "Collections of Radicale.", "agent",
      offsetof(struct mp_dav, collections) },

    { "addressbooks", "Address books of Radicale.", "agent",
      offsetof(struct mp_dav, addressbooks) },

    { "calendars", "Calendars of Radicale.", "agent",
      offsetof(struct mp_dav, calendars) },

    { NULL, NULL, NULL, 0 }
};


ngx_int_t
ngx_http_mailportal_metrics_get(ngx_http_request_t *r)
{
    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    return ngx_http_mailportal_tally_read(r, ngx_http_mailportal_metrics_ask);
}


static ngx_int_t
ngx_http_mailportal_metrics_ask(ngx_http_request_t *r)
{
    return ngx_http_mailportal_waiting_read(r,
                                          ngx_http_mailportal_metrics_read);
}


static ngx_int_t
ngx_http_mailportal_metrics_read(ngx_http_request_t *r)
{
    return ngx_http_mailportal_nodes_read(r, 1,
                                          ngx_http_mailportal_metrics_send);
}


static ngx_int_t
ngx_http_mailportal_metrics_send(ngx_http_request_t *r, ngx_array_t *nodes)
{
    size_t        lines;
    u_char       *p, *last, *text;
    ngx_array_t  *samples, *waiting;

    waiting = ngx_http_mailportal_ctx(r)->data;

    samples = ngx_http_mailportal_metrics_samples(r, nodes);
    if (samples == NULL) {
        return NGX_ERROR;
    }

    lines = 72 + MP_ACTION_COUNT * (MP_JOB_CANCELLED + 1)
            + (nodes ? nodes->nelts : 0) * 18 + samples->nelts * 2
            + waiting->nelts;

    text = ngx_palloc(r->pool, lines * NGX_HTTP_MAILPORTAL_SAMPLE);
    if (text == NULL) {
        return NGX_ERROR;
    }

    last = text + lines * NGX_HTTP_MAILPORTAL_SAMPLE;

    p = ngx_http_mailportal_metrics_worker(text, last, nodes != NULL);

    if (nodes) {
        p = ngx_http_mailportal_metrics_gauges(p, last, nodes);
        p = ngx_http_mailportal_metrics_builds(p, last, nodes);
        p = ngx_http_mailportal_metrics_totals(p, last, nodes);
        p = ngx_http_mailportal_metrics_waiting(p, last, nodes, waiting);
        p = ngx_http_mailportal_metrics_jobs(p, last);
        p = ngx_http_mailportal_metrics_counters(p, last, samples);
    }

    p = ngx_slprintf(p, last, "# EOF\n");

    return ngx_http_mailportal_send_bytes(r, NGX_HTTP_OK,
             "application/openmetrics-text; version=1.0.0; charset=utf-8",
             text, p - text);
}


static ngx_array_t *
ngx_http_mailportal_metrics_samples(ngx_http_request_t *r, ngx_array_t *nodes)
{
    ngx_uint_t                   i;
    ngx_array_t                 *samples;
    ngx_http_mailportal_node_t  *node;

    samples = ngx_array_create(r->pool, 64,
                               sizeof(ngx_http_mailportal_sample_t));
    if (samples == NULL || nodes == NULL) {
        return samples;
    }

    node = nodes->elts;

    for (i = 0; i < nodes->nelts; i++) {
        if (ngx_http_mailportal_metrics_add(samples, &node[i]) != NGX_OK) {
            return NULL;
        }
    }

    ngx_qsort(samples->elts, samples->nelts,
              sizeof(ngx_http_mailportal_sample_t),
              ngx_http_mailportal_metrics_cmp);

    return samples;
}


/* the names stay in the reply, which lives until the answer is written */

static ngx_int_t
ngx_http_mailportal_metrics_add(ngx_array_t *samples,
    ngx_http_mailportal_node_t *node)
{
    size_t                         i;
    char                          *end;
    int64_t                        value;
    redisReply                    *stats;
    ngx_http_mailportal_sample_t  *sample;

    stats = node->stats;

    if (stats == NULL || stats->type != REDIS_REPLY_ARRAY) {
        return NGX_OK;
    }

    for (i = 0; i + 1 < stats->elements && i < 200; i += 2) {

        if (!ngx_http_mailportal_metrics_name(stats->element[i])
            || stats->element[i + 1]->type != REDIS_REPLY_STRING)
        {
            continue;
        }

        value = strtoll(stats->element[i + 1]->str, &end, 10);
        if (*end != '\0' || value < 0) {
            continue;
        }

        sample = ngx_array_push(samples);
        if (sample == NULL) {
            return NGX_ERROR;
        }

        sample->component = node->heartbeat.component;
        sample->node = node->heartbeat.node;
        sample->name = stats->element[i]->str;
        sample->value = value;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_mailportal_metrics_name(redisReply *field)
{
    size_t  len;

    if (field->type != REDIS_REPLY_STRING) {
        return 0;
    }

    len = strspn(field->str, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return len > 0 && len <= NGX_HTTP_MAILPORTAL_COUNTER
           && len == (size_t) field->len
           && field->str[0] >= 'a';
}


static int ngx_libc_cdecl
ngx_http_mailportal_metrics_cmp(const void *one, const void *two)
{
    int                                  rc;
    const ngx_http_mailportal_sample_t  *a, *b;

    a = one;
    b = two;

    rc = strcmp(a->component, b->component);
    if (rc == 0) {
        rc = strcmp(a->name, b->name);
    }

    return rc ? rc : strcmp(a->node, b->node);
}


/* what this worker can say without Redis */

static u_char *
ngx_http_mailportal_metrics_worker(u_char *p, u_char *last, ngx_uint_t redis)
{
    const ngx_http_mailportal_snapshot_t  *snapshot;

    snapshot = ngx_http_mailportal_snapshot();

    return ngx_slprintf(p, last,
             "# TYPE mailportal_redis_up gauge\n"
             "# HELP mailportal_redis_up Whether Redis answers this worker.\n"
             "mailportal_redis_up %ui\n"
             "# TYPE mailportal_worker_settings_version gauge\n"
             "# HELP mailportal_worker_settings_version Version of the "
             "settings that this worker answers with.\n"
             "mailportal_worker_settings_version %uL\n",
             redis, snapshot->version.number);
}


static u_char *
ngx_http_mailportal_metrics_gauges(u_char *p, u_char *last,
    ngx_array_t *nodes)
{
    ngx_uint_t                          i;
    ngx_http_mailportal_node_t         *node;
    const ngx_http_mailportal_gauge_t  *gauge;

    node = nodes->elts;

    for (gauge = ngx_http_mailportal_gauges; gauge->name; gauge++) {

        p = ngx_slprintf(p, last, "# TYPE mailportal_%s gauge\n"
                         "# HELP mailportal_%s %s\n",
                         gauge->name, gauge->name, gauge->help);

        for (i = 0; i < nodes->nelts; i++) {
            p = ngx_slprintf(p, last,
                         "mailportal_%s{component=\"%s\",node=\"%s\"} %L\n",
                         gauge->name, node[i].heartbeat.component,
                         node[i].heartbeat.node, gauge->read(&node[i]));
        }
    }

    return p;
}


static u_char *
ngx_http_mailportal_metrics_builds(u_char *p, u_char *last,
    ngx_array_t *nodes)
{
    u_char                      *c;
    ngx_uint_t                   i;
    ngx_http_mailportal_node_t  *node;

    node = nodes->elts;

    p = ngx_slprintf(p, last, "# TYPE mailportal_build info\n"
                     "# HELP mailportal_build Version of a component.\n");

    for (i = 0; i < nodes->nelts; i++) {

        /* the one text that another component chose freely */

        for (c = (u_char *) node[i].heartbeat.build; *c; c++) {
            if (*c < 0x20 || *c >= 0x7f || *c == '"' || *c == '\\') {
                *c = '_';
            }
        }

        if (node[i].alive) {
            p = ngx_slprintf(p, last, "mailportal_build_info{component=\"%s\","
                             "node=\"%s\",version=\"%s\"} 1\n",
                             node[i].heartbeat.component,
                             node[i].heartbeat.node, node[i].heartbeat.build);
        }
    }

    return p;
}


/* a node that never looked, or whose totals are none, has no samples */

static u_char *
ngx_http_mailportal_metrics_totals(u_char *p, u_char *last,
    ngx_array_t *nodes)
{
    uint64_t                            value;
    ngx_uint_t                          i;
    ngx_http_mailportal_node_t         *node;
    const ngx_http_mailportal_total_t  *t;

    node = nodes->elts;

    for (t = ngx_http_mailportal_totals; t->name; t++) {

        p = ngx_slprintf(p, last, "# TYPE mailportal_%s gauge\n"
                         "# HELP mailportal_%s %s\n",
                         t->name, t->name, t->help);

        for (i = 0; i < nodes->nelts; i++) {
            if (ngx_http_mailportal_metrics_total(&value, t, &node[i])
                != NGX_OK)
            {
                continue;
            }

            p = ngx_slprintf(p, last, "mailportal_%s{node=\"%s\"} %uL\n",
                             t->name, node[i].heartbeat.node, value);
        }
    }

    return p;
}


/* NGX_DECLINED: this component of the node has not counted it */

static ngx_int_t
ngx_http_mailportal_metrics_total(uint64_t *value,
    const ngx_http_mailportal_total_t *total, ngx_http_mailportal_node_t *node)
{
    union {
        struct mp_dav          dav;
        struct mp_usage_total  mail;
    } found;

    redisReply      *text;
    enum mp_status   status;

    text = node->usage;

    if (text == NULL || text->type != REDIS_REPLY_STRING
        || ngx_strcmp(node->heartbeat.component, total->component) != 0)
    {
        return NGX_DECLINED;
    }

    status = ngx_strcmp(total->component, "agent") == 0
             ? mp_dav_parse(&found.dav, text->str, text->len, NULL)
             : mp_usage_total_parse(&found.mail, text->str, text->len, NULL);

    if (status != MP_OK) {
        return NGX_DECLINED;
    }

    ngx_memcpy(value, (u_char *) &found + total->offset, sizeof(uint64_t));

    return NGX_OK;
}


static u_char *
ngx_http_mailportal_metrics_waiting(u_char *p, u_char *last,
    ngx_array_t *nodes, ngx_array_t *waiting)
{
    ngx_uint_t                      i;
    ngx_http_mailportal_waiting_t  *w;

    w = waiting->elts;

    p = ngx_slprintf(p, last, "# TYPE mailportal_jobs_waiting gauge\n"
                     "# HELP mailportal_jobs_waiting Entries of the queue "
                     "that the node has not taken yet.\n");

    for (i = 0; i < waiting->nelts; i++) {
        if (ngx_http_mailportal_metrics_knows(nodes, &w[i])) {
            p = ngx_slprintf(p, last, "mailportal_jobs_waiting{"
                             "component=\"%s\",node=\"%s\"} %L\n",
                             w[i].executor, w[i].node, w[i].jobs);
        }
    }

    return p;
}


/* all states of all actions: a series that comes and goes alarms nobody */

static u_char *
ngx_http_mailportal_metrics_jobs(u_char *p, u_char *last)
{
    ngx_uint_t                           i, state;
    const ngx_http_mailportal_counts_t  *counts;

    counts = ngx_http_mailportal_tally();

    if (!counts->good) {
        return p;
    }

    p = ngx_slprintf(p, last, "# TYPE mailportal_jobs gauge\n"
                     "# HELP mailportal_jobs Jobs of the newest %d, by action "
                     "and state.\n", MP_JOB_INDEX_MAX);

    for (i = 0; i < MP_ACTION_COUNT; i++) {
        for (state = 0; state <= MP_JOB_CANCELLED; state++) {
            p = ngx_slprintf(p, last, "mailportal_jobs{action=\"%s\","
                             "state=\"%s\"} %ui\n",
                             mp_action_table[i].name,
                             mp_job_state_name((enum mp_job_state) state),
                             counts->jobs[i][state]);
        }
    }

    return p;
}


/* a queue remembers nodes that are gone for ever */

static ngx_uint_t
ngx_http_mailportal_metrics_knows(ngx_array_t *nodes,
    ngx_http_mailportal_waiting_t *waiting)
{
    ngx_uint_t                   i;
    ngx_http_mailportal_node_t  *node;

    node = nodes->elts;

    for (i = 0; i < nodes->nelts; i++) {
        if (ngx_strcmp(node[i].heartbeat.component, waiting->executor) == 0
            && ngx_strcmp(node[i].heartbeat.node, waiting->node) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static u_char *
ngx_http_mailportal_metrics_counters(u_char *p, u_char *last,
    ngx_array_t *samples)
{
    ngx_uint_t                     i;
    ngx_http_mailportal_sample_t  *sample;

    sample = samples->elts;

    for (i = 0; i < samples->nelts; i++) {

        if (i == 0
            || ngx_strcmp(sample[i].component, sample[i - 1].component) != 0
            || ngx_strcmp(sample[i].name, sample[i - 1].name) != 0)
        {
            p = ngx_slprintf(p, last, "# TYPE mailportal_%s_%s counter\n",
                             sample[i].component, sample[i].name);
        }

        p = ngx_slprintf(p, last, "mailportal_%s_%s_total{node=\"%s\"} %L\n",
                         sample[i].component, sample[i].name, sample[i].node,
                         sample[i].value);
    }

    return p;
}


static int64_t
ngx_http_mailportal_gauge_alive(const ngx_http_mailportal_node_t *node)
{
    return (int64_t) node->alive;
}


static int64_t
ngx_http_mailportal_gauge_stale(const ngx_http_mailportal_node_t *node)
{
    return node->heartbeat.stale;
}


static int64_t
ngx_http_mailportal_gauge_settings(const ngx_http_mailportal_node_t *node)
{
    return (int64_t) node->heartbeat.settings;
}


static int64_t
ngx_http_mailportal_gauge_whitelist(const ngx_http_mailportal_node_t *node)
{
    return (int64_t) node->heartbeat.whitelist;
}


static int64_t
ngx_http_mailportal_gauge_blacklist(const ngx_http_mailportal_node_t *node)
{
    return (int64_t) node->heartbeat.blacklist;
}


static int64_t
ngx_http_mailportal_gauge_lag(const ngx_http_mailportal_node_t *node)
{
    return node->heartbeat.lag_msecs;
}


static int64_t
ngx_http_mailportal_gauge_problems(const ngx_http_mailportal_node_t *node)
{
    return (int64_t) node->heartbeat.problem_count;
}
