
/*
 * Copyright (C) The mailportal authors
 *
 * The description of the API (OpenAPI 3.1), made of the route table: what is
 * not in the table is not in the API.
 */


#include "ngx_http_mailportal_openapi.h"


#define NGX_HTTP_MAILPORTAL_PATH_MAX  64


/* a failure that a route can answer with */
typedef struct {
    enum mp_status              status;
    ngx_uint_t                (*applies)(
                                   const ngx_http_mailportal_route_t *route);
} ngx_http_mailportal_failure_t;


static void ngx_http_mailportal_openapi_paths(struct mp_json *json);
static ngx_uint_t ngx_http_mailportal_openapi_first(
    const ngx_http_mailportal_route_t *route);
static ngx_uint_t ngx_http_mailportal_openapi_same(
    const ngx_http_mailportal_route_t *one,
    const ngx_http_mailportal_route_t *two);
static void ngx_http_mailportal_openapi_route(struct mp_json *json,
    const ngx_http_mailportal_route_t *route);
static void ngx_http_mailportal_openapi_parameters(struct mp_json *json,
    const ngx_http_mailportal_route_t *route, const char *path);
static void ngx_http_mailportal_openapi_parameter(struct mp_json *json,
    const char *name, const char *in, const char *type, ngx_uint_t required,
    const char *doc);
static ngx_uint_t ngx_http_mailportal_openapi_takes(
    const ngx_http_mailportal_route_t *route,
    const ngx_http_mailportal_input_t *input);
static void ngx_http_mailportal_openapi_body(struct mp_json *json,
    const ngx_http_mailportal_route_t *route);
static void ngx_http_mailportal_openapi_members(struct mp_json *json,
    const ngx_http_mailportal_route_t *route);
static void ngx_http_mailportal_openapi_responses(struct mp_json *json,
    const ngx_http_mailportal_route_t *route);
static void ngx_http_mailportal_openapi_failure(struct mp_json *json,
    const ngx_http_mailportal_route_t *route, int http);
static void ngx_http_mailportal_openapi_components(struct mp_json *json);
static const char *ngx_http_mailportal_openapi_method(ngx_uint_t method);
static const char *ngx_http_mailportal_openapi_role(
    ngx_http_mailportal_role_e role);
static ngx_uint_t ngx_http_mailportal_openapi_versioned(
    const ngx_http_mailportal_route_t *route);

static ngx_uint_t ngx_http_mailportal_fails_always(
    const ngx_http_mailportal_route_t *route);
static ngx_uint_t ngx_http_mailportal_fails_session(
    const ngx_http_mailportal_route_t *route);
static ngx_uint_t ngx_http_mailportal_fails_signin(
    const ngx_http_mailportal_route_t *route);
static ngx_uint_t ngx_http_mailportal_fails_master(
    const ngx_http_mailportal_route_t *route);
static ngx_uint_t ngx_http_mailportal_fails_absent(
    const ngx_http_mailportal_route_t *route);
static ngx_uint_t ngx_http_mailportal_fails_conflict(
    const ngx_http_mailportal_route_t *route);
static ngx_uint_t ngx_http_mailportal_fails_precondition(
    const ngx_http_mailportal_route_t *route);
static ngx_uint_t ngx_http_mailportal_fails_write(
    const ngx_http_mailportal_route_t *route);
static ngx_uint_t ngx_http_mailportal_fails_body(
    const ngx_http_mailportal_route_t *route);
static ngx_uint_t ngx_http_mailportal_fails_rate(
    const ngx_http_mailportal_route_t *route);


