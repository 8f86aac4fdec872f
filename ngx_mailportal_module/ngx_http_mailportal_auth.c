
/*
 * Copyright (C) The mailportal authors
 *
 * Who asks: the cookie, its session in Redis, and whether the request comes
 * from the portal's own pages.
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_redis.h"
#include "ngx_http_mailportal_zone.h"

#include <sodium.h>


/* how long a session is believed, for reading only, while Redis is away */
#define NGX_HTTP_MAILPORTAL_BELIEVE  300
#define NGX_HTTP_MAILPORTAL_RENEW    60


static ngx_int_t ngx_http_mailportal_auth_command(ngx_str_t *command,
    const char *id);
static ngx_int_t ngx_http_mailportal_auth_reply(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_auth_refuse(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_auth_believe(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_auth_parse(redisReply *reply,
    ngx_http_mailportal_session_t *session);
static ngx_int_t ngx_http_mailportal_auth_time(redisReply *reply,
    time_t *time_r);
static void ngx_http_mailportal_auth_renew(
    ngx_http_mailportal_session_t *session);


ngx_int_t
ngx_http_mailportal_auth(ngx_http_request_t *r,
    ngx_http_mailportal_handler_pt next)
{
    ngx_str_t                   token, command;
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);

    if (ngx_http_mailportal_cookie(r, &token) != NGX_OK) {
        return ngx_http_mailportal_auth_refuse(r);
    }

    ctx->next = next;

    ngx_http_mailportal_session_id(ctx->session.id, &token);

    if (ngx_http_mailportal_auth_command(&command, ctx->session.id) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mailportal_op_formatted(r, &command,
                                            ngx_http_mailportal_auth_reply);
}


/*
 * This is on every request's way, so it is formatted once, and then only the
 * id of the session, which always has the same length, is put in.
 */

static ngx_int_t
ngx_http_mailportal_auth_command(ngx_str_t *command, const char *id)
{
    size_t              len;
    struct mp_cmd       cmd;
    struct mp_keyname   key;

    static char  *bytes, *where;
    static int    size;

    if (bytes == NULL) {
        (void) mp_key_name(&key, MP_KEY_SESSION, id);

        mp_cmd_init(&cmd);
        mp_cmd_texts(&cmd, "HMGET", key.text, "user", "role", "created",
                     "seen", "settings", NULL);

        size = mp_cmd_argv(&cmd) == NULL ? -1
               : (int) redisFormatCommandArgv(&bytes, (int) cmd.argc,
                                              cmd.argv, cmd.lens);
        mp_cmd_free(&cmd);

        if (size < 0) {
            bytes = NULL;
            return NGX_ERROR;
        }

        where = memmem(bytes, size, id, ngx_strlen(id));
    }

    len = ngx_strlen(id);

    ngx_memcpy(where, id, len);

    command->data = (u_char *) bytes;
    command->len = size;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mailportal_auth_reply(ngx_http_request_t *r, redisReply *reply)
{
    time_t                          now;
    ngx_http_mailportal_ctx_t      *ctx;
    ngx_http_mailportal_session_t  *session;

    ctx = ngx_http_mailportal_ctx(r);
    session = &ctx->session;
    now = ngx_time();

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        return ngx_http_mailportal_auth_believe(r, reply);
    }

    if (ngx_http_mailportal_auth_parse(reply, session) != NGX_OK
        || now >= session->created + NGX_HTTP_MAILPORTAL_LIFE)
    {
        ngx_http_mailportal_zone_session_forget(session->id);
        return ngx_http_mailportal_auth_refuse(r);
    }

    if (now - session->seen >= NGX_HTTP_MAILPORTAL_RENEW) {
        session->seen = now;
        ngx_http_mailportal_auth_renew(session);
    }

    ngx_http_mailportal_zone_session_keep(session);

    return ctx->next(r);
}


ngx_int_t
ngx_http_mailportal_auth_again(ngx_http_request_t *r,
    ngx_http_mailportal_step_pt step)
{
    ngx_str_t  command;

    if (ngx_http_mailportal_auth_command(&command,
                                 ngx_http_mailportal_ctx(r)->session.id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_mailportal_op_formatted(r, &command, step);
}


ngx_uint_t
ngx_http_mailportal_auth_holds(ngx_http_request_t *r, redisReply *reply)
{
    ngx_http_mailportal_ctx_t      *ctx;
    ngx_http_mailportal_session_t   session;

    ctx = ngx_http_mailportal_ctx(r);

    if (ngx_time() >= ctx->session.created + NGX_HTTP_MAILPORTAL_LIFE) {
        return 0;
    }

    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        return 1;
    }

    ngx_memzero(&session, sizeof(ngx_http_mailportal_session_t));

    return ngx_http_mailportal_auth_parse(reply, &session) == NGX_OK
           && session.role >= ctx->route->role
           && ngx_strcmp(session.user, ctx->session.user) == 0;
}


static ngx_int_t
ngx_http_mailportal_auth_refuse(ngx_http_request_t *r)
{
    if (ngx_http_mailportal_ctx(r)->access) {
        return NGX_HTTP_UNAUTHORIZED;
    }

    return ngx_http_mailportal_fail(r, MP_UNAUTHENTICATED, NULL,
                                    "there is no valid session");
}


/*
 * Redis is away.  What is in force can still be looked at by somebody who was
 * signed in a moment ago; nothing can be changed.
 */

static ngx_int_t
ngx_http_mailportal_auth_believe(ngx_http_request_t *r, redisReply *reply)
{
    time_t                          now, kept;
    ngx_http_mailportal_ctx_t      *ctx;
    ngx_http_mailportal_session_t   session;

    ctx = ngx_http_mailportal_ctx(r);
    now = ngx_time();

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
        || ngx_http_mailportal_zone_session(ctx->session.id, &session, &kept)
           != NGX_OK
        || now - kept > NGX_HTTP_MAILPORTAL_BELIEVE
        || now >= session.created + NGX_HTTP_MAILPORTAL_LIFE)
    {
        return ngx_http_mailportal_redis_fail(r, reply,
                                              NGX_HTTP_MAILPORTAL_READ);
    }

    ctx->session = session;
    ctx->stale = 1;

    return ctx->next(r);
}


static ngx_int_t
ngx_http_mailportal_auth_parse(redisReply *reply,
    ngx_http_mailportal_session_t *session)
{
    time_t       version;
    redisReply  *user, *role;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 5) {
        return NGX_ERROR;
    }

    user = reply->element[0];
    role = reply->element[1];

    if (user->type != REDIS_REPLY_STRING || user->len == 0
        || user->len >= sizeof(session->user)
        || role->type != REDIS_REPLY_STRING
        || ngx_http_mailportal_auth_time(reply->element[2],
                                         &session->created)
           != NGX_OK
        || ngx_http_mailportal_auth_time(reply->element[3], &session->seen)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(session->user, user->str, user->len);
    session->user[user->len] = '\0';

    if (ngx_strcmp(role->str, "MasterAdmin") == 0) {
        session->role = NGX_HTTP_MAILPORTAL_MASTER;

    } else if (ngx_strcmp(role->str, "DomainAdmin") == 0) {
        session->role = NGX_HTTP_MAILPORTAL_DOMAIN;

    } else {
        return NGX_ERROR;
    }

    session->settings = 0;

    if (ngx_http_mailportal_auth_time(reply->element[4], &version) == NGX_OK) {
        session->settings = version;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mailportal_auth_time(redisReply *reply, time_t *time_r)
{
    if (reply->type != REDIS_REPLY_STRING) {
        return NGX_ERROR;
    }

    *time_r = ngx_atotm((u_char *) reply->str, reply->len);

    return *time_r == (time_t) NGX_ERROR ? NGX_ERROR : NGX_OK;
}


/*
 * Nobody waits for it.  Should the session have ended meanwhile, this leaves
 * a hash without a user, which is no session, and goes by itself.
 */

static void
ngx_http_mailportal_auth_renew(ngx_http_mailportal_session_t *session)
{
    time_t             ttl;
    struct mp_cmd      cmd;
    struct mp_keyname  key;

    ttl = session->created + NGX_HTTP_MAILPORTAL_LIFE - session->seen;
    ttl = ngx_min(ttl, NGX_HTTP_MAILPORTAL_IDLE);

    (void) mp_key_name(&key, MP_KEY_SESSION, session->id);

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "HSET", key.text, "seen", NULL);
    mp_cmd_number(&cmd, session->seen);

    (void) ngx_http_mailportal_redis_send(ngx_http_mailportal_redis(), &cmd,
                                          0, NULL, NULL);
    mp_cmd_reset(&cmd);
    mp_cmd_texts(&cmd, "EXPIRE", key.text, NULL);
    mp_cmd_number(&cmd, ttl);

    (void) ngx_http_mailportal_redis_send(ngx_http_mailportal_redis(), &cmd,
                                          0, NULL, NULL);
    mp_cmd_free(&cmd);
}


/*
 * The session remembers the version that it was answered with, before it is
 * answered: the next request may come to another worker.
 */

ngx_int_t
ngx_http_mailportal_remember(ngx_http_request_t *r, uint64_t version,
    ngx_http_mailportal_step_pt step)
{
    time_t                          ttl;
    struct mp_cmd                   cmds[2];
    struct mp_keyname               key;
    ngx_http_mailportal_session_t  *session;

    session = &ngx_http_mailportal_ctx(r)->session;

    if (version <= session->settings) {
        return step(r, NULL);
    }

    session->settings = version;
    ngx_http_mailportal_zone_session_keep(session);

    ttl = session->created + NGX_HTTP_MAILPORTAL_LIFE - ngx_time();
    ttl = ngx_max(1, ngx_min(ttl, NGX_HTTP_MAILPORTAL_IDLE));

    (void) mp_key_name(&key, MP_KEY_SESSION, session->id);

    mp_cmd_init(&cmds[0]);
    mp_cmd_texts(&cmds[0], "HSET", key.text, "settings", NULL);
    mp_cmd_number(&cmds[0], (long long) version);

    mp_cmd_init(&cmds[1]);
    mp_cmd_texts(&cmds[1], "EXPIRE", key.text, NULL);
    mp_cmd_number(&cmds[1], ttl);

    return ngx_http_mailportal_op(r, cmds, 2, NGX_HTTP_MAILPORTAL_RAW, step);
}


ngx_int_t
ngx_http_mailportal_cookie(ngx_http_request_t *r, ngx_str_t *token_r)
{
    ngx_str_t  name = ngx_string(NGX_HTTP_MAILPORTAL_COOKIE);

#if (nginx_version >= 1023000)

    if (ngx_http_parse_multi_header_lines(r, r->headers_in.cookie, &name,
                                          token_r)
        == NULL)
    {
        return NGX_DECLINED;
    }

#else

    if (ngx_http_parse_multi_header_lines(&r->headers_in.cookies, &name,
                                          token_r)
        == NGX_DECLINED)
    {
        return NGX_DECLINED;
    }

#endif

    return token_r->len == NGX_HTTP_MAILPORTAL_TOKEN ? NGX_OK : NGX_DECLINED;
}


/* Redis knows only the hash of a token: a copy of its data opens nothing */

void
ngx_http_mailportal_session_id(char id_r[65], ngx_str_t *token)
{
    u_char  hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, token->data, token->len);

    *ngx_hex_dump((u_char *) id_r, hash, sizeof(hash)) = '\0';
}


ngx_uint_t
ngx_http_mailportal_same_site(ngx_http_request_t *r)
{
    u_char      *p;
    ngx_str_t   *site, *origin, scheme;
    ngx_uint_t   n;

    site = ngx_http_mailportal_find_header(r, "Sec-Fetch-Site", 14, &n);

    if (site) {
        return n == 1 && site->len == 11
               && ngx_memcmp(site->data, "same-origin", 11) == 0;
    }

    origin = ngx_http_mailportal_find_header(r, "Origin", 6, &n);

    if (origin == NULL || n != 1 || r->headers_in.host == NULL) {
        return 0;
    }

    ngx_str_set(&scheme, "http://");

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        ngx_str_set(&scheme, "https://");
    }
#endif

    p = origin->data + scheme.len;

    return origin->len == scheme.len + r->headers_in.host->value.len
           && ngx_memcmp(origin->data, scheme.data, scheme.len) == 0
           && ngx_strncasecmp(p, r->headers_in.host->value.data,
                              r->headers_in.host->value.len)
              == 0;
}


ngx_str_t *
ngx_http_mailportal_find_header(ngx_http_request_t *r, const char *name,
    size_t len, ngx_uint_t *n)
{
    ngx_str_t        *found;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    found = NULL;
    *n = 0;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return found;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == len
            && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
        {
            found = &h[i].value;
            (*n)++;
        }
    }
}
