
/*
 * Copyright (C) The mailportal authors
 *
 * Signing in and out.
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_redis.h"
#include "ngx_http_mailportal_zone.h"

#include "mp_password.h"
#include "mp_time.h"

#include <sodium.h>


#define NGX_HTTP_MAILPORTAL_ATTEMPTS  5        /* of an account */


typedef struct {
    char                             hash[MP_PASSWORD_HASH];
    char                             password[MP_PASSWORD_MAX + 1];
    size_t                           len;
    bool                             known;    /* and may sign in */
    bool                             right;

    char                             name[65];
    ngx_http_mailportal_role_e       role;
    char                             token[NGX_HTTP_MAILPORTAL_TOKEN + 1];
} ngx_http_mailportal_signin_t;


static ngx_int_t ngx_http_mailportal_signin_read(ngx_http_request_t *r,
    ngx_http_mailportal_signin_t *s);
static ngx_int_t ngx_http_mailportal_signin_account(ngx_http_request_t *r,
    redisReply *reply);
static void ngx_http_mailportal_signin_find(ngx_http_request_t *r,
    ngx_http_mailportal_signin_t *s, redisReply *account);
static void ngx_http_mailportal_signin_verify(void *data);
static ngx_int_t ngx_http_mailportal_signin_verified(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_signin_create(ngx_http_request_t *r,
    ngx_http_mailportal_signin_t *s);
static ngx_int_t ngx_http_mailportal_signin_created(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_signed_out(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_set_cookie(ngx_http_request_t *r,
    const char *token);
static void ngx_http_mailportal_wipe(void *data);


ngx_int_t
ngx_http_mailportal_session_get(ngx_http_request_t *r)
{
    char                            at[MP_TIME_SIZE];
    struct mp_json                  json;
    ngx_http_mailportal_session_t  *session;

    session = &ngx_http_mailportal_ctx(r)->session;

    mp_time_format(at, session->created + NGX_HTTP_MAILPORTAL_LIFE);

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_text(&json, "username", session->user);
    mp_json_text(&json, "role",
                 session->role == NGX_HTTP_MAILPORTAL_MASTER ? "MasterAdmin"
                                                             : "DomainAdmin");
    mp_json_text(&json, "expires_at", at);
    mp_json_end_object(&json);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}


ngx_int_t
ngx_http_mailportal_session_post(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    struct mp_cmd                  cmds[NGX_HTTP_MAILPORTAL_ATTEMPT + 1];
    struct mp_keyname              key;
    ngx_pool_cleanup_t            *cln;
    ngx_http_mailportal_signin_t  *s;

    s = ngx_http_mailportal_thread_data(r,
                                        sizeof(ngx_http_mailportal_signin_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (s == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_mailportal_wipe;
    cln->data = s;

    rc = ngx_http_mailportal_signin_read(r, s);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_mailportal_ctx(r)->work = s;

    (void) mp_key_name(&key, MP_KEY_LOGIN_ACCOUNT, s->name);
    ngx_http_mailportal_attempt(cmds, key.text);

    (void) mp_key_name(&key, MP_KEY_ADMIN, s->name);

    mp_cmd_init(&cmds[NGX_HTTP_MAILPORTAL_ATTEMPT]);
    mp_cmd_texts(&cmds[NGX_HTTP_MAILPORTAL_ATTEMPT], "HMGET", key.text, "role",
                 "hash", "disabled", NULL);

    return ngx_http_mailportal_op(r, cmds, NGX_HTTP_MAILPORTAL_ATTEMPT + 1,
                                  NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_signin_account);
}


static ngx_int_t
ngx_http_mailportal_signin_read(ngx_http_request_t *r,
    ngx_http_mailportal_signin_t *s)
{
    json_t           *body, *username, *password;
    const char       *name;
    struct mp_error   err;

    body = ngx_http_mailportal_ctx(r)->body;
    username = json_object_get(body, "username");
    password = json_object_get(body, "password");

    if (!json_is_string(username)) {
        return ngx_http_mailportal_fail(r, MP_INVALID, "username",
                                        "must be a text");
    }

    if (!json_is_string(password)) {
        return ngx_http_mailportal_fail(r, MP_INVALID, "password",
                                        "must be a text");
    }

    if (json_object_size(body) != 2) {
        return ngx_http_mailportal_fail(r, MP_INVALID, NULL,
                                        "only username and password are "
                                        "known here");
    }

    s->len = json_string_length(password);

    /* what cannot be a password is compared all the same, with nothing */

    if (s->len > MP_PASSWORD_MAX) {
        s->len = 0;
    }

    ngx_memcpy(s->password, json_string_value(password), s->len);

    name = json_string_value(username);

    if (mp_admin_name_check(name, json_string_length(username), &err)
        != MP_OK)
    {
        name = "-";
    }

    ngx_strlow((u_char *) s->name, (u_char *) name, ngx_strlen(name));

    return NGX_OK;
}


static ngx_int_t
ngx_http_mailportal_signin_account(ngx_http_request_t *r, redisReply *reply)
{
    ngx_http_mailportal_signin_t  *s;

    s = ngx_http_mailportal_ctx(r)->work;

    ngx_http_mailportal_signin_find(r, s,
                                reply->element[NGX_HTTP_MAILPORTAL_ATTEMPT]);

    if (ngx_http_mailportal_exceeded(reply, 0, NGX_HTTP_MAILPORTAL_ATTEMPTS)) {
        ngx_http_mailportal_audit(r, "session.create",
                                  ngx_http_mailportal_ctx(r)->session.user,
                                  MP_THROTTLED);

        return ngx_http_mailportal_throttled(r, reply, 0, "at this account");
    }

    return ngx_http_mailportal_thread(r, s, ngx_http_mailportal_signin_verify,
                                      ngx_http_mailportal_signin_verified);
}


/*
 * The name of an account is for the audit log.  What is none may be a password
 * that was typed into the wrong field, and is not for it.
 */

static void
ngx_http_mailportal_signin_find(ngx_http_request_t *r,
    ngx_http_mailportal_signin_t *s, redisReply *account)
{
    char        *user;
    redisReply  *role, *hash, *disabled;

    user = ngx_http_mailportal_ctx(r)->session.user;

    (void) ngx_cpystrn((u_char *) user, (u_char *) "-", sizeof(s->name));

    if (account->type != REDIS_REPLY_ARRAY || account->elements != 3) {
        return;
    }

    role = account->element[0];
    hash = account->element[1];
    disabled = account->element[2];

    if (hash->type == REDIS_REPLY_STRING) {
        (void) ngx_cpystrn((u_char *) user, (u_char *) s->name,
                           sizeof(s->name));
    }

    if (role->type != REDIS_REPLY_STRING || hash->type != REDIS_REPLY_STRING
        || hash->len >= sizeof(s->hash)
        || disabled->type != REDIS_REPLY_STRING
        || ngx_strcmp(disabled->str, "0") != 0)
    {
        return;
    }

    if (ngx_strcmp(role->str, "MasterAdmin") == 0) {
        s->role = NGX_HTTP_MAILPORTAL_MASTER;

    } else if (ngx_strcmp(role->str, "DomainAdmin") == 0) {
        s->role = NGX_HTTP_MAILPORTAL_DOMAIN;

    } else {
        return;
    }

    ngx_memcpy(s->hash, hash->str, hash->len + 1);
    s->known = true;
}


/* an account that does not exist takes as long as one that does */

static void
ngx_http_mailportal_signin_verify(void *data)
{
    ngx_http_mailportal_signin_t *s = data;

    s->right = mp_password_verify(s->known ? s->hash : NULL, s->password,
                                  s->len);
}


static ngx_int_t
ngx_http_mailportal_signin_verified(ngx_http_request_t *r)
{
    ngx_http_mailportal_signin_t  *s;

    s = ngx_http_mailportal_ctx(r)->work;

    sodium_memzero(s->password, sizeof(s->password));

    if (!s->known || !s->right) {
        ngx_http_mailportal_count(NGX_HTTP_MAILPORTAL_SIGNIN_FAILURES);
        ngx_http_mailportal_audit(r, "session.create",
                                  ngx_http_mailportal_ctx(r)->session.user,
                                  MP_CREDENTIALS);

        return ngx_http_mailportal_fail(r, MP_CREDENTIALS, NULL,
                                        "the name or the password is wrong");
    }

    return ngx_http_mailportal_signin_create(r, s);
}


static ngx_int_t
ngx_http_mailportal_signin_create(ngx_http_request_t *r,
    ngx_http_mailportal_signin_t *s)
{
    u_char                          bytes[32];
    char                            old[65];
    ngx_str_t                       token;
    ngx_uint_t                      n;
    struct mp_cmd                   cmds[5];
    struct mp_keyname               key;
    ngx_http_mailportal_session_t  *session;

    session = &ngx_http_mailportal_ctx(r)->session;

    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2base64(s->token, sizeof(s->token), bytes, sizeof(bytes),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof(bytes));

    token.data = (u_char *) s->token;
    token.len = NGX_HTTP_MAILPORTAL_TOKEN;

    ngx_http_mailportal_session_id(session->id, &token);

    session->role = s->role;
    session->created = ngx_time();
    session->seen = session->created;

    (void) mp_key_name(&key, MP_KEY_SESSION, session->id);

    mp_cmd_init(&cmds[0]);
    mp_cmd_texts(&cmds[0], "HSET", key.text, "user", s->name, "role",
                 s->role == NGX_HTTP_MAILPORTAL_MASTER ? "MasterAdmin"
                                                       : "DomainAdmin",
                 "settings", "0", "lists", "", "created", NULL);
    mp_cmd_number(&cmds[0], session->created);
    mp_cmd_text(&cmds[0], "seen");
    mp_cmd_number(&cmds[0], session->seen);

    mp_cmd_init(&cmds[1]);
    mp_cmd_texts(&cmds[1], "EXPIRE", key.text, NULL);
    mp_cmd_number(&cmds[1], NGX_HTTP_MAILPORTAL_IDLE);

    (void) mp_key_name(&key, MP_KEY_LOGIN_ACCOUNT, s->name);

    mp_cmd_init(&cmds[2]);
    mp_cmd_texts(&cmds[2], "DEL", key.text, NULL);

    ngx_http_mailportal_refund(&cmds[3], r);

    n = 4;

    /* the session that this browser had before is over */

    if (ngx_http_mailportal_cookie(r, &token) == NGX_OK) {
        ngx_http_mailportal_session_id(old, &token);
        ngx_http_mailportal_zone_session_forget(old);

        (void) mp_key_name(&key, MP_KEY_SESSION, old);

        n = 5;

        mp_cmd_init(&cmds[4]);
        mp_cmd_texts(&cmds[4], "DEL", key.text, NULL);
    }

    return ngx_http_mailportal_op(r, cmds, n, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_signin_created);
}


static ngx_int_t
ngx_http_mailportal_signin_created(ngx_http_request_t *r, redisReply *reply)
{
    ngx_http_mailportal_signin_t  *s;

    s = ngx_http_mailportal_ctx(r)->work;

    ngx_http_mailportal_count(NGX_HTTP_MAILPORTAL_SIGNINS);
    ngx_http_mailportal_audit(r, "session.create", s->name, MP_OK);

    if (ngx_http_mailportal_set_cookie(r, s->token) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mailportal_session_get(r);
}


ngx_int_t
ngx_http_mailportal_session_delete(ngx_http_request_t *r)
{
    struct mp_cmd                   cmd;
    struct mp_keyname               key;
    ngx_http_mailportal_session_t  *session;

    session = &ngx_http_mailportal_ctx(r)->session;

    (void) mp_key_name(&key, MP_KEY_SESSION, session->id);

    ngx_http_mailportal_zone_session_forget(session->id);

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "DEL", key.text, NULL);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_signed_out);
}


static ngx_int_t
ngx_http_mailportal_signed_out(ngx_http_request_t *r, redisReply *reply)
{
    ngx_http_mailportal_audit(r, "session.delete",
                              ngx_http_mailportal_ctx(r)->session.user, MP_OK);

    if (ngx_http_mailportal_set_cookie(r, NULL) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mailportal_send(r, NGX_HTTP_NO_CONTENT, NULL);
}


static ngx_int_t
ngx_http_mailportal_set_cookie(ngx_http_request_t *r, const char *token)
{
    char  value[160];

    (void) snprintf(value, sizeof(value),
                    NGX_HTTP_MAILPORTAL_COOKIE "=%s; Path=/; HttpOnly; "
                    "Secure; SameSite=Strict%s", token ? token : "",
                    token ? "" : "; Max-Age=0");

    return ngx_http_mailportal_header(r, "Set-Cookie", value);
}


static void
ngx_http_mailportal_wipe(void *data)
{
    sodium_memzero(data, sizeof(ngx_http_mailportal_signin_t));
}