static const ngx_http_mailportal_failure_t  ngx_http_mailportal_failures[] = {
    { MP_MALFORMED, ngx_http_mailportal_fails_body },
    { MP_UNAUTHENTICATED, ngx_http_mailportal_fails_session },
    { MP_CREDENTIALS, ngx_http_mailportal_fails_signin },
    { MP_FORBIDDEN, ngx_http_mailportal_fails_master },
    { MP_CROSS_SITE, ngx_http_mailportal_fails_write },
    { MP_NOT_FOUND, ngx_http_mailportal_fails_absent },
    { MP_CONFLICT, ngx_http_mailportal_fails_conflict },
    { MP_REGRESSED, ngx_http_mailportal_fails_always },
    { MP_STALE, ngx_http_mailportal_openapi_versioned },
    { MP_TOO_LARGE, ngx_http_mailportal_fails_body },
    { MP_MEDIA_TYPE, ngx_http_mailportal_fails_body },
    { MP_INVALID, ngx_http_mailportal_fails_always },
    { MP_PRECONDITION, ngx_http_mailportal_fails_precondition },
    { MP_THROTTLED, ngx_http_mailportal_fails_rate },
    { MP_REDIS_AWAY, ngx_http_mailportal_fails_always },
    { MP_REDIS_READONLY, ngx_http_mailportal_fails_write },
    { MP_REDIS_FULL, ngx_http_mailportal_fails_write },
    { MP_REDIS_DISK, ngx_http_mailportal_fails_write },
    { MP_REDIS_UNSAFE, ngx_http_mailportal_fails_write },
    { MP_BUSY, ngx_http_mailportal_fails_always },
    { MP_TIMEOUT, ngx_http_mailportal_fails_always },
    { MP_OK, NULL }
};


ngx_int_t
ngx_http_mailportal_openapi_get(ngx_http_request_t *r)
{
    struct mp_json  json;

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_text(&json, "openapi", "3.1.0");

    mp_json_object(&json, "info");
    mp_json_text(&json, "title", "mailportal");
    mp_json_text(&json, "version", MP_VERSION);
    mp_json_text(&json, "description",
        "The settings have versions: a write says by If-Match which one it "
        "has seen. Entries of the lists have none, because writes to them "
        "do not depend on each other. Every failure is problem+json.");
    mp_json_end_object(&json);

    mp_json_array(&json, "servers");
    mp_json_object(&json, NULL);
    mp_json_text(&json, "url", "/api/v1");
    mp_json_end_object(&json);
    mp_json_end_array(&json);

    mp_json_object(&json, "paths");
    ngx_http_mailportal_openapi_paths(&json);
    mp_json_end_object(&json);

    mp_json_object(&json, "components");
    ngx_http_mailportal_openapi_components(&json);
    mp_json_end_object(&json);

    mp_json_end_object(&json);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}


static void
ngx_http_mailportal_openapi_paths(struct mp_json *json)
{
    char                                path[NGX_HTTP_MAILPORTAL_PATH_MAX];
    const ngx_http_mailportal_route_t  *route, *same;

    for (route = ngx_http_mailportal_routes; route->handler; route++) {

        if (!ngx_http_mailportal_openapi_first(route)) {
            continue;
        }

        (void) ngx_snprintf((u_char *) path, sizeof(path), "/%V%Z",
                            &route->path);

        mp_json_object(json, path);

        for (same = route; same->handler; same++) {
            if (ngx_http_mailportal_openapi_same(same, route)) {
                ngx_http_mailportal_openapi_route(json, same);
            }
        }

        mp_json_end_object(json);
    }
}


