
/*
 * Copyright (C) The mailportal authors
 *
 * What would happen to a message, and by which rule: the functions that the
 * milter runs, on what Redis holds at this moment.
 */


#include "ngx_http_mailportal_lists.h"
#include "mp_address.h"
#include "mp_verdict.h"


typedef struct {
    ngx_str_t           sender;
    struct mp_domain    domain;
    unsigned char       starts[MP_DOMAIN_LABELS];
    unsigned int        count;
    int32_t             score;
    unsigned            scored:1;

    struct mp_match     match;
    struct mp_decision  decision;
    uint64_t            settings;
    char                lists[32];
} ngx_http_mailportal_explain_t;


static enum mp_status ngx_http_mailportal_explain_args(ngx_http_request_t *r,
    ngx_http_mailportal_explain_t *explain, struct mp_error *err);
static ngx_uint_t ngx_http_mailportal_explain_number(const ngx_str_t *text);
static ngx_int_t ngx_http_mailportal_explain_ask(ngx_http_request_t *r,
    ngx_http_mailportal_explain_t *explain);
static ngx_int_t ngx_http_mailportal_explain_read(ngx_http_request_t *r,
    redisReply *reply);
static void ngx_http_mailportal_explain_match(
    ngx_http_mailportal_explain_t *explain, redisReply *reply);
static ngx_uint_t ngx_http_mailportal_explain_in(redisReply *members,
    redisReply *expires, size_t i, size_t n);
static ngx_uint_t ngx_http_mailportal_explain_settings(ngx_http_request_t *r,
    redisReply *reply, struct mp_version *version);
static ngx_int_t ngx_http_mailportal_explain_send(ngx_http_request_t *r,
    ngx_http_mailportal_explain_t *explain);
static const char *ngx_http_mailportal_explain_reply(enum mp_verdict verdict);
static const char *ngx_http_mailportal_explain_text(
    ngx_http_mailportal_explain_t *explain);


ngx_int_t
ngx_http_mailportal_explain_get(ngx_http_request_t *r)
{
    enum mp_status                  status;
    struct mp_error                 err;
    ngx_http_mailportal_ctx_t      *ctx;
    ngx_http_mailportal_explain_t  *explain;

    ctx = ngx_http_mailportal_ctx(r);

    explain = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_explain_t));
    if (explain == NULL) {
        return NGX_ERROR;
    }

    ctx->data = explain;

    status = ngx_http_mailportal_explain_args(r, explain, &err);
    if (status != MP_OK) {
        return ngx_http_mailportal_fail_error(r, status, &err);
    }

    mp_address_domain(&explain->domain, NULL, 0,
                      (const char *) explain->sender.data,
                      explain->sender.len);

    if (explain->domain.len) {
        explain->count = mp_domain_suffixes(&explain->domain,
                                            explain->starts);
    }

    return ngx_http_mailportal_explain_ask(r, explain);
}


static enum mp_status
ngx_http_mailportal_explain_args(ngx_http_request_t *r,
    ngx_http_mailportal_explain_t *explain, struct mp_error *err)
{
    ngx_str_t  score;

    if (ngx_http_mailportal_arg(r, "sender", &explain->sender) != NGX_OK) {
        return mp_fail(err, MP_INVALID, "sender",
                       "is needed: an envelope address, or <> for none");
    }

    if (explain->sender.len > 1000) {
        return mp_fail(err, MP_INVALID, "sender",
                       "longer than an address can be");
    }

    if (ngx_http_mailportal_arg(r, "score", &score) != NGX_OK
        || score.len == 0)
    {
        return MP_OK;
    }

    /* the text ends with a NUL */

    if (!ngx_http_mailportal_explain_number(&score)
        || !mp_score_parse(&explain->score,
                           strtod((const char *) score.data, NULL)))
    {
        return mp_fail(err, MP_INVALID, "score",
                       "must be a number as 4 or 3.99");
    }

    explain->scored = 1;

    return MP_OK;
}


/* strtod() alone would take nan, hex and blanks */

