
/*
 * Copyright (C) The mailportal authors
 *
 * The routes of the API and their dispatcher: the only place that decides
 * who may call what.  Handlers check no rights.
 */


#include "ngx_http_mailportal.h"


static const ngx_http_mailportal_route_t *ngx_http_mailportal_find(
    ngx_http_request_t *r, ngx_http_mailportal_ctx_t *ctx, ngx_str_t *path,
    ngx_uint_t *allow);
static ngx_uint_t ngx_http_mailportal_match(const ngx_str_t *pattern,
    const ngx_str_t *path, ngx_str_t *param);
static ngx_int_t ngx_http_mailportal_not_allowed(ngx_http_request_t *r,
    ngx_uint_t allow);
static ngx_int_t ngx_http_mailportal_authorize(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_admit(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_run(ngx_http_request_t *r);
static ngx_uint_t ngx_http_mailportal_takes_body(ngx_http_request_t *r,
    const ngx_http_mailportal_route_t *route);
static ngx_uint_t ngx_http_mailportal_media_type(ngx_http_request_t *r,
    ngx_http_mailportal_body_e body);
static ngx_uint_t ngx_http_mailportal_is_type(ngx_str_t *value,
    const char *type);


static const ngx_str_t  ngx_http_mailportal_prefix = ngx_string("/api/v1/");


const ngx_http_mailportal_route_t  ngx_http_mailportal_routes[] = {

    { NGX_HTTP_GET, ngx_string("session"),
      NGX_HTTP_MAILPORTAL_DOMAIN, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_session_get,
      "Who is signed in" },

    { NGX_HTTP_POST, ngx_string("session"),
      NGX_HTTP_MAILPORTAL_NOBODY, 1, NGX_HTTP_MAILPORTAL_JSON, 4096, 20,
      ngx_http_mailportal_session_post,
      "Sign in" },

    { NGX_HTTP_DELETE, ngx_string("session"),
      NGX_HTTP_MAILPORTAL_DOMAIN, 1, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_session_delete,
      "Sign out" },

    { NGX_HTTP_GET, ngx_string("settings"),
      NGX_HTTP_MAILPORTAL_MASTER, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_settings_get,
      "The settings in force" },

    { NGX_HTTP_PATCH, ngx_string("settings"),
      NGX_HTTP_MAILPORTAL_MASTER, 1, NGX_HTTP_MAILPORTAL_JSON,
      NGX_HTTP_MAILPORTAL_JSON_MAX, 0,
      ngx_http_mailportal_settings_patch,
      "Change settings by a JSON merge patch" },

    { NGX_HTTP_GET, ngx_string("settings/history"),
      NGX_HTTP_MAILPORTAL_MASTER, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_history_get,
      "Versions of the settings: who changed what, and when" },

    { NGX_HTTP_POST, ngx_string("settings/restore"),
      NGX_HTTP_MAILPORTAL_MASTER, 1, NGX_HTTP_MAILPORTAL_JSON, 4096, 0,
      ngx_http_mailportal_restore_post,
      "Publish an old version of the settings as a new one" },

    { NGX_HTTP_GET, ngx_string("schema"),
      NGX_HTTP_MAILPORTAL_DOMAIN, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_schema_get,
      "Every setting: type, limits, default, label and help" },

    { NGX_HTTP_GET, ngx_string("openapi.json"),
      NGX_HTTP_MAILPORTAL_DOMAIN, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_openapi_get,
      "This description of the API" },

    { NGX_HTTP_GET, ngx_string("lists/{list}"),
      NGX_HTTP_MAILPORTAL_MASTER, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_list_get,
      "Entries of the whitelist or the blacklist, searched and paged" },

    { NGX_HTTP_PUT, ngx_string("lists/{list}/entries/{entry}"),
      NGX_HTTP_MAILPORTAL_MASTER, 1, NGX_HTTP_MAILPORTAL_OPTIONAL, 4096, 0,
      ngx_http_mailportal_entry_put,
      "Add an entry, or change its details" },

    { NGX_HTTP_DELETE, ngx_string("lists/{list}/entries/{entry}"),
      NGX_HTTP_MAILPORTAL_MASTER, 1, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_entry_delete,
      "Remove an entry" },

    { NGX_HTTP_POST, ngx_string("lists/{list}/import"),
      NGX_HTTP_MAILPORTAL_MASTER, 1, NGX_HTTP_MAILPORTAL_TEXT,
      NGX_HTTP_MAILPORTAL_TEXT_MAX, 0,
      ngx_http_mailportal_import_post,
      "Add many entries, one a line" },

    { NGX_HTTP_GET, ngx_string("lists/{list}/export"),
      NGX_HTTP_MAILPORTAL_MASTER, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_export_get,
      "All entries, one a line" },

    { NGX_HTTP_GET, ngx_string("explain"),
      NGX_HTTP_MAILPORTAL_DOMAIN, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_explain_get,
      "What would happen to a message, and by which rule" },

    { NGX_HTTP_POST, ngx_string("jobs"),
      NGX_HTTP_MAILPORTAL_MASTER, 1, NGX_HTTP_MAILPORTAL_JSON, 4096, 0,
      ngx_http_mailportal_jobs_post,
      "Tell the servers to do something" },

    { NGX_HTTP_GET, ngx_string("jobs"),
      NGX_HTTP_MAILPORTAL_MASTER, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_jobs_get,
      "The jobs of the last months, newest first" },

    { NGX_HTTP_GET, ngx_string("jobs/{id}"),
      NGX_HTTP_MAILPORTAL_MASTER, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_job_get,
      "One job: how far it is, what failed, what came of it" },

    { NGX_HTTP_GET, ngx_string("jobs/{id}/events"),
      NGX_HTTP_MAILPORTAL_MASTER, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_watch_get,
      "The same at each change, until the job has ended" },

    { NGX_HTTP_DELETE, ngx_string("jobs/{id}"),
      NGX_HTTP_MAILPORTAL_MASTER, 1, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_job_delete,
      "Cancel a job; what was done stays done" },

    { NGX_HTTP_GET, ngx_string("nodes"),
      NGX_HTTP_MAILPORTAL_MASTER, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_nodes_get,
      "Every component of every node, with the versions in force there" },

    { NGX_HTTP_GET, ngx_string("audit"),
      NGX_HTTP_MAILPORTAL_MASTER, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_audit_get,
      "Who did what, the newest first" },

    { NGX_HTTP_GET, ngx_string("usage"),
      NGX_HTTP_MAILPORTAL_MASTER, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_usage_get,
      "Load, memory and disks of each node" },
    { NGX_HTTP_GET, ngx_string("logs/{service}"),
      NGX_HTTP_MAILPORTAL_MASTER, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_logs_get,
      "The newest lines of the log of postfix or dovecot" },

    { NGX_HTTP_GET, ngx_string("backups"),
      NGX_HTTP_MAILPORTAL_MASTER, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_backups_get,
      "Finished backups of Radicale, newest first" },

    { NGX_HTTP_GET, ngx_string("backups/{name}"),
      NGX_HTTP_MAILPORTAL_MASTER, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_backups_get,
      "The ZIP of a backup, also in ranges" },

    { NGX_HTTP_DELETE, ngx_string("backups/{name}"),
      NGX_HTTP_MAILPORTAL_MASTER, 1, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_backups_delete,
      "Remove a backup" },
    { NGX_HTTP_GET, ngx_string("logs/{service}/stream"),
      NGX_HTTP_MAILPORTAL_MASTER, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_log_stream_get,
      "New lines of the log of postfix or dovecot, as they come" },

    { NGX_HTTP_GET, ngx_string("trace"),
      NGX_HTTP_MAILPORTAL_MASTER, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_trace_get,
      "What became of messages, the newest first" },

    { NGX_HTTP_GET, ngx_string("about"),
      NGX_HTTP_MAILPORTAL_DOMAIN, 0, NGX_HTTP_MAILPORTAL_EMPTY, 0, 0,
      ngx_http_mailportal_about_get,
      "Versions of the API, the pages and the components" },

    { 0, ngx_null_string, 0, 0, 0, 0, 0, NULL, NULL }
};


ngx_int_t
ngx_http_mailportal_dispatch(ngx_http_request_t *r)
{
    ngx_str_t                   path, token;
    ngx_uint_t                  allow;
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);

    if (r->uri.len <= ngx_http_mailportal_prefix.len
        || ngx_memcmp(r->uri.data, ngx_http_mailportal_prefix.data,
                      ngx_http_mailportal_prefix.len)
           != 0)
    {
        return ngx_http_mailportal_fail(r, MP_NOT_FOUND, NULL,
                                        "no such address in the API");
    }

    path.data = r->uri.data + ngx_http_mailportal_prefix.len;
    path.len = r->uri.len - ngx_http_mailportal_prefix.len;

    ctx->route = ngx_http_mailportal_find(r, ctx, &path, &allow);

    if (ctx->route == NULL && allow == 0) {
        return ngx_http_mailportal_fail(r, MP_NOT_FOUND, NULL,
                                        "no such address in the API");
    }

    if (ctx->route == NULL) {
        return ngx_http_mailportal_not_allowed(r, allow);
    }

    /* without a cookie there is nothing that another site could abuse */

    if (ctx->route->csrf
        && (ctx->route->role == NGX_HTTP_MAILPORTAL_NOBODY
            || ngx_http_mailportal_cookie(r, &token) == NGX_OK)
        && !ngx_http_mailportal_same_site(r))
    {
        return ngx_http_mailportal_fail(r, MP_CROSS_SITE, NULL,
                                        "Sec-Fetch-Site must be same-origin, "
                                        "or Origin this server");
    }

    if (ctx->route->role == NGX_HTTP_MAILPORTAL_NOBODY) {
        return ngx_http_mailportal_admit(r);
    }

    return ngx_http_mailportal_auth(r, ngx_http_mailportal_authorize);
}


static const ngx_http_mailportal_route_t *
ngx_http_mailportal_find(ngx_http_request_t *r,
    ngx_http_mailportal_ctx_t *ctx, ngx_str_t *path, ngx_uint_t *allow)
{
    ngx_uint_t                          method;
    const ngx_http_mailportal_route_t  *route;

    method = (r->method == NGX_HTTP_HEAD) ? NGX_HTTP_GET : r->method;

    *allow = 0;

    for (route = ngx_http_mailportal_routes; route->handler; route++) {

        if (!ngx_http_mailportal_match(&route->path, path, ctx->param)) {
            continue;
        }

        if (route->method == method) {
            return route;
        }

        *allow |= route->method;
    }

    return NULL;
}


/* compares segment by segment; {name} takes any segment that is not empty */

static ngx_uint_t
ngx_http_mailportal_match(const ngx_str_t *pattern, const ngx_str_t *path,
    ngx_str_t *param)
{
    u_char  *p, *s, *end, *last;

    p = pattern->data;
    last = p + pattern->len;
    s = path->data;
    end = s + path->len;

    while (p < last) {

        if (*p != '{') {
            if (s == end || *s++ != *p++) {
                return 0;
            }

            continue;
        }

        param->data = s;

        while (s < end && *s != '/') {
            s++;
        }

        param->len = s - param->data;

        if (param->len == 0) {
            return 0;
        }

        param++;

        while (*p++ != '}') { /* void */ }
    }

    return s == end;
}


static ngx_int_t
ngx_http_mailportal_not_allowed(ngx_http_request_t *r, ngx_uint_t allow)
{
    char        value[64];
    u_char     *p;
    ngx_uint_t  i;

    static const struct {
        ngx_uint_t   method;
        const char  *name;
    } methods[] = {
        { NGX_HTTP_GET, "GET, HEAD" },
        { NGX_HTTP_POST, "POST" },
        { NGX_HTTP_PUT, "PUT" },
        { NGX_HTTP_PATCH, "PATCH" },
        { NGX_HTTP_DELETE, "DELETE" },
        { 0, NULL }
    };

    p = (u_char *) value;

    for (i = 0; methods[i].name; i++) {
        if (allow & methods[i].method) {
            p = ngx_snprintf(p, sizeof(value) - (p - (u_char *) value) - 1,
                             "%s%s", p == (u_char *) value ? "" : ", ",
                             methods[i].name);
        }
    }

    *p = '\0';

    if (ngx_http_mailportal_header(r, "Allow", value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mailportal_fail(r, MP_METHOD, NULL,
                                    "it takes %s", value);
}


static ngx_int_t
ngx_http_mailportal_authorize(ngx_http_request_t *r)
{
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);

    if (ctx->session.role < ctx->route->role) {
        return ngx_http_mailportal_fail(r, MP_FORBIDDEN, NULL,
                                        "only a MasterAdmin may do that");
    }

    return ngx_http_mailportal_admit(r);
}


static ngx_int_t
ngx_http_mailportal_admit(ngx_http_request_t *r)
{
    const ngx_http_mailportal_route_t  *route;

    route = ngx_http_mailportal_ctx(r)->route;

    if (ngx_http_mailportal_takes_body(r, route)) {

        if (!ngx_http_mailportal_media_type(r, route->body)) {
            return ngx_http_mailportal_fail(r, MP_MEDIA_TYPE, NULL,
                                            "Content-Type must be %s",
                               route->body == NGX_HTTP_MAILPORTAL_TEXT
                               ? "text/plain" : "application/json");
        }

        if (r->headers_in.content_length_n > (off_t) route->max) {
            return ngx_http_mailportal_fail(r, MP_TOO_LARGE, NULL,
                                            "the limit is %zu bytes",
                                            route->max);
        }
    }

    if (route->rate) {
        return ngx_http_mailportal_throttle(r, route->rate,
                                            ngx_http_mailportal_run);
    }

    return ngx_http_mailportal_run(r);
}


static ngx_int_t
ngx_http_mailportal_run(ngx_http_request_t *r)
{
    const ngx_http_mailportal_route_t  *route;

    route = ngx_http_mailportal_ctx(r)->route;

    if (route->body != NGX_HTTP_MAILPORTAL_TEXT
        && ngx_http_mailportal_takes_body(r, route))
    {
        return ngx_http_mailportal_body_json(r, route->max, route->handler);
    }

    return route->handler(r);
}


/* nothing is sent with a length of 0, or without a word about a body */

static ngx_uint_t
ngx_http_mailportal_takes_body(ngx_http_request_t *r,
    const ngx_http_mailportal_route_t *route)
{
    return route->body != NGX_HTTP_MAILPORTAL_EMPTY
           && (route->body != NGX_HTTP_MAILPORTAL_OPTIONAL
               || r->headers_in.content_length_n > 0
               || r->headers_in.chunked);
}


static ngx_uint_t
ngx_http_mailportal_media_type(ngx_http_request_t *r,
    ngx_http_mailportal_body_e body)
{
    ngx_str_t  *value;

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    value = &r->headers_in.content_type->value;

    if (body == NGX_HTTP_MAILPORTAL_TEXT) {
        return ngx_http_mailportal_is_type(value, "text/plain");
    }

    return ngx_http_mailportal_is_type(value, "application/json")
           || ngx_http_mailportal_is_type(value,
                                          "application/merge-patch+json");
}


static ngx_uint_t
ngx_http_mailportal_is_type(ngx_str_t *value, const char *type)
{
    size_t  len;

    len = ngx_strlen(type);

    if (value->len < len
        || ngx_strncasecmp(value->data, (u_char *) type, len) != 0)
    {
        return 0;
    }

    return value->len == len || value->data[len] == ';'
           || value->data[len] == ' ';
}