static ngx_uint_t
ngx_http_mailportal_openapi_first(const ngx_http_mailportal_route_t *route)
{
    const ngx_http_mailportal_route_t  *before;

    for (before = ngx_http_mailportal_routes; before < route; before++) {
        if (ngx_http_mailportal_openapi_same(before, route)) {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_mailportal_openapi_same(const ngx_http_mailportal_route_t *one,
    const ngx_http_mailportal_route_t *two)
{
    return ngx_strcmp(one->path.data, two->path.data) == 0;
}


static void
ngx_http_mailportal_openapi_route(struct mp_json *json,
    const ngx_http_mailportal_route_t *route)
{
    const char  *path;

    path = (const char *) route->path.data;

    mp_json_object(json, ngx_http_mailportal_openapi_method(route->method));
    mp_json_text(json, "summary", route->summary);
    mp_json_text(json, "x-role", ngx_http_mailportal_openapi_role(route->role));
    mp_json_bool(json, "x-csrf", route->csrf != 0);

    mp_json_array(json, "security");

    if (route->role != NGX_HTTP_MAILPORTAL_NOBODY) {
        mp_json_object(json, NULL);
        mp_json_array(json, "session");
        mp_json_end_array(json);
        mp_json_end_object(json);
    }

    mp_json_end_array(json);

    mp_json_array(json, "parameters");
    ngx_http_mailportal_openapi_parameters(json, route, path);
    mp_json_end_array(json);

    if (route->body != NGX_HTTP_MAILPORTAL_EMPTY) {
        ngx_http_mailportal_openapi_body(json, route);
    }

    ngx_http_mailportal_openapi_responses(json, route);
    mp_json_end_object(json);
}


static void
ngx_http_mailportal_openapi_parameters(struct mp_json *json,
    const ngx_http_mailportal_route_t *route, const char *path)
{
    const ngx_http_mailportal_input_t  *input;

    if (strstr(path, "{list}")) {
        ngx_http_mailportal_openapi_parameter(json, "list", "path", "string",
                                              1, "whitelist or blacklist");
    }

    if (strstr(path, "{entry}")) {
        ngx_http_mailportal_openapi_parameter(json, "entry", "path", "string",
                            1, "A domain in any form; one form is answered.");
    }

    if (strstr(path, "{service}")) {
        ngx_http_mailportal_openapi_parameter(json, "service", "path",
                                          "string", 1, "postfix or dovecot");
    }

    if (strstr(path, "{name}")) {
        ngx_http_mailportal_openapi_parameter(json, "name", "path", "string",
                                              1, "As /backups lists it.");
    }

    if (strstr(path, "{id}")) {
        ngx_http_mailportal_openapi_parameter(json, "id", "path", "string", 1,
                                              "The id of a job.");
    }

    if (ngx_http_mailportal_openapi_versioned(route)) {
        ngx_http_mailportal_openapi_parameter(json, "If-Match", "header",
                         "string", 0, "The ETag of the version that you saw.");
    }

    for (input = ngx_http_mailportal_inputs; input->path; input++) {

        if (ngx_http_mailportal_openapi_takes(route, input)
            && ngx_strcmp(input->in, "body") != 0)
        {
            ngx_http_mailportal_openapi_parameter(json, input->name,
                                                  input->in, input->type,
                                                  input->required,
                                                  input->doc);
        }
    }
}


static ngx_uint_t
ngx_http_mailportal_openapi_takes(const ngx_http_mailportal_route_t *route,
    const ngx_http_mailportal_input_t *input)
{
    return route->method == input->method
           && ngx_strcmp(route->path.data, input->path) == 0;
}


static void
ngx_http_mailportal_openapi_parameter(struct mp_json *json, const char *name,
    const char *in, const char *type, ngx_uint_t required, const char *doc)
{
    mp_json_object(json, NULL);
    mp_json_text(json, "name", name);
    mp_json_text(json, "in", in);
    mp_json_bool(json, "required", required != 0);
    mp_json_text(json, "description", doc);
    mp_json_object(json, "schema");
    mp_json_text(json, "type", type);
    mp_json_end_object(json);
    mp_json_end_object(json);
}


static void
ngx_http_mailportal_openapi_body(struct mp_json *json,
    const ngx_http_mailportal_route_t *route)
{
    ngx_uint_t  text;

    text = route->body == NGX_HTTP_MAILPORTAL_TEXT;

    mp_json_object(json, "requestBody");
    mp_json_bool(json, "required",
                 route->body != NGX_HTTP_MAILPORTAL_OPTIONAL);
    mp_json_number(json, "x-max-bytes", (int64_t) route->max);
    mp_json_object(json, "content");
    mp_json_object(json, text ? "text/plain" : "application/json");
    mp_json_object(json, "schema");
    mp_json_text(json, "type", text ? "string" : "object");
    ngx_http_mailportal_openapi_members(json, route);
    mp_json_end_object(json);
    mp_json_end_object(json);
    mp_json_end_object(json);
    mp_json_end_object(json);
}


static void
ngx_http_mailportal_openapi_members(struct mp_json *json,
    const ngx_http_mailportal_route_t *route)
{
    const ngx_http_mailportal_input_t  *input;

    mp_json_object(json, "properties");

    for (input = ngx_http_mailportal_inputs; input->path; input++) {

        if (!ngx_http_mailportal_openapi_takes(route, input)
            || ngx_strcmp(input->in, "body") != 0)
        {
            continue;
        }

        mp_json_object(json, input->name);
        mp_json_text(json, "type", input->type);
        mp_json_text(json, "description", input->doc);
        mp_json_end_object(json);
    }

    mp_json_end_object(json);

    mp_json_array(json, "required");

    for (input = ngx_http_mailportal_inputs; input->path; input++) {

        if (ngx_http_mailportal_openapi_takes(route, input)
            && ngx_strcmp(input->in, "body") == 0 && input->required)
        {
            mp_json_text(json, NULL, input->name);
        }
    }

    mp_json_end_array(json);
}


/* the failures of one HTTP status are one response */

static void
ngx_http_mailportal_openapi_responses(struct mp_json *json,
    const ngx_http_mailportal_route_t *route)
{
    int                                   http, seen;
    const ngx_http_mailportal_failure_t  *failure;

    mp_json_object(json, "responses");

    mp_json_object(json, "2XX");
    mp_json_text(json, "description", route->summary);
    mp_json_end_object(json);

    seen = 0;

    /* the table is in the order of the statuses */

    for (failure = ngx_http_mailportal_failures; failure->applies; failure++) {
        http = mp_status_http(failure->status);

        if (http != seen && failure->applies(route)) {
            ngx_http_mailportal_openapi_failure(json, route, http);
            seen = http;
        }
    }

    mp_json_end_object(json);
}


static void
ngx_http_mailportal_openapi_failure(struct mp_json *json,
    const ngx_http_mailportal_route_t *route, int http)
{
    char                                  key[NGX_INT_T_LEN + 1];
    const ngx_http_mailportal_failure_t  *failure;

    (void) ngx_snprintf((u_char *) key, sizeof(key), "%d%Z", http);

    mp_json_object(json, key);
    mp_json_text(json, "description", "problem+json");
    mp_json_array(json, "x-codes");

    for (failure = ngx_http_mailportal_failures; failure->applies; failure++) {
        if (mp_status_http(failure->status) == http
            && failure->applies(route))
        {
            mp_json_text(json, NULL, mp_status_name(failure->status));
        }
    }

    mp_json_end_array(json);

    mp_json_object(json, "content");
    mp_json_object(json, "application/problem+json");
    mp_json_object(json, "schema");
    mp_json_text(json, "$ref", "#/components/schemas/Problem");
    mp_json_end_object(json);
    mp_json_end_object(json);
    mp_json_end_object(json);
    mp_json_end_object(json);
}


static void
ngx_http_mailportal_openapi_components(struct mp_json *json)
{
    ngx_uint_t                i;
    static const char *const  text[] = { "type", "title", "detail", "code",
                                         "request_id" };

    mp_json_object(json, "securitySchemes");
    mp_json_object(json, "session");
    mp_json_text(json, "type", "apiKey");
    mp_json_text(json, "in", "cookie");
    mp_json_text(json, "name", NGX_HTTP_MAILPORTAL_COOKIE);
    mp_json_end_object(json);
    mp_json_end_object(json);

    mp_json_object(json, "schemas");
    mp_json_object(json, "Problem");
    mp_json_text(json, "type", "object");
    mp_json_object(json, "properties");

    for (i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
        mp_json_object(json, text[i]);
        mp_json_text(json, "type", "string");
        mp_json_end_object(json);
    }

    mp_json_object(json, "status");
    mp_json_text(json, "type", "integer");
    mp_json_end_object(json);

    mp_json_object(json, "errors");
    mp_json_text(json, "type", "array");
    mp_json_text(json, "description", "{field, text} of each field at fault");
    mp_json_end_object(json);

    mp_json_end_object(json);
    mp_json_end_object(json);
    mp_json_end_object(json);
}


static const char *
ngx_http_mailportal_openapi_method(ngx_uint_t method)
{
    switch (method) {
    case NGX_HTTP_GET:
        return "get";
    case NGX_HTTP_POST:
        return "post";
    case NGX_HTTP_PUT:
        return "put";
    case NGX_HTTP_PATCH:
        return "patch";
    default:
        return "delete";
    }
}


static const char *
ngx_http_mailportal_openapi_role(ngx_http_mailportal_role_e role)
{
    switch (role) {
    case NGX_HTTP_MAILPORTAL_NOBODY:
        return "none";
    case NGX_HTTP_MAILPORTAL_DOMAIN:
        return "DomainAdmin";
    case NGX_HTTP_MAILPORTAL_MASTER:
        return "MasterAdmin";
    }

    return "MasterAdmin";
}


static ngx_uint_t
ngx_http_mailportal_openapi_versioned(const ngx_http_mailportal_route_t *route)
{
    return route->body == NGX_HTTP_MAILPORTAL_JSON
           && ngx_strncmp(route->path.data, "settings", 8) == 0;
}


static ngx_uint_t
ngx_http_mailportal_fails_always(const ngx_http_mailportal_route_t *route)
{
    return 1;
}


static ngx_uint_t
ngx_http_mailportal_fails_session(const ngx_http_mailportal_route_t *route)
{
    return route->role != NGX_HTTP_MAILPORTAL_NOBODY;
}


static ngx_uint_t
ngx_http_mailportal_fails_signin(const ngx_http_mailportal_route_t *route)
{
    return route->role == NGX_HTTP_MAILPORTAL_NOBODY && route->csrf;
}


static ngx_uint_t
ngx_http_mailportal_fails_master(const ngx_http_mailportal_route_t *route)
{
    return route->role == NGX_HTTP_MAILPORTAL_MASTER;
}


static ngx_uint_t
ngx_http_mailportal_fails_absent(const ngx_http_mailportal_route_t *route)
{
    return strchr((char *) route->path.data, '{') != NULL;
}


static ngx_uint_t
ngx_http_mailportal_fails_conflict(const ngx_http_mailportal_route_t *route)
{
    return ngx_strncmp(route->path.data, "lists/", 6) == 0
           || (ngx_strncmp(route->path.data, "jobs", 4) == 0
               && route->method != NGX_HTTP_GET);
}


static ngx_uint_t
ngx_http_mailportal_fails_precondition(
    const ngx_http_mailportal_route_t *route)
{
    return ngx_http_mailportal_openapi_versioned(route)
           || (ngx_strcmp(route->path.data, "jobs") == 0
               && route->method == NGX_HTTP_POST);
}


static ngx_uint_t
ngx_http_mailportal_fails_write(const ngx_http_mailportal_route_t *route)
{
    return route->csrf != 0;
}


static ngx_uint_t
ngx_http_mailportal_fails_body(const ngx_http_mailportal_route_t *route)
{
    return route->body != NGX_HTTP_MAILPORTAL_EMPTY;
}


static ngx_uint_t
ngx_http_mailportal_fails_rate(const ngx_http_mailportal_route_t *route)
{
    return route->rate != 0;
}
