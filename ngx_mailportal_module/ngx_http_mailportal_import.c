
/*
 * Copyright (C) The mailportal authors
 *
 * Import of a list, an entry a line.  The body comes in pieces; of each piece
 * a slice of lines is parsed, asked about and written before the next, so
 * that an event-loop turn stays short however long the body is.
 */


#include "ngx_http_mailportal_lists.h"
#include "mp_time.h"


#define NGX_HTTP_MAILPORTAL_SLICE     MP_LIST_BATCH   /* cost of a turn */
#define NGX_HTTP_MAILPORTAL_IDN       25       /* cost of a line with IDNA */
#define NGX_HTTP_MAILPORTAL_LINE      1024            /* bytes of a line */
#define NGX_HTTP_MAILPORTAL_SHOWN     256      /* of a line in the report */
#define NGX_HTTP_MAILPORTAL_REPORTED  100000   /* refused lines, at most */


typedef struct {
    const ngx_http_mailportal_list_t  *list;

    u_char                            *pos;    /* of the piece */
    u_char                            *end;

    ngx_uint_t                         line;
    ngx_uint_t                         sliced; /* cost of this slice */
    ngx_uint_t                         added;
    ngx_uint_t                         present;
    ngx_uint_t                         rejected;

    ngx_uint_t                         count;  /* in domain[] */
    ngx_uint_t                         fresh;  /* of them to be written */
    struct mp_domain                  *domain;
    ngx_uint_t                        *number; /* their lines */

    struct mp_json                     report;

    size_t                             rest;   /* of a line, in partial[] */
    u_char                             partial[NGX_HTTP_MAILPORTAL_LINE];

    unsigned                           last:1;
    unsigned                           overlong:1;
} ngx_http_mailportal_import_t;


static ngx_int_t ngx_http_mailportal_import_init(ngx_http_request_t *r,
    ngx_http_mailportal_import_t *import);
static void ngx_http_mailportal_import_cleanup(void *data);
static ngx_int_t ngx_http_mailportal_import_piece(ngx_http_request_t *r,
    u_char *bytes, size_t len, ngx_uint_t last);
