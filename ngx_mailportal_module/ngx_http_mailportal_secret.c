
/*
 * Copyright (C) The mailportal authors
 *
 * Passwords in the settings.  Each goes into a stream of its own, which we can
 * write and not read: sealed to the installation's public key when a server
 * of ours needs the password itself, as a hash when it only compares.
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_publish.h"

#include "mp_password.h"
#include "mp_time.h"

#include <sodium.h>


typedef struct {
    char                             hash[MP_PASSWORD_HASH];
    char                             password[MP_TEXT_SIZE];
    bool                             done;
} ngx_http_mailportal_hashing_t;


static ngx_uint_t ngx_http_mailportal_only_compared(
    const struct mp_setting *setting);
static ngx_int_t ngx_http_mailportal_secret_hash(ngx_http_request_t *r,
    const char *password);
static void ngx_http_mailportal_hashing(void *data);
static ngx_int_t ngx_http_mailportal_hashed(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_secret_seal(ngx_http_request_t *r,
    const char *password);
static ngx_int_t ngx_http_mailportal_secret_store(ngx_http_request_t *r,
    const char *form, const char *value);
static ngx_int_t ngx_http_mailportal_secret_stored(ngx_http_request_t *r,
    redisReply *reply);


ngx_int_t
ngx_http_mailportal_secrets(ngx_http_request_t *r)
{
    const struct mp_new_secret    *secret;
    ngx_http_mailportal_change_t  *change;

    change = ngx_http_mailportal_ctx(r)->data;

    if (change->stored == change->secrets.count) {
        return ngx_http_mailportal_publish(r);
    }

    secret = &change->secrets.secret[change->stored];

    if (ngx_http_mailportal_only_compared(secret->setting)) {
        return ngx_http_mailportal_secret_hash(r, secret->value);
    }

    return ngx_http_mailportal_secret_seal(r, secret->value);
}


static ngx_uint_t
ngx_http_mailportal_only_compared(const struct mp_setting *setting)
{
    return ngx_strcmp(setting->group, "imap_master") == 0;
}


static ngx_int_t
ngx_http_mailportal_secret_hash(ngx_http_request_t *r, const char *password)
{
    ngx_http_mailportal_hashing_t  *h;

    h = ngx_http_mailportal_thread_data(r,
                                      sizeof(ngx_http_mailportal_hashing_t));
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    (void) snprintf(h->password, sizeof(h->password), "%s", password);

    ngx_http_mailportal_ctx(r)->work = h;

    return ngx_http_mailportal_thread(r, h, ngx_http_mailportal_hashing,
                                      ngx_http_mailportal_hashed);
}


static void
ngx_http_mailportal_hashing(void *data)
{
    ngx_http_mailportal_hashing_t *h = data;

    h->done = mp_password_hash(h->hash, h->password, ngx_strlen(h->password));

    sodium_memzero(h->password, sizeof(h->password));
}


static ngx_int_t
ngx_http_mailportal_hashed(ngx_http_request_t *r)
{
    ngx_http_mailportal_hashing_t  *h;

    h = ngx_http_mailportal_ctx(r)->work;

    if (!h->done) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mailportal_secret_store(r, "hash", h->hash);
}


static ngx_int_t
ngx_http_mailportal_secret_seal(ngx_http_request_t *r, const char *password)
{
    char                              text[1024];
    u_char                            sealed[512];
    size_t                            len;
    ngx_http_mailportal_main_conf_t  *mmcf;

    mmcf = ngx_http_mailportal_conf();
    len = ngx_strlen(password);

    if (mmcf->public_key == NULL || len > MP_PASSWORD_MAX) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"mailportal_public_key\" is not configured");

        return ngx_http_mailportal_fail(r, MP_INTERNAL, NULL,
                                        "this server has no public key to "
                                        "seal a password to");
    }

    if (crypto_box_seal(sealed, (u_char *) password, len, mmcf->public_key)
        != 0)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    sodium_bin2base64(text, sizeof(text), sealed, len + crypto_box_SEALBYTES,
                      sodium_base64_VARIANT_ORIGINAL);

    return ngx_http_mailportal_secret_store(r, "sealed", text);
}


static ngx_int_t
ngx_http_mailportal_secret_store(ngx_http_request_t *r, const char *form,
    const char *value)
{
    char                           at[MP_TIME_SIZE];
    struct mp_cmd                  cmd;
    const struct mp_setting       *setting;
    ngx_http_mailportal_ctx_t     *ctx;
    ngx_http_mailportal_change_t  *change;

    ctx = ngx_http_mailportal_ctx(r);
    change = ctx->data;
    setting = change->secrets.secret[change->stored].setting;

    mp_time_format(at, ngx_time());

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XADD", mp_key(MP_KEY_SECRETS), "*", "name",
                 setting->name, form, value, "actor", ctx->session.user, "at",
                 at, NULL);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_WRITE,
                                  ngx_http_mailportal_secret_stored);
}


static ngx_int_t
ngx_http_mailportal_secret_stored(ngx_http_request_t *r, redisReply *reply)
{
    struct mp_error                err;
    const struct mp_setting       *setting;
    ngx_http_mailportal_change_t  *change;

    change = ngx_http_mailportal_ctx(r)->data;
    setting = change->secrets.secret[change->stored].setting;

    if (reply->type != REDIS_REPLY_STRING
        || mp_settings_put_text(&change->next.set, setting, reply->str, &err)
           != MP_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    change->stored++;

    return ngx_http_mailportal_secrets(r);
}
