
/*
 * Copyright (C) The mailportal authors
 *
 * mailportal_auth: an access-phase session check that can guard any location.
 */


#include "ngx_http_mailportal.h"


typedef struct {
    ngx_flag_t                       enable;
    ngx_uint_t                       role;
} ngx_http_mailportal_auth_conf_t;


typedef struct {
    ngx_int_t                        rc;
    unsigned                         done:1;
} ngx_http_mailportal_auth_ctx_t;


static ngx_int_t ngx_http_mailportal_auth_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_auth_check(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_auth_init(ngx_conf_t *cf);
static void *ngx_http_mailportal_auth_create_conf(ngx_conf_t *cf);
static char *ngx_http_mailportal_auth_merge_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_mailportal_auth_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_command_t  ngx_http_mailportal_auth_commands[] = {

    { ngx_string("mailportal_auth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_mailportal_auth_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_mailportal_auth_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_mailportal_auth_init,         /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_mailportal_auth_create_conf,  /* create location configuration */
    ngx_http_mailportal_auth_merge_conf    /* merge location configuration */
};


ngx_module_t  ngx_http_mailportal_auth_module = {
    NGX_MODULE_V1,
    &ngx_http_mailportal_auth_module_ctx,  /* module context */
    ngx_http_mailportal_auth_commands,     /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_mailportal_auth_handler(ngx_http_request_t *r)
{
    ngx_int_t                         rc;
    ngx_http_mailportal_auth_ctx_t   *actx;
    ngx_http_mailportal_auth_conf_t  *amcf;

    amcf = ngx_http_get_module_loc_conf(r, ngx_http_mailportal_auth_module);

    if (!amcf->enable || r != r->main) {
        return NGX_DECLINED;
    }

    actx = ngx_http_get_module_ctx(r, ngx_http_mailportal_auth_module);

    if (actx) {
        return actx->done ? actx->rc : NGX_AGAIN;
    }

    actx = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_auth_ctx_t));
    if (actx == NULL || ngx_http_mailportal_ctx(r) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_set_ctx(r, actx, ngx_http_mailportal_auth_module);

    ngx_http_mailportal_ctx(r)->access = 1;

    rc = ngx_http_mailportal_auth(r, ngx_http_mailportal_auth_check);

    if (rc != NGX_AGAIN) {
        actx->done = 1;
        actx->rc = rc;
    }

    return rc;
}


static ngx_int_t
ngx_http_mailportal_auth_check(ngx_http_request_t *r)
{
    ngx_http_mailportal_auth_conf_t  *amcf;

    amcf = ngx_http_get_module_loc_conf(r, ngx_http_mailportal_auth_module);

    if (ngx_http_mailportal_ctx(r)->session.role < amcf->role) {
        return NGX_HTTP_FORBIDDEN;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_OPTIONS))
        && !ngx_http_mailportal_same_site(r))
    {
        return NGX_HTTP_FORBIDDEN;
    }

    return NGX_OK;
}


void
ngx_http_mailportal_auth_done(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_mailportal_auth_ctx_t  *actx;

    actx = ngx_http_get_module_ctx(r, ngx_http_mailportal_auth_module);

    actx->done = 1;
    actx->rc = rc;

    r->read_event_handler = ngx_http_block_reading;

    /* ngx_http_core_run_phases(), which asks our handler again */

    r->write_event_handler(r);
}


static ngx_int_t
ngx_http_mailportal_auth_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_mailportal_auth_handler;

    return NGX_OK;
}


static void *
ngx_http_mailportal_auth_create_conf(ngx_conf_t *cf)
{
    ngx_http_mailportal_auth_conf_t  *amcf;

    amcf = ngx_palloc(cf->pool, sizeof(ngx_http_mailportal_auth_conf_t));
    if (amcf == NULL) {
        return NULL;
    }

    amcf->enable = NGX_CONF_UNSET;
    amcf->role = NGX_CONF_UNSET_UINT;

    return amcf;
}


static char *
ngx_http_mailportal_auth_merge_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_mailportal_auth_conf_t *prev = parent;
    ngx_http_mailportal_auth_conf_t *conf = child;

    ngx_conf_merge_value(conf->enable, prev->enable, 0);
    ngx_conf_merge_uint_value(conf->role, prev->role,
                              NGX_HTTP_MAILPORTAL_DOMAIN);

    return NGX_CONF_OK;
}


static char *
ngx_http_mailportal_auth_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mailportal_auth_conf_t *amcf = conf;

    ngx_str_t  *value;

    if (amcf->enable != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "on") == 0) {
        amcf->enable = 1;

    } else if (ngx_strcmp(value[1].data, "off") == 0) {
        amcf->enable = 0;

    } else {
        return "wants \"on\" or \"off\"";
    }

    if (cf->args->nelts == 2) {
        amcf->role = NGX_HTTP_MAILPORTAL_DOMAIN;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[2].data, "role=MasterAdmin") == 0) {
        amcf->role = NGX_HTTP_MAILPORTAL_MASTER;

    } else if (ngx_strcmp(value[2].data, "role=DomainAdmin") == 0) {
        amcf->role = NGX_HTTP_MAILPORTAL_DOMAIN;

    } else {
        return "knows \"role=MasterAdmin\" and \"role=DomainAdmin\"";
    }

    return NGX_CONF_OK;
}