static ngx_uint_t
ngx_http_mailportal_explain_number(const ngx_str_t *text)
{
    size_t      i;
    ngx_uint_t  digits, dots;

    digits = 0;
    dots = 0;

    for (i = text->data[0] == '-'; i < text->len; i++) {

        if (text->data[i] >= '0' && text->data[i] <= '9') {
            digits++;

        } else if (text->data[i] != '.' || dots++) {
            return 0;
        }
    }

    return digits > 0 && digits < 16;
}


static ngx_int_t
ngx_http_mailportal_explain_ask(ngx_http_request_t *r,
    ngx_http_mailportal_explain_t *explain)
{
    char           member[MP_DOMAIN_MAX + 8];
    const char    *suffix;
    ngx_uint_t     i, n;
    struct mp_cmd  cmds[5];

    for (i = 0; i < 5; i++) {
        mp_cmd_init(&cmds[i]);
    }

    mp_cmd_texts(&cmds[0], "XREVRANGE", mp_key(MP_KEY_SETTINGS), "+", "-",
                 "COUNT", "1", NULL);
    ngx_http_mailportal_list_head_command(&cmds[1]);

    if (explain->count == 0) {
        return ngx_http_mailportal_op(r, cmds, 2, NGX_HTTP_MAILPORTAL_READ,
                                      ngx_http_mailportal_explain_read);
    }

    mp_cmd_texts(&cmds[2], "SMISMEMBER", mp_key(MP_KEY_WHITE), NULL);
    mp_cmd_texts(&cmds[3], "SMISMEMBER", mp_key(MP_KEY_BLACK), NULL);
    mp_cmd_texts(&cmds[4], "ZMSCORE", mp_key(MP_KEY_LIST_EXPIRES), NULL);

    for (n = 0; n < 2; n++) {
        for (i = 0; i < explain->count; i++) {
            suffix = explain->domain.text + explain->starts[i];

            (void) ngx_snprintf((u_char *) member, sizeof(member), "%s:%s%Z",
                                n == 0 ? "white" : "black", suffix);

            mp_cmd_text(&cmds[2 + n], suffix);
            mp_cmd_text(&cmds[4], member);
        }
    }

    return ngx_http_mailportal_op(r, cmds, 5, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_explain_read);
}


static ngx_int_t
ngx_http_mailportal_explain_read(ngx_http_request_t *r, redisReply *reply)
{
    enum mp_status                  status;
    struct mp_error                 err;
    struct mp_version               version;
    ngx_http_mailportal_ctx_t      *ctx;
    ngx_http_mailportal_explain_t  *explain;

    ctx = ngx_http_mailportal_ctx(r);
    explain = ctx->data;

    if (!ngx_http_mailportal_explain_settings(r, reply->element[0], &version))
    {
        return ngx_http_mailportal_fail(r, MP_REGRESSED, NULL,
                                        "there are no settings");
    }

    status = ngx_http_mailportal_list_head(reply->element[1], explain->lists,
                                           &err);
    if (status != MP_OK) {
        return ngx_http_mailportal_fail_error(r, status, &err);
    }

    explain->settings = version.number;

    ngx_http_mailportal_explain_match(explain, reply);

    if (mp_verdict_needs_score(&explain->decision, explain->match.kind)) {

        if (explain->scored) {
            explain->decision = mp_verdict_of_score(&version.set,
                                                    explain->score);

        } else {
            explain->decision.verdict = MP_PASS;
            explain->decision.rule = MP_RULE_UNSCORED;
        }
    }

    return ngx_http_mailportal_explain_send(r, explain);
}


static void
ngx_http_mailportal_explain_match(ngx_http_mailportal_explain_t *explain,
    redisReply *reply)
{
    size_t         i, n;
    redisReply    *white, *black, *expires;
    unsigned char  kinds[MP_DOMAIN_LABELS];

    n = explain->count;
    explain->match.kind = MP_LIST_NONE;

    if (n == 0) {
        return;
    }

    white = reply->element[2];
    black = reply->element[3];
    expires = reply->element[4];

    for (i = 0; i < n; i++) {
        kinds[i] = MP_LIST_NONE;

        if (ngx_http_mailportal_explain_in(white, expires, i, 0)) {
            kinds[i] |= MP_LIST_WHITE;
        }

        if (ngx_http_mailportal_explain_in(black, expires, i, n)) {
            kinds[i] |= MP_LIST_BLACK;
        }
    }

    explain->match = mp_match_pick(explain->starts, kinds, explain->count);
}


