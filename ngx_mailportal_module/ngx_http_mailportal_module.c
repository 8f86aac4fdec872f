
/*
 * Copyright (C) The mailportal authors
 *
 * The directives, the life of a worker, and the content handler.
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_worker.h"
#include "ngx_http_mailportal_zone.h"

#include <sodium.h>


typedef struct {
    ngx_http_mailportal_handler_pt   handler;
} ngx_http_mailportal_loc_conf_t;


static ngx_int_t ngx_http_mailportal_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_init_process(ngx_cycle_t *cycle);
static void ngx_http_mailportal_exit_process(ngx_cycle_t *cycle);
static void *ngx_http_mailportal_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_mailportal_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_mailportal_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_mailportal_set_handler(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_mailportal_set_redis(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_mailportal_redis_option(ngx_conf_t *cf,
    ngx_http_mailportal_main_conf_t *mmcf, ngx_str_t *option);
static char *ngx_http_mailportal_redis_address(ngx_conf_t *cf,
    ngx_http_mailportal_main_conf_t *mmcf, ngx_str_t *address);
static char *ngx_http_mailportal_check_node(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_mailportal_set_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_mailportal_first_line(ngx_conf_t *cf,
    ngx_str_t *name, ngx_str_t *line_r);


static ngx_conf_post_t  ngx_http_mailportal_node_post = {
    ngx_http_mailportal_check_node
};


static ngx_command_t  ngx_http_mailportal_commands[] = {

    { ngx_string("mailportal_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_mailportal_set_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mailportal_node"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_mailportal_main_conf_t, node),
      &ngx_http_mailportal_node_post },

    { ngx_string("mailportal_thread_pool"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_mailportal_main_conf_t, pool_name),
      NULL },

    { ngx_string("mailportal_public_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_mailportal_set_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mailportal_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_mailportal_set_handler,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_mailportal_dispatch },

    { ngx_string("mailportal_healthz"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_mailportal_set_handler,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_mailportal_healthz_get },

    { ngx_string("mailportal_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_mailportal_set_handler,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_mailportal_metrics_get },

    { ngx_string("mailportal_settings"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_mailportal_set_handler,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_mailportal_settings_open },

    { ngx_string("mailportal_problem"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_mailportal_set_handler,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_mailportal_problem_handler },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_mailportal_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_http_mailportal_create_main_conf,  /* create main configuration */
    ngx_http_mailportal_init_main_conf,    /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_mailportal_create_loc_conf,   /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_mailportal_module = {
    NGX_MODULE_V1,
    &ngx_http_mailportal_module_ctx,       /* module context */
    ngx_http_mailportal_commands,          /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_mailportal_init_process,      /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_mailportal_exit_process,      /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_mailportal_handler(ngx_http_request_t *r)
{
    ngx_http_mailportal_ctx_t       *ctx;
    ngx_http_mailportal_loc_conf_t  *mlcf;

    if (r != r->main) {
        return NGX_HTTP_NOT_FOUND;
    }

    ctx = ngx_http_mailportal_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mailportal_module);

    ngx_http_mailportal_count(NGX_HTTP_MAILPORTAL_REQUESTS);

    /* held until _continue(), whether that is now or after a reply */

    r->main->count++;

    ngx_http_mailportal_continue(r, mlcf->handler(r));

    return NGX_DONE;
}


ngx_http_mailportal_ctx_t *
ngx_http_mailportal_ctx(ngx_http_request_t *r)
{
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mailportal_module);

    if (ctx == NULL) {
        ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_ctx_t));
        if (ctx == NULL) {
            return NULL;
        }

        ngx_http_set_ctx(r, ctx, ngx_http_mailportal_module);
    }

    return ctx;
}


void
ngx_http_mailportal_continue(ngx_http_request_t *r, ngx_int_t rc)
{
    if (rc != NGX_AGAIN) {

        /* what is answered may still be in buffers: the core sends the rest */

        ngx_http_finalize_request(r, rc == NGX_DONE ? NGX_OK : rc);
    }
}


ngx_http_mailportal_main_conf_t *
ngx_http_mailportal_conf(void)
{
    return ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_mailportal_module);
}


