
/*
 * Copyright (C) The mailportal authors
 *
 * What is asked for by POST /jobs: every input is checked before anything is
 * written, and what the job needs of Redis is read.
 */


#include "ngx_http_mailportal_jobs.h"

#include "mp_time.h"

#include <sodium.h>


#define NGX_HTTP_MAILPORTAL_KEY_MAX   128
#define NGX_HTTP_MAILPORTAL_DAYS_MAX  3650
#define NGX_HTTP_MAILPORTAL_SEEN      86400    /* a node that is there */


typedef struct ngx_http_mailportal_member_s  ngx_http_mailportal_member_t;

struct ngx_http_mailportal_member_s {
    const char        *name;
    enum mp_status   (*take)(ngx_http_mailportal_order_t *order, json_t *value,
                             struct mp_error *err);
};


static enum mp_status ngx_http_mailportal_order_take(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order, struct mp_faults *faults);
static void ngx_http_mailportal_order_fault(struct mp_faults *faults,
    const char *field, const char *text);
static void ngx_http_mailportal_order_strangers(json_t *body,
    struct mp_faults *faults);
static enum mp_status ngx_http_mailportal_order_action(
    ngx_http_mailportal_order_t *order, json_t *value, struct mp_error *err);
static enum mp_status ngx_http_mailportal_order_target(
    ngx_http_mailportal_order_t *order, json_t *value, struct mp_error *err);
static enum mp_status ngx_http_mailportal_order_rate(
    ngx_http_mailportal_order_t *order, json_t *value, struct mp_error *err);
static enum mp_status ngx_http_mailportal_order_junk(
    ngx_http_mailportal_order_t *order, json_t *value, struct mp_error *err);
static enum mp_status ngx_http_mailportal_order_trash(
    ngx_http_mailportal_order_t *order, json_t *value, struct mp_error *err);
static enum mp_status ngx_http_mailportal_order_days(
    ngx_http_mailportal_order_t *order, json_t *value, const char *name,
    uint32_t *days, struct mp_error *err);
static enum mp_status ngx_http_mailportal_order_number(uint32_t *number,
    json_t *value, const char *name, uint32_t max, struct mp_error *err);
static void ngx_http_mailportal_order_query(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order, struct mp_faults *faults);
static void ngx_http_mailportal_order_argument(ngx_str_t *arg,
    ngx_http_mailportal_order_t *order, ngx_uint_t *dry_run,
    struct mp_faults *faults);
static ngx_int_t ngx_http_mailportal_order_key(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order);
static void ngx_http_mailportal_order_seal(ngx_http_mailportal_order_t *order);
static ngx_int_t ngx_http_mailportal_order_ask(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_order_reply(ngx_http_request_t *r,
    redisReply *reply);
static enum mp_status ngx_http_mailportal_order_nodes(struct mp_job *job,
    redisReply *reply, struct mp_error *err);
static ngx_uint_t ngx_http_mailportal_order_node(struct mp_job *job,
    redisReply *part, redisReply *seen);
static enum mp_status ngx_http_mailportal_order_settings(
    ngx_http_request_t *r, struct mp_job *job, redisReply *reply,
    struct mp_error *err);


static const ngx_http_mailportal_member_t  ngx_http_mailportal_members[] = {

    /* what follows depends on the action */

    { "action", ngx_http_mailportal_order_action },
    { "target", ngx_http_mailportal_order_target },
    { "rate", ngx_http_mailportal_order_rate },
    { "junk_days", ngx_http_mailportal_order_junk },
    { "trash_days", ngx_http_mailportal_order_trash },

    { NULL, NULL }
};


ngx_int_t
ngx_http_mailportal_jobs_post(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    struct mp_faults             *faults;
    ngx_http_mailportal_order_t  *order;

    order = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_order_t));
    faults = ngx_pcalloc(r->pool, sizeof(struct mp_faults));

    if (order == NULL || faults == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_mailportal_ctx(r)->data = order;

    rc = ngx_http_mailportal_order_key(r, order);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_mailportal_order_take(r, order, faults) != MP_OK) {
        return ngx_http_mailportal_fail_faults(r, MP_INVALID, faults);
    }

    ngx_http_mailportal_order_seal(order);

    return ngx_http_mailportal_order_ask(r);
}