/* an entry that has expired is none, although nobody has removed it yet */

static ngx_uint_t
ngx_http_mailportal_explain_in(redisReply *members, redisReply *expires,
    size_t i, size_t n)
{
    int64_t  at;

    if (i >= members->elements
        || !ngx_http_mailportal_reply_number(members->element[i]))
    {
        return 0;
    }

    if (n + i >= expires->elements) {
        return 1;
    }

    at = ngx_http_mailportal_reply_number(expires->element[n + i]);

    return at == 0 || at > (int64_t) ngx_time();
}


static ngx_uint_t
ngx_http_mailportal_explain_settings(ngx_http_request_t *r, redisReply *reply,
    struct mp_version *version)
{
    struct mp_error                        err;
    const ngx_http_mailportal_snapshot_t  *snapshot;

    if (reply->elements == 1
        && mp_version_parse(version, reply->element[0], &err) == MP_OK)
    {
        return 1;
    }

    /* gone, or not what we wrote: what is in force goes on */

    snapshot = ngx_http_mailportal_snapshot();

    ngx_http_mailportal_ctx(r)->stale = 1;
    *version = snapshot->version;

    return version->number != 0;
}


static ngx_int_t
ngx_http_mailportal_explain_send(ngx_http_request_t *r,
    ngx_http_mailportal_explain_t *explain)
{
    ngx_uint_t         matched;
    struct mp_json     json;
    enum mp_list_kind  kind;

    kind = explain->match.kind;
    matched = kind != MP_LIST_NONE;

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_bytes(&json, "sender", (const char *) explain->sender.data,
                  explain->sender.len);
    mp_json_text(&json, "domain", explain->domain.len ? explain->domain.text
                                                      : NULL);
    mp_json_text(&json, "list", matched ? mp_list_kind_name(kind) : NULL);
    mp_json_text(&json, "entry",
                 matched ? explain->domain.text + explain->match.start : NULL);

    if (explain->scored) {
        mp_json_hundredths(&json, "score", explain->score);

    } else {
        mp_json_null(&json, "score");
    }

    mp_json_text(&json, "verdict", mp_verdict_name(explain->decision.verdict));
    mp_json_text(&json, "rule", mp_rule_name(explain->decision.rule));
    mp_json_text(&json, "reply",
             ngx_http_mailportal_explain_reply(explain->decision.verdict));
    mp_json_text(&json, "text", ngx_http_mailportal_explain_text(explain));
    mp_json_number(&json, "settings", (int64_t) explain->settings);
    mp_json_text(&json, "lists", explain->lists);
    mp_json_end_object(&json);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}


static const char *
ngx_http_mailportal_explain_reply(enum mp_verdict verdict)
{
    switch (verdict) {
    case MP_REJECT:
        return "550 5.7.1";
    case MP_DEFER:
        return "451 4.7.1";
    case MP_PASS:
    case MP_JUNK:
        return "250 2.0.0";
    }

    return "250 2.0.0";
}


static const char *
ngx_http_mailportal_explain_text(ngx_http_mailportal_explain_t *explain)
{
    switch (explain->decision.rule) {
    case MP_RULE_TRUSTED:
        return "The client is trusted: delivered without a check.";
    case MP_RULE_BLACKLIST:
        return "The sender's domain is on the blacklist: refused.";
    case MP_RULE_WHITELIST:
        return "The sender's domain is on the whitelist: delivered without "
               "scoring.";
    case MP_RULE_PRE_RESULT:
        return "The score source refuses it, whatever the score.";
    case MP_RULE_REJECT:
        return "The score is at or above the level of refusal.";
    case MP_RULE_ADD_HEADER:
        return "The score is at or above the level of Junk: delivered into "
               "Junk.";
    case MP_RULE_DEFER:
        return "The score is at or above the level of deferral: asked to try "
               "again once, then delivered.";
    case MP_RULE_BELOW:
        return "The score is below all levels: delivered.";
    case MP_RULE_UNSCORED:
        return explain->domain.len
                   ? "No list has the sender's domain; the score decides."
                   : "No list can have this sender; the score decides.";
    }

    return "";
}