static ngx_int_t
ngx_http_mailportal_init_process(ngx_cycle_t *cycle)
{
    ngx_http_mailportal_main_conf_t  *mmcf;

    /* cache managers and loaders come by here too */

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_mailportal_module);

    if (mmcf == NULL || mmcf->host.len == 0) {
        return NGX_OK;
    }

    if (sodium_init() == -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "sodium_init() failed");
        return NGX_ERROR;
    }

    /* before there are threads: jansson seeds its hash tables lazily */

    json_object_seed(0);

    mmcf->pool = ngx_thread_pool_get(cycle, &mmcf->pool_name);

    ngx_http_mailportal_op_start(cycle);
    ngx_http_mailportal_follow_start(cycle);
    ngx_http_mailportal_watch_start(cycle);
    ngx_http_mailportal_stat_start(cycle);
    ngx_http_mailportal_beat_start(cycle);
    ngx_http_mailportal_expiry_start(cycle);

    return NGX_OK;
}


static void
ngx_http_mailportal_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_mailportal_main_conf_t  *mmcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return;
    }

    mmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_mailportal_module);

    if (mmcf == NULL || mmcf->host.len == 0) {
        return;
    }

    ngx_http_mailportal_watch_stop();
    ngx_http_mailportal_follow_stop();
    ngx_http_mailportal_op_stop();
}


static void *
ngx_http_mailportal_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_mailportal_main_conf_t  *mmcf;

    mmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mailportal_main_conf_t));
    if (mmcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mmcf->host = { 0, NULL };
     *     mmcf->port = 0;
     *     mmcf->user = { 0, NULL };
     *     mmcf->password = { 0, NULL };
     *     mmcf->node = { 0, NULL };
     *     mmcf->pool_name = { 0, NULL };
     *     mmcf->pool = NULL;
     *     mmcf->public_key = NULL;
     *     mmcf->zone = NULL;
     */

    mmcf->timeout = NGX_CONF_UNSET_MSEC;

    return mmcf;
}