static enum mp_status
ngx_http_mailportal_order_take(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order, struct mp_faults *faults)
{
    json_t                              *body, *value;
    struct mp_error                      err;
    const ngx_http_mailportal_member_t  *member;

    body = ngx_http_mailportal_ctx(r)->body;

    for (member = ngx_http_mailportal_members; member->name; member++) {
        value = json_object_get(body, member->name);

        if (member->take(order, value, &err) == MP_OK) {
            continue;
        }

        ngx_http_mailportal_order_fault(faults, err.field, err.text);

        if (member == ngx_http_mailportal_members) {
            return MP_INVALID;
        }
    }

    ngx_http_mailportal_order_strangers(body, faults);
    ngx_http_mailportal_order_query(r, order, faults);

    if (order->days && order->job.junk_days + order->job.trash_days == 0
        && faults->count == 0)
    {
        ngx_http_mailportal_order_fault(faults, "junk_days",
                                "and trash_days are both null: nothing would "
                                "be cleared");
    }

    return faults->count ? MP_INVALID : MP_OK;
}


static void
ngx_http_mailportal_order_fault(struct mp_faults *faults, const char *field,
    const char *text)
{
    if (faults->count < MP_FAULTS_MAX) {
        (void) mp_fail(&faults->fault[faults->count++], MP_INVALID, field,
                       "%s", text);
    }
}


/* a word that is not understood could have made it do less */

static void
ngx_http_mailportal_order_strangers(json_t *body, struct mp_faults *faults)
{
    json_t                              *value;
    const char                          *key;
    const ngx_http_mailportal_member_t  *member;

    json_object_foreach(body, key, value) {

        member = ngx_http_mailportal_members;

        while (member->name && ngx_strcmp(member->name, key) != 0) {
            member++;
        }

        if (member->name == NULL) {
            ngx_http_mailportal_order_fault(faults, key,
                                ngx_strcmp(key, "dry_run") == 0
                                ? "belongs into the address: ?dry_run=1"
                                : "is not known here: there are action, "
                                  "target, rate, junk_days and trash_days");
        }
    }
}


static enum mp_status
ngx_http_mailportal_order_action(ngx_http_mailportal_order_t *order,
    json_t *value, struct mp_error *err)
{
    if (json_is_string(value)
        && mp_action_find(&order->job.action, json_string_value(value),
                          json_string_length(value)))
    {
        return MP_OK;
    }

    return mp_fail_names(err, "action", mp_action_names);
}


static enum mp_status
ngx_http_mailportal_order_target(ngx_http_mailportal_order_t *order,
    json_t *value, struct mp_error *err)
{
    if (value == NULL || json_is_null(value)) {
        return mp_job_put_target(&order->job, "", 0, err);
    }

    if (!json_is_string(value)) {
        return mp_fail(err, MP_INVALID, "target", "must be a text");
    }

    /* who types blanks has not meant all */

    if (json_string_length(value) == 0) {
        return mp_fail(err, MP_INVALID, "target",
                       "is empty: leave it out for all");
    }

    return mp_job_put_target(&order->job, json_string_value(value),
                             json_string_length(value), err);
}


static enum mp_status
ngx_http_mailportal_order_rate(ngx_http_mailportal_order_t *order,
    json_t *value, struct mp_error *err)
{
    const struct mp_action_row  *row;

    row = &mp_action_table[order->job.action];

    /* a limit for what works on users one after the other */

    if (value && !json_is_null(value)
        && ngx_strcmp(row->targets, "users") != 0)
    {
        return mp_fail(err, MP_INVALID, "rate", "is not for %s", row->name);
    }

    return ngx_http_mailportal_order_number(&order->job.rate, value, "rate",
                                            MP_JOB_RATE_MAX, err);
}


