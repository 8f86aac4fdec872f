
/*
 * Copyright (C) The mailportal authors
 *
 * Lines of the servers' logs as the agents have put them into Redis.  What
 * is in them is anybody's text.
 */


#include "ngx_http_mailportal_logs.h"


#define NGX_HTTP_MAILPORTAL_LOG_Q  128


static u_char *ngx_http_mailportal_log_find(const u_char *bytes,
    const u_char *last, const ngx_str_t *text);
static ngx_uint_t ngx_http_mailportal_log_names(const u_char *bytes,
    size_t len, const ngx_str_t *address);
static ngx_uint_t ngx_http_mailportal_log_is_address(u_char c);


static const char  *ngx_http_mailportal_log_services[] = {
    "postfix", "dovecot", NULL
};


enum mp_status
ngx_http_mailportal_log_filter(ngx_http_request_t *r,
    ngx_http_mailportal_log_filter_t *filter, struct mp_error *err)
{
    ngx_str_t    *service, severity;
    const char  **name;

    service = &ngx_http_mailportal_ctx(r)->param[0];

    for (name = ngx_http_mailportal_log_services; *name; name++) {
        if (service->len == ngx_strlen(*name)
            && ngx_memcmp(service->data, *name, service->len) == 0)
        {
            filter->service = *name;
        }
    }

    if (filter->service == NULL) {
        return mp_fail(err, MP_NOT_FOUND, "",
                       "the logs are postfix and dovecot");
    }

    (void) ngx_http_mailportal_arg(r, "q", &filter->q);
    (void) ngx_http_mailportal_arg(r, "queue_id", &filter->queue_id);
    (void) ngx_http_mailportal_arg(r, "address", &filter->address);
    (void) ngx_http_mailportal_arg(r, "node", &filter->node);

    if (filter->q.len > NGX_HTTP_MAILPORTAL_LOG_Q) {
        return mp_fail(err, MP_INVALID, "q", "must be of %d bytes at most",
                       NGX_HTTP_MAILPORTAL_LOG_Q);
    }

    if (filter->address.len > 320) {
        return mp_fail(err, MP_INVALID, "address",
                       "is longer than an address can be");
    }

    if (filter->queue_id.len
        && !mp_queue_id_check((char *) filter->queue_id.data,
                              filter->queue_id.len))
    {
        return mp_fail(err, MP_INVALID, "queue_id",
                       "must be the queue id of a message");
    }

    if (ngx_http_mailportal_arg(r, "severity", &severity) == NGX_OK
        && severity.len)
    {
        filter->severity = mp_severity_parse((char *) severity.data,
                                             severity.len);

        if (filter->severity == MP_SEVERITY_COUNT) {
            return mp_fail(err, MP_INVALID, "severity",
                           "must be debug, info, warning, error or fatal");
        }
    }

    return MP_OK;
}


/* the agents that were ever seen, or the one that is wanted */

enum mp_status
ngx_http_mailportal_log_nodes(ngx_http_mailportal_log_filter_t *filter,
    redisReply *reply, struct mp_error *err)
{
    size_t       i, len;
    redisReply  *field;

    static const char  prefix[] = "agent:";

    for (i = 0; i + 1 < reply->elements; i += 2) {
        field = reply->element[i];

        if (field->type != REDIS_REPLY_STRING
            || ngx_strncmp(field->str, prefix, sizeof(prefix) - 1) != 0)
        {
            continue;
        }

        len = field->len - (sizeof(prefix) - 1);

        if (len == 0 || len >= sizeof(filter->nodes[0])
            || filter->n == NGX_HTTP_MAILPORTAL_LOG_NODES
            || (filter->node.len
                && (filter->node.len != len
                    || ngx_memcmp(filter->node.data,
                                  field->str + sizeof(prefix) - 1, len)
                       != 0)))
        {
            continue;
        }

        (void) ngx_cpystrn((u_char *) filter->nodes[filter->n++],
                           (u_char *) field->str + sizeof(prefix) - 1,
                           len + 1);
    }

    if (filter->node.len && filter->n == 0) {
        return mp_fail(err, MP_INVALID, "node",
                       "no agent of that node was ever seen");
    }

    return MP_OK;
}


void
ngx_http_mailportal_log_key(struct mp_keyname *key,
    const ngx_http_mailportal_log_filter_t *filter, ngx_uint_t i)
{
    char  part[sizeof(filter->nodes[0]) + 16];

    (void) snprintf(part, sizeof(part), "%s:%s", filter->service,
                    filter->nodes[i]);

    (void) mp_key_name(key, MP_KEY_LOG, part);
}


ngx_uint_t
ngx_http_mailportal_log_long(const struct timespec *begin)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (now.tv_sec - begin->tv_sec) * 1000
           + (now.tv_nsec - begin->tv_nsec) / 1000000
           >= NGX_HTTP_MAILPORTAL_LOG_MSECS;
}