static ngx_int_t ngx_http_mailportal_import_slice(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_import_resume(ngx_http_request_t *r);
static void ngx_http_mailportal_import_lines(
    ngx_http_mailportal_import_t *import);
static void ngx_http_mailportal_import_keep(
    ngx_http_mailportal_import_t *import, u_char *pos, size_t len);
static void ngx_http_mailportal_import_line(
    ngx_http_mailportal_import_t *import, u_char *pos, size_t len);
static ngx_uint_t ngx_http_mailportal_import_cost(const u_char *pos,
    size_t len);
static void ngx_http_mailportal_import_reject(
    ngx_http_mailportal_import_t *import, ngx_uint_t line, const u_char *text,
    size_t len, const char *reason);
static ngx_int_t ngx_http_mailportal_import_ask(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_import_write(ngx_http_request_t *r,
    redisReply *reply);
static ngx_uint_t ngx_http_mailportal_import_sort(
    ngx_http_mailportal_import_t *import, redisReply *own, redisReply *other);
static void ngx_http_mailportal_import_commands(ngx_http_request_t *r,
    ngx_http_mailportal_import_t *import, struct mp_cmd cmds[3]);
static ngx_int_t ngx_http_mailportal_import_written(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_import_done(ngx_http_request_t *r);


ngx_int_t
ngx_http_mailportal_import_post(ngx_http_request_t *r)
{
    ngx_http_mailportal_ctx_t     *ctx;
    ngx_http_mailportal_import_t  *import;

    ctx = ngx_http_mailportal_ctx(r);

    import = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_import_t));
    if (import == NULL) {
        return NGX_ERROR;
    }

    ctx->data = import;

    import->list = ngx_http_mailportal_list_find(&ctx->param[0]);
    if (import->list == NULL) {
        return ngx_http_mailportal_fail(r, MP_NOT_FOUND, NULL,
                                "the lists are whitelist and blacklist");
    }

    if (ngx_http_mailportal_import_init(r, import) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mailportal_body(r, ctx->route->max,
                                    ngx_http_mailportal_import_piece);
}


static ngx_int_t
ngx_http_mailportal_import_init(ngx_http_request_t *r,
    ngx_http_mailportal_import_t *import)
{
    ngx_pool_cleanup_t  *cln;

    import->domain = ngx_palloc(r->pool, NGX_HTTP_MAILPORTAL_SLICE
                                         * sizeof(struct mp_domain));
    import->number = ngx_palloc(r->pool, NGX_HTTP_MAILPORTAL_SLICE
                                         * sizeof(ngx_uint_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (import->domain == NULL || import->number == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_mailportal_import_cleanup;
    cln->data = import;

    /* the report grows with the lines, so it is the document's first member */

    mp_json_init(&import->report);
    mp_json_object(&import->report, NULL);
    mp_json_array(&import->report, "rejected");

    return NGX_OK;
}


static void
ngx_http_mailportal_import_cleanup(void *data)
{
    ngx_http_mailportal_import_t *import = data;

    mp_json_free(&import->report);
}


static ngx_int_t
ngx_http_mailportal_import_piece(ngx_http_request_t *r, u_char *bytes,
    size_t len, ngx_uint_t last)
{
    ngx_http_mailportal_ctx_t     *ctx;
    ngx_http_mailportal_import_t  *import;

    ctx = ngx_http_mailportal_ctx(r);
    import = ctx->data;

    import->pos = bytes;
    import->end = bytes + len;
    import->last = last;

    return ngx_http_mailportal_import_slice(r);
}


/* NGX_OK: the piece is eaten up and there are more */

static ngx_int_t
ngx_http_mailportal_import_slice(ngx_http_request_t *r)
{
    ngx_http_mailportal_ctx_t     *ctx;
    ngx_http_mailportal_import_t  *import;

    ctx = ngx_http_mailportal_ctx(r);
    import = ctx->data;

    ngx_http_mailportal_import_lines(import);

    if (import->sliced >= NGX_HTTP_MAILPORTAL_SLICE) {
        return ngx_http_mailportal_import_ask(r);
    }

    if (!import->last) {
        return NGX_OK;
    }

    return import->count ? ngx_http_mailportal_import_ask(r)
                         : ngx_http_mailportal_import_done(r);
}


static ngx_int_t
ngx_http_mailportal_import_resume(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_mailportal_ctx_t     *ctx;
    ngx_http_mailportal_import_t  *import;

    ctx = ngx_http_mailportal_ctx(r);
    import = ctx->data;

    import->count = 0;
    import->sliced = 0;

    rc = ngx_http_mailportal_import_slice(r);

    return rc == NGX_OK ? ngx_http_mailportal_body_resume(r) : rc;
}


static void
ngx_http_mailportal_import_lines(ngx_http_mailportal_import_t *import)
{
    u_char  *p;

    while (import->pos < import->end
           && import->sliced < NGX_HTTP_MAILPORTAL_SLICE)
    {
        p = memchr(import->pos, '\n', import->end - import->pos);

        if (p == NULL) {
            ngx_http_mailportal_import_keep(import, import->pos,
                                            import->end - import->pos);
            import->pos = import->end;
            break;
        }

        if (import->rest || import->overlong) {
            ngx_http_mailportal_import_keep(import, import->pos,
                                            p - import->pos);
            ngx_http_mailportal_import_line(import, import->partial,
                                            import->rest);

        } else {
            ngx_http_mailportal_import_line(import, import->pos,
                                            p - import->pos);
        }

        import->pos = p + 1;
    }

    /* the last line may do without its end */

    if (import->last && import->pos == import->end
        && import->sliced < NGX_HTTP_MAILPORTAL_SLICE
        && (import->rest || import->overlong))
    {
        ngx_http_mailportal_import_line(import, import->partial,
                                        import->rest);
    }
}


/* keeps the beginning of a line that goes on in the next piece */

static void
ngx_http_mailportal_import_keep(ngx_http_mailportal_import_t *import,
    u_char *pos, size_t len)
{
    size_t  room;

    room = NGX_HTTP_MAILPORTAL_LINE - import->rest;

    if (len > room) {
        import->overlong = 1;
        len = room;
    }

    ngx_memcpy(import->partial + import->rest, pos, len);
    import->rest += len;
}


static void
ngx_http_mailportal_import_line(ngx_http_mailportal_import_t *import,
    u_char *pos, size_t len)
{
    ngx_uint_t         overlong;
    struct mp_error    err;
    struct mp_domain  *domain;

    overlong = import->overlong || len > NGX_HTTP_MAILPORTAL_LINE;

    import->overlong = 0;
    import->rest = 0;
    import->line++;
    import->sliced += ngx_http_mailportal_import_cost(pos, len);

    /* what some editors put before the first line */

    if (import->line == 1 && len >= 3
        && ngx_memcmp(pos, "\xef\xbb\xbf", 3) == 0)
    {
        pos += 3;
        len -= 3;
    }

    while (len && (*pos == ' ' || *pos == '\t')) {
        pos++;
        len--;
    }

    while (len && (pos[len - 1] == ' ' || pos[len - 1] == '\t'
                   || pos[len - 1] == '\r'))
    {
        len--;
    }

    if (!overlong && (len == 0 || *pos == '#')) {
        return;
    }

    if (overlong) {
        ngx_http_mailportal_import_reject(import, import->line, pos, len,
                                          "the line is too long");
        return;
    }

    domain = &import->domain[import->count];

    if (mp_domain_parse(domain, (const char *) pos, len, &err) != MP_OK) {
        ngx_http_mailportal_import_reject(import, import->line, pos, len,
                                          err.text);
        return;
    }

    import->number[import->count++] = import->line;
}


/* a line costs a microsecond, but some 50 when libidn2 has to look at it */

static ngx_uint_t
ngx_http_mailportal_import_cost(const u_char *pos, size_t len)
{
    const u_char  *last;

    for (last = pos + len; pos < last; pos++) {
        if (*pos >= 0x80) {
            return NGX_HTTP_MAILPORTAL_IDN;
        }
    }

    return 1;
}


static void
ngx_http_mailportal_import_reject(ngx_http_mailportal_import_t *import,
    ngx_uint_t line, const u_char *text, size_t len, const char *reason)
{
    if (import->rejected++ >= NGX_HTTP_MAILPORTAL_REPORTED) {
        return;
    }

    mp_json_object(&import->report, NULL);
    mp_json_number(&import->report, "line", line);
    mp_json_bytes(&import->report, "text", (const char *) text,
                  ngx_min(len, NGX_HTTP_MAILPORTAL_SHOWN));
    mp_json_text(&import->report, "reason", reason);
    mp_json_end_object(&import->report);
}


/*
 * A slice without an entry asks too: the answer comes in another turn of the
 * event loop, and a stream that went away ends the import.
 */

static ngx_int_t
ngx_http_mailportal_import_ask(ngx_http_request_t *r)
{
    ngx_uint_t                         i, n;
    struct mp_cmd                      cmds[3];
    ngx_http_mailportal_ctx_t         *ctx;
    ngx_http_mailportal_import_t      *import;
    const ngx_http_mailportal_list_t  *other;

    ctx = ngx_http_mailportal_ctx(r);
    import = ctx->data;
    other = ngx_http_mailportal_list_other(import->list);

    ngx_http_mailportal_list_head_command(&cmds[0]);

    mp_cmd_init(&cmds[1]);
    mp_cmd_texts(&cmds[1], "SMISMEMBER", mp_key(import->list->set), NULL);

    mp_cmd_init(&cmds[2]);
    mp_cmd_texts(&cmds[2], "SMISMEMBER", mp_key(other->set), NULL);

    for (i = 0; i < import->count; i++) {
        for (n = 1; n < 3; n++) {
            mp_cmd_add(&cmds[n], import->domain[i].text,
                       import->domain[i].len);
        }
    }

    if (import->count == 0) {
        for (n = 1; n < 3; n++) {
            mp_cmd_text(&cmds[n], "");
        }
    }

    return ngx_http_mailportal_op(r, cmds, 3, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_import_write);
}


static ngx_int_t
ngx_http_mailportal_import_write(ngx_http_request_t *r, redisReply *reply)
{
    char                           id[32];
    enum mp_status                 status;
    struct mp_cmd                  cmds[3];
    struct mp_error                err;
    ngx_http_mailportal_ctx_t     *ctx;
    ngx_http_mailportal_import_t  *import;

    ctx = ngx_http_mailportal_ctx(r);
    import = ctx->data;

    status = ngx_http_mailportal_list_head(reply->element[0], id, &err);
    if (status != MP_OK) {
        return ngx_http_mailportal_fail_error(r, status, &err);
    }

    if (reply->element[1]->elements < import->count
        || reply->element[2]->elements < import->count)
    {
        return ngx_http_mailportal_fail(r, MP_INTERNAL, NULL,
                                        "Redis does not know its sets");
    }

    import->fresh = ngx_http_mailportal_import_sort(import, reply->element[1],
                                                    reply->element[2]);

    if (import->fresh == 0) {
        return ngx_http_mailportal_import_resume(r);
    }

    ngx_http_mailportal_import_commands(r, import, cmds);

    return ngx_http_mailportal_op(r, cmds, 3, NGX_HTTP_MAILPORTAL_WRITE,
                                  ngx_http_mailportal_import_written);
}


/* moves what is to be written to the front of domain[] and counts it */

static ngx_uint_t
ngx_http_mailportal_import_sort(ngx_http_mailportal_import_t *import,
    redisReply *own, redisReply *other)
{
    char               reason[64];
    ngx_uint_t         i, n;
    struct mp_domain  *domain;

    (void) ngx_snprintf((u_char *) reason, sizeof(reason),
                        "it is on the %V%Z",
                        &ngx_http_mailportal_list_other(import->list)->name);

    for (i = 0, n = 0; i < import->count; i++) {
        domain = &import->domain[i];

        if (ngx_http_mailportal_reply_number(other->element[i])) {
            ngx_http_mailportal_import_reject(import, import->number[i],
                                              (u_char *) domain->text,
                                              domain->len, reason);

        } else if (ngx_http_mailportal_reply_number(own->element[i])) {
            import->present++;

        } else if (n++ < i) {
            ngx_memcpy(&import->domain[n - 1], domain,
                       sizeof(struct mp_domain));
        }
    }

    return n;
}


static void
ngx_http_mailportal_import_commands(ngx_http_request_t *r,
    ngx_http_mailportal_import_t *import, struct mp_cmd cmds[3])
{
    char                        at[MP_TIME_SIZE];
    char                       *domains, *p;
    ngx_uint_t                  i;
    struct mp_json              info;
    struct mp_domain           *domain;
    struct mp_list_change       change;
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);

    for (i = 0; i < 3; i++) {
        mp_cmd_init(&cmds[i]);
    }

    mp_time_format(at, ngx_time());

    mp_json_init(&info);
    mp_json_object(&info, NULL);
    mp_json_text(&info, "by", ctx->session.user);
    mp_json_text(&info, "at", at);
    mp_json_end_object(&info);

    domains = malloc(import->fresh * (MP_DOMAIN_MAX + 1));

    if (domains == NULL || !info.ok) {
        cmds[0].ok = false;
        mp_json_free(&info);
        free(domains);
        return;
    }

    mp_cmd_texts(&cmds[0], "SADD", mp_key(import->list->set), NULL);
    mp_cmd_texts(&cmds[1], "HSET", mp_key(import->list->info), NULL);

    p = domains;

    for (i = 0; i < import->fresh; i++) {
        domain = &import->domain[i];

        mp_cmd_add(&cmds[0], domain->text, domain->len);
        mp_cmd_add(&cmds[1], domain->text, domain->len);
        mp_cmd_add(&cmds[1], info.bytes, info.len);

        if (i > 0) {
            *p++ = '\n';
        }

        p = (char *) ngx_cpymem(p, domain->text, domain->len);
    }

    ngx_memzero(&change, sizeof(struct mp_list_change));

    change.op = MP_LIST_ADD;
    change.kind = import->list->kind;
    change.domains = domains;
    change.domains_len = p - domains;

    mp_list_change_command(&cmds[2], &change, ctx->session.user, at,
                    (const char *) ngx_http_mailportal_request_id(r)->data);

    mp_json_free(&info);
    free(domains);
}


static ngx_int_t
ngx_http_mailportal_import_written(ngx_http_request_t *r, redisReply *reply)
{
    ngx_uint_t                     added;
    ngx_http_mailportal_ctx_t     *ctx;
    ngx_http_mailportal_import_t  *import;

    ctx = ngx_http_mailportal_ctx(r);
    import = ctx->data;

    if (reply->element[2]->type != REDIS_REPLY_STRING) {
        return ngx_http_mailportal_fail(r, MP_REGRESSED, NULL,
                                "the change stream of the lists is gone");
    }

    /* a name that stands twice in a slice is added once */

    added = (ngx_uint_t) ngx_http_mailportal_reply_number(reply->element[0]);
    added = ngx_min(added, import->fresh);

    import->added += added;
    import->present += import->fresh - added;

    return ngx_http_mailportal_import_resume(r);
}


static ngx_int_t
ngx_http_mailportal_import_done(ngx_http_request_t *r)
{
    char                           target[64];
    struct mp_json                 json;
    ngx_http_mailportal_ctx_t     *ctx;
    ngx_http_mailportal_import_t  *import;

    ctx = ngx_http_mailportal_ctx(r);
    import = ctx->data;

    if (import->added + import->present + import->rejected == 0) {
        return ngx_http_mailportal_fail(r, MP_INVALID, NULL,
                        "there is no entry in it: one domain a line");
    }

    if (import->added) {
        (void) ngx_snprintf((u_char *) target, sizeof(target),
                            "%V: %ui entries%Z", &import->list->name,
                            import->added);
        ngx_http_mailportal_audit(r, "list-import", target, MP_OK);
    }

    json = import->report;
    mp_json_init(&import->report);

    mp_json_end_array(&json);
    mp_json_number(&json, "added", import->added);
    mp_json_number(&json, "already_present", import->present);
    mp_json_number(&json, "rejected_count", import->rejected);
    mp_json_bool(&json, "truncated",
                 import->rejected > NGX_HTTP_MAILPORTAL_REPORTED);
    mp_json_end_object(&json);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}