static enum mp_status
ngx_http_mailportal_order_junk(ngx_http_mailportal_order_t *order,
    json_t *value, struct mp_error *err)
{
    return ngx_http_mailportal_order_days(order, value, "junk_days",
                                          &order->job.junk_days, err);
}


static enum mp_status
ngx_http_mailportal_order_trash(ngx_http_mailportal_order_t *order,
    json_t *value, struct mp_error *err)
{
    return ngx_http_mailportal_order_days(order, value, "trash_days",
                                          &order->job.trash_days, err);
}


/* when one folder is named, the other one is left alone */

static enum mp_status
ngx_http_mailportal_order_days(ngx_http_mailportal_order_t *order,
    json_t *value, const char *name, uint32_t *days, struct mp_error *err)
{
    if (value == NULL) {
        return MP_OK;
    }

    if (order->job.action != MP_ACTION_CLEAR_FOLDERS) {
        return mp_fail(err, MP_INVALID, name, "is not for %s",
                       mp_action_table[order->job.action].name);
    }

    order->days = 1;

    return ngx_http_mailportal_order_number(days, value, name,
                                            NGX_HTTP_MAILPORTAL_DAYS_MAX, err);
}


static enum mp_status
ngx_http_mailportal_order_number(uint32_t *number, json_t *value,
    const char *name, uint32_t max, struct mp_error *err)
{
    if (value == NULL || json_is_null(value)) {
        return MP_OK;
    }

    if (!json_is_integer(value) || json_integer_value(value) < 1
        || json_integer_value(value) > (json_int_t) max)
    {
        return mp_fail(err, MP_INVALID, name,
                       "must be a whole number from 1 to %u", max);
    }

    *number = (uint32_t) json_integer_value(value);

    return MP_OK;
}


/*
 * Only dry_run, and only once: a job that was meant to be harmless must not
 * be done because somebody has mistyped that.
 */

static void
ngx_http_mailportal_order_query(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order, struct mp_faults *faults)
{
    u_char      *p, *last, *end;
    ngx_str_t    arg;
    ngx_uint_t   dry_run;

    dry_run = 0;

    p = r->args.data;
    last = p + r->args.len;

    for ( /* void */ ; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        arg.data = p;
        arg.len = end - p;

        if (arg.len) {
            ngx_http_mailportal_order_argument(&arg, order, &dry_run, faults);
        }
    }

    if (order->job.dry_run && !mp_action_has_dry_run(order->job.action)) {
        ngx_http_mailportal_order_fault(faults, "dry_run",
                                        "is only for clear-folders and "
                                        "verify-cache-clear");
    }
}


static void
ngx_http_mailportal_order_argument(ngx_str_t *arg,
    ngx_http_mailportal_order_t *order, ngx_uint_t *dry_run,
    struct mp_faults *faults)
{
    char     name[64];
    size_t   len;
    u_char  *equals;

    equals = ngx_strlchr(arg->data, arg->data + arg->len, '=');
    len = equals ? (size_t) (equals - arg->data) : arg->len;

    if (len != 7 || ngx_memcmp(arg->data, "dry_run", 7) != 0) {
        (void) ngx_cpystrn((u_char *) name, arg->data,
                           ngx_min(len + 1, sizeof(name)));
        ngx_http_mailportal_order_fault(faults, name,
                                  "is not known here: there is dry_run");

    } else if (arg->len != 9 || (equals[1] != '0' && equals[1] != '1')
               || (*dry_run)++)
    {
        ngx_http_mailportal_order_fault(faults, "dry_run",
                                        "must be 0 or 1, once");

    } else {
        order->job.dry_run = (equals[1] == '1');
    }
}