ngx_int_t
ngx_http_mailportal_log_id(const char *text, uint64_t *msecs, uint64_t *seq)
{
    char  *end;

    if (*text < '0' || *text > '9') {
        return NGX_ERROR;
    }

    *msecs = strtoull(text, &end, 10);

    if (end[0] != '-' || end[1] < '0' || end[1] > '9') {
        return NGX_ERROR;
    }

    *seq = strtoull(end + 1, &end, 10);

    return *end ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_http_mailportal_log_parse(redisReply *reply,
    ngx_http_mailportal_log_entry_t *entry)
{
    size_t       i;
    redisReply  *fields, *name, *value;

    ngx_memzero(entry, sizeof(ngx_http_mailportal_log_entry_t));

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[1]->type != REDIS_REPLY_ARRAY
        || ngx_http_mailportal_log_id(reply->element[0]->str, &entry->msecs,
                                      &entry->seq)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    fields = reply->element[1];

    for (i = 0; i + 1 < fields->elements; i += 2) {
        name = fields->element[i];
        value = fields->element[i + 1];

        if (name->len != 1 || value->type != REDIS_REPLY_STRING) {
            continue;
        }

        switch (name->str[0]) {

        case 't':
            entry->at = strtoll(value->str, NULL, 10);
            break;

        case 'n':
            entry->whole = strtoull(value->str, NULL, 10);
            break;

        case 'l':
            entry->bytes = value->str;
            entry->len = value->len;
        }
    }

    return entry->bytes ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
ngx_http_mailportal_log_wanted(const ngx_http_mailportal_log_filter_t *filter,
    const ngx_http_mailportal_log_entry_t *entry,
    const struct mp_logline *line)
{
    const u_char  *bytes;

    bytes = (const u_char *) entry->bytes;

    if (line->severity < filter->severity) {
        return 0;
    }

    if (filter->queue_id.len
        && (line->queue_id.len != filter->queue_id.len
            || ngx_memcmp(line->queue_id.bytes, filter->queue_id.data,
                          filter->queue_id.len)
               != 0))
    {
        return 0;
    }

    if (filter->address.len
        && !ngx_http_mailportal_log_names(bytes, entry->len,
                                          &filter->address))
    {
        return 0;
    }

    return filter->q.len == 0
           || ngx_http_mailportal_log_find(bytes, bytes + entry->len,
                                           &filter->q);
}


/* in any case; what is found may have NULs, which end a text of nginx */

static u_char *
ngx_http_mailportal_log_find(const u_char *bytes, const u_char *last,
    const ngx_str_t *text)
{
    size_t   i;
    u_char  *p;

    p = (u_char *) bytes;

    while ((size_t) (last - p) >= text->len) {
        p = ngx_strlcasestrn(p, (u_char *) last, text->data, text->len - 1);
        if (p == NULL) {
            return NULL;
        }

        for (i = 0; i < text->len; i++) {
            if (ngx_tolower(p[i]) != ngx_tolower(text->data[i])) {
                break;
            }
        }

        if (i == text->len) {
            return p;
        }

        p++;
    }

    return NULL;
}


/* "a@b.c" is not named by "aa@b.c" or "a@b.c.d" */

static ngx_uint_t
ngx_http_mailportal_log_names(const u_char *bytes, size_t len,
    const ngx_str_t *address)
{
    const u_char  *p, *last, *end;

    last = bytes + len;

    for (p = bytes; /* void */; p++) {
        p = ngx_http_mailportal_log_find(p, last, address);
        if (p == NULL) {
            return 0;
        }

        end = p + address->len;

        if ((p == bytes || !ngx_http_mailportal_log_is_address(p[-1]))
            && (end == last || !ngx_http_mailportal_log_is_address(*end)
                || (*end == '.' && (end + 1 == last
                    || !ngx_http_mailportal_log_is_address(end[1])))))
        {
            return 1;
        }
    }
}


static ngx_uint_t
ngx_http_mailportal_log_is_address(u_char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c >= 0x80
           || (c && ngx_strchr("._+-@%!#$&'*/?^`{|}~", c));
}


void
ngx_http_mailportal_log_render(struct mp_json *json, const char *node,
    const ngx_http_mailportal_log_entry_t *entry,
    const struct mp_logline *line)
{
    char  text[64];

    (void) snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64, entry->msecs,
                    entry->seq);

    mp_json_object(json, NULL);
    mp_json_text(json, "id", text);
    mp_json_text(json, "node", node);

    mp_time_format(text, entry->at);
    mp_json_text(json, "at", text);

    mp_json_bytes(json, "host", line->host.bytes, line->host.len);
    mp_json_bytes(json, "process", line->process.bytes, line->process.len);
    mp_json_bytes(json, "pid", line->pid.bytes, line->pid.len);
    mp_json_text(json, "severity", mp_severity_name(line->severity));
    mp_json_bytes(json, "queue_id", line->queue_id.bytes, line->queue_id.len);
    mp_json_bytes(json, "text", line->text.bytes, line->text.len);
    mp_json_bytes(json, "line", entry->bytes, entry->len);

    if (entry->whole) {
        mp_json_number(json, "length", entry->whole);
    }

    mp_json_bool(json, "cut", entry->whole != 0);
    mp_json_end_object(json);
}
