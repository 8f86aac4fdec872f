
/*
 * Copyright (C) The mailportal authors
 *
 * Who did what: one entry for each change and each sign-in.
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_redis.h"

#include "mp_time.h"


void
ngx_http_mailportal_audit(ngx_http_request_t *r, const char *what,
    const char *target, enum mp_status result)
{
    char                        at[MP_TIME_SIZE];
    ngx_str_t                  *id;
    struct mp_cmd               cmd;
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);
    id = ngx_http_mailportal_request_id(r);

    mp_time_format(at, ngx_time());

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XADD", mp_key(MP_KEY_AUDIT_IN), "MAXLEN", "~",
                 "100000", "*", "at", at, "actor", ctx->session.user, "what",
                 what, "target", target, "result", mp_status_name(result),
                 "from", NULL);
    mp_cmd_add(&cmd, r->connection->addr_text.data,
               r->connection->addr_text.len);
    mp_cmd_text(&cmd, "req");
    mp_cmd_add(&cmd, id->data, id->len);

    if (ngx_http_mailportal_redis_send(ngx_http_mailportal_redis(), &cmd, 0,
                                       NULL, NULL)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "an audit entry is lost: %s", what);
    }

    mp_cmd_free(&cmd);
}
