
/*
 * Copyright (C) The mailportal authors
 *
 * Publishing a version of the settings: by a patch, or by restoring an old
 * one.
 */


#ifndef _NGX_HTTP_MAILPORTAL_PUBLISH_H_INCLUDED_
#define _NGX_HTTP_MAILPORTAL_PUBLISH_H_INCLUDED_


#include "ngx_http_mailportal.h"


typedef struct ngx_http_mailportal_change_s  ngx_http_mailportal_change_t;

typedef ngx_int_t (*ngx_http_mailportal_apply_pt)(ngx_http_request_t *r,
    ngx_http_mailportal_change_t *change);


/* what ctx->data is while settings are changed; in r->pool */

struct ngx_http_mailportal_change_s {
    const char                      *what;     /* for the audit log */
    ngx_http_mailportal_apply_pt     apply;    /* fills next.set, secrets */
    uint64_t                         restore;  /* 0, or the version to read */
    uint64_t                         seen;     /* the version of If-Match */
    ngx_uint_t                       dry_run;

    struct mp_version                before;
    struct mp_version                old;      /* the one to restore */
    struct mp_version                next;
    struct mp_new_secrets            secrets;
    ngx_uint_t                       stored;
};


/* reads what is in force, compares it with If-Match, applies, publishes */
ngx_int_t ngx_http_mailportal_change(ngx_http_request_t *r,
    ngx_http_mailportal_change_t *change);

/* the last step, when all secrets are stored */
ngx_int_t ngx_http_mailportal_publish(ngx_http_request_t *r);

/* stores the secrets of the change one by one, then publishes */
ngx_int_t ngx_http_mailportal_secrets(ngx_http_request_t *r);

/* answers with a version of the settings */
ngx_int_t ngx_http_mailportal_settings_send(ngx_http_request_t *r,
    const struct mp_settings *set, uint64_t number);


#endif /* _NGX_HTTP_MAILPORTAL_PUBLISH_H_INCLUDED_ */