static ngx_int_t
ngx_http_mailportal_order_key(ngx_http_request_t *r,
    ngx_http_mailportal_order_t *order)
{
    u_char                     *p, hash[crypto_hash_sha256_BYTES];
    ngx_str_t                  *key;
    ngx_uint_t                  n;
    crypto_hash_sha256_state    state;
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);
    key = ngx_http_mailportal_find_header(r, "Idempotency-Key", 15, &n);

    if (key == NULL) {
        return ngx_http_mailportal_fail(r, MP_PRECONDITION, "Idempotency-Key",
                                "send one that is new for each job: with it "
                                "a request can be repeated");
    }

    if (n != 1 || key->len < 1 || key->len > NGX_HTTP_MAILPORTAL_KEY_MAX) {
        return ngx_http_mailportal_fail(r, MP_INVALID, "Idempotency-Key",
                                        "must be there once, with 1 to %d "
                                        "characters",
                                        NGX_HTTP_MAILPORTAL_KEY_MAX);
    }

    for (p = key->data; p < key->data + key->len; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            return ngx_http_mailportal_fail(r, MP_INVALID, "Idempotency-Key",
                                            "must be printable ASCII");
        }
    }

    /* a name of an administrator has no NUL */

    (void) crypto_hash_sha256_init(&state);
    (void) crypto_hash_sha256_update(&state, (u_char *) ctx->session.user,
                                     ngx_strlen(ctx->session.user) + 1);
    (void) crypto_hash_sha256_update(&state, key->data, key->len);
    (void) crypto_hash_sha256_final(&state, hash);

    *ngx_hex_dump((u_char *) order->key, hash, sizeof(hash)) = '\0';

    return NGX_OK;
}


/* as it is asked for: the settings may be others when it is repeated */

static void
ngx_http_mailportal_order_seal(ngx_http_mailportal_order_t *order)
{
    int             len;
    char            text[MP_JOB_TARGET_SIZE + 128];
    u_char          hash[crypto_hash_sha256_BYTES];
    struct mp_job  *job;

    job = &order->job;

    len = snprintf(text, sizeof(text), "%s\n%s\n%u\n%d\n%d\n%u\n%u\n",
                   mp_action_table[job->action].name, job->target, job->rate,
                   job->dry_run, order->days, job->junk_days,
                   job->trash_days);

    (void) crypto_hash_sha256(hash, (u_char *) text, len);

    *ngx_hex_dump((u_char *) order->asked, hash, sizeof(hash)) = '\0';
}


/* who is to do it, and, unless it says so, the days of the settings */

static ngx_int_t
ngx_http_mailportal_order_ask(ngx_http_request_t *r)
{
    ngx_uint_t     i;
    struct mp_cmd  cmds[2];

    for (i = 0; i < 2; i++) {
        mp_cmd_init(&cmds[i]);
    }

    mp_cmd_texts(&cmds[0], "HGETALL", mp_key(MP_KEY_HEARTBEATS), NULL);
    mp_cmd_texts(&cmds[1], "XREVRANGE", mp_key(MP_KEY_SETTINGS), "+", "-",
                 "COUNT", "1", NULL);

    return ngx_http_mailportal_op(r, cmds, 2, NGX_HTTP_MAILPORTAL_PREPARE,
                                  ngx_http_mailportal_order_reply);
}


static ngx_int_t
ngx_http_mailportal_order_reply(ngx_http_request_t *r, redisReply *reply)
{
    ngx_str_t                    *request_id;
    struct mp_job                *job;
    enum mp_status                status;
    struct mp_error               err;
    ngx_http_mailportal_ctx_t    *ctx;
    ngx_http_mailportal_order_t  *order;

    ctx = ngx_http_mailportal_ctx(r);
    order = ctx->data;
    job = &order->job;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = ngx_http_mailportal_order_nodes(job, reply->element[0], &err);

    if (status == MP_OK && job->action == MP_ACTION_CLEAR_FOLDERS
        && !order->days)
    {
        status = ngx_http_mailportal_order_settings(r, job, reply->element[1],
                                                    &err);
    }

    if (status != MP_OK) {
        return ngx_http_mailportal_fail_error(r, status, &err);
    }

    request_id = ngx_http_mailportal_request_id(r);

    (void) snprintf(job->created_by, sizeof(job->created_by), "%s",
                    ctx->session.user);
    (void) snprintf(job->request_id, sizeof(job->request_id), "%.*s",
                    (int) request_id->len, request_id->data);
    mp_time_format(job->created_at, ngx_time());

    return ngx_http_mailportal_idem(r, order);
}