static char *
ngx_http_mailportal_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_mailportal_main_conf_t *mmcf = conf;

    if (mmcf->host.len == 0) {
        return NGX_CONF_OK;
    }

    ngx_conf_init_msec_value(mmcf->timeout, 250);

    if (mmcf->node.len == 0) {
        mmcf->node = cf->cycle->hostname;

        if (ngx_http_mailportal_check_node(cf, NULL, &mmcf->node)
            != NGX_CONF_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the host name \"%V\" is no node name, "
                               "\"mailportal_node\" is needed", &mmcf->node);
            return NGX_CONF_ERROR;
        }
    }

    if (mmcf->pool_name.len == 0) {
        ngx_str_set(&mmcf->pool_name, "mailportal");
    }

    if (ngx_thread_pool_add(cf, &mmcf->pool_name) == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_mailportal_zone_add(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static void *
ngx_http_mailportal_create_loc_conf(ngx_conf_t *cf)
{
    /*
     * set by ngx_pcalloc():
     *
     *     mlcf->handler = NULL;
     */

    return ngx_pcalloc(cf->pool, sizeof(ngx_http_mailportal_loc_conf_t));
}


static char *
ngx_http_mailportal_set_handler(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mailportal_loc_conf_t *mlcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (mlcf->handler) {
        return "is duplicate";
    }

    mlcf->handler = (ngx_http_mailportal_handler_pt) cmd->post;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_mailportal_handler;

    return NGX_CONF_OK;
}


static char *
ngx_http_mailportal_set_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mailportal_main_conf_t *mmcf = conf;

    char        *rv;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (mmcf->host.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    rv = ngx_http_mailportal_redis_address(cf, mmcf, &value[1]);

    for (i = 2; rv == NGX_CONF_OK && i < cf->args->nelts; i++) {
        rv = ngx_http_mailportal_redis_option(cf, mmcf, &value[i]);
    }

    return rv;
}


static char *
ngx_http_mailportal_redis_address(ngx_conf_t *cf,
    ngx_http_mailportal_main_conf_t *mmcf, ngx_str_t *address)
{
    u_char     *colon;
    ngx_int_t   port;

    if (address->len > 5 && ngx_strncmp(address->data, "unix:", 5) == 0) {
        mmcf->host.data = address->data + 5;
        mmcf->host.len = address->len - 5;
        mmcf->port = 0;

        return NGX_CONF_OK;
    }

    /* an address, no name: a worker must not wait for a resolver */

    colon = ngx_strlchr(address->data, address->data + address->len, ':');
    if (colon == NULL) {
        return "wants \"unix:/path\" or \"address:port\"";
    }

    port = ngx_atoi(colon + 1, address->data + address->len - (colon + 1));

    if (port < 1 || port > 65535
        || ngx_inet_addr(address->data, colon - address->data) == INADDR_NONE)
    {
        return "wants \"unix:/path\" or \"address:port\"";
    }

    *colon = '\0';

    mmcf->host.data = address->data;
    mmcf->host.len = colon - address->data;
    mmcf->port = (in_port_t) port;

    return NGX_CONF_OK;
}


static char *
ngx_http_mailportal_redis_option(ngx_conf_t *cf,
    ngx_http_mailportal_main_conf_t *mmcf, ngx_str_t *option)
{
    ngx_str_t  value;

    if (ngx_strncmp(option->data, "user=", 5) == 0) {
        mmcf->user.data = option->data + 5;
        mmcf->user.len = option->len - 5;

        return NGX_CONF_OK;
    }

    if (ngx_strncmp(option->data, "password_file=", 14) == 0) {
        value.data = option->data + 14;
        value.len = option->len - 14;

        if (ngx_http_mailportal_first_line(cf, &value, &mmcf->password)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (ngx_strncmp(option->data, "timeout=", 8) == 0) {
        value.data = option->data + 8;
        value.len = option->len - 8;

        mmcf->timeout = ngx_parse_time(&value, 0);

        if (mmcf->timeout == (ngx_msec_t) NGX_ERROR || mmcf->timeout == 0) {
            return "has a bad timeout";
        }

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                       option);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_mailportal_check_node(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *node = data;

    u_char      *p;
    ngx_uint_t   i;

    if (node->len == 0 || node->len > 63) {
        return "must have 1 to 63 characters";
    }

    for (i = 0; i < node->len; i++) {
        p = &node->data[i];

        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
              || (*p >= '0' && *p <= '9') || *p == '.' || *p == '-'
              || *p == '_'))
        {
            return "may have letters, digits, \".\", \"-\" and \"_\" only";
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_mailportal_set_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mailportal_main_conf_t *mmcf = conf;

    size_t      len;
    ngx_str_t  *value, line;

    if (mmcf->public_key) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_http_mailportal_first_line(cf, &value[1], &line) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    mmcf->public_key = ngx_palloc(cf->pool, crypto_box_PUBLICKEYBYTES);
    if (mmcf->public_key == NULL) {
        return NGX_CONF_ERROR;
    }

    if (sodium_hex2bin(mmcf->public_key, crypto_box_PUBLICKEYBYTES,
                       (char *) line.data, line.len, NULL, &len, NULL)
        != 0 || len != crypto_box_PUBLICKEYBYTES)
    {
        return "names a file without a public key of 64 hex digits";
    }

    return NGX_CONF_OK;
}


/* the first line of a small file, read by the master, which may be root */

static ngx_int_t
ngx_http_mailportal_first_line(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *line_r)
{
    u_char    buf[512];
    ssize_t   n;
    ngx_fd_t  fd;

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", name);
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, buf, sizeof(buf));

    (void) ngx_close_file(fd);

    line_r->data = buf;
    line_r->len = 0;

    while ((ssize_t) line_r->len < n && buf[line_r->len] != '\n'
           && buf[line_r->len] != '\r')
    {
        line_r->len++;
    }

    if (line_r->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" has no first line",
                           name);
        return NGX_ERROR;
    }

    line_r->data = ngx_pstrdup(cf->pool, line_r);

    return line_r->data ? NGX_OK : NGX_ERROR;
}