static enum mp_status
ngx_http_mailportal_order_nodes(struct mp_job *job, redisReply *reply,
    struct mp_error *err)
{
    size_t                       i;
    ngx_uint_t                   ever;
    const struct mp_action_row  *row;

    row = &mp_action_table[job->action];
    ever = 0;

    for (i = 0; reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements;
         i += 2)
    {
        ever += ngx_http_mailportal_order_node(job, reply->element[i],
                                               reply->element[i + 1]);
    }

    if (ever == 0 && ngx_strcmp(row->executor, "agent") == 0) {
        return mp_fail(err, MP_INVALID, "action",
                       "is not available yet: no agent has reported");
    }

    /* one message is enough */

    if (ngx_strcmp(row->targets, "address") == 0 && job->node_count > 1) {
        job->node_count = 1;
    }

    /* more than can be named: everyone who reads it */

    if (job->node_count > MP_JOB_NODES_MAX) {
        job->node_count = 0;
    }

    return MP_OK;
}


/* whether it is one of the action's nodes at all; it counts when it is there */

static ngx_uint_t
ngx_http_mailportal_order_node(struct mp_job *job, redisReply *part,
    redisReply *seen)
{
    char        *node;
    size_t       len;
    time_t       at;
    const char  *executor;

    executor = mp_action_table[job->action].executor;
    len = ngx_strlen(executor);

    if (part->type != REDIS_REPLY_STRING || seen->type != REDIS_REPLY_STRING
        || part->len <= len || part->str[len] != ':'
        || ngx_memcmp(part->str, executor, len) != 0)
    {
        return 0;
    }

    node = part->str + len + 1;
    at = ngx_atotm((u_char *) seen->str, seen->len);

    if (ngx_strlen(part->str) != part->len
        || mp_node_check(node, NULL) != MP_OK)
    {
        return 0;
    }

    if (at == (time_t) NGX_ERROR || at < ngx_time() - NGX_HTTP_MAILPORTAL_SEEN)
    {
        return 1;
    }

    if (job->node_count < MP_JOB_NODES_MAX) {
        ngx_memcpy(job->node[job->node_count], node, ngx_strlen(node) + 1);
    }

    if (job->node_count <= MP_JOB_NODES_MAX) {
        job->node_count++;
    }

    return 1;
}


/*
 * Not the settings of this worker's snapshot: what is cleared is gone, so the
 * days are those that are in Redis now.
 */

static enum mp_status
ngx_http_mailportal_order_settings(ngx_http_request_t *r, struct mp_job *job,
    redisReply *reply, struct mp_error *err)
{
    struct mp_error     why;
    struct mp_version  *version;

    version = ngx_palloc(r->pool, sizeof(struct mp_version));
    if (version == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1) {
        return mp_fail(err, MP_REGRESSED, "", "Redis holds no settings");
    }

    if (mp_version_parse(version, reply->element[0], &why) != MP_OK) {
        return mp_fail(err, MP_REGRESSED, "",
                       "the settings in Redis are not valid: %s", why.text);
    }

    if (version->number < ngx_http_mailportal_ctx(r)->session.settings) {
        return mp_fail(err, MP_REGRESSED, "",
                       "Redis is older than what this session has seen");
    }

    job->junk_days = version->set.clearing_junk_days;
    job->trash_days = version->set.clearing_trash_days;

    if (job->junk_days + job->trash_days == 0) {
        return mp_fail(err, MP_INVALID, "junk_days",
                       "is needed: the settings clear neither Junk nor "
                       "Trash, so say junk_days, trash_days or both");
    }

    return MP_OK;
}
