
/*
 * Copyright (C) The mailportal authors
 *
 * Versions of what runs.
 */


#include "ngx_http_mailportal_nodes.h"


static ngx_int_t ngx_http_mailportal_about_send(ngx_http_request_t *r,
    ngx_array_t *nodes);


ngx_int_t
ngx_http_mailportal_about_get(ngx_http_request_t *r)
{
    return ngx_http_mailportal_nodes_read(r, 0,
                                          ngx_http_mailportal_about_send);
}


static ngx_int_t
ngx_http_mailportal_about_send(ngx_http_request_t *r, ngx_array_t *nodes)
{
    ngx_uint_t                   i;
    struct mp_json               json;
    ngx_http_mailportal_node_t  *node;

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_text(&json, "api", MP_VERSION);
    mp_json_text(&json, "gui", MP_VERSION);
    mp_json_array(&json, "components");

    node = nodes ? nodes->elts : NULL;

    for (i = 0; nodes && i < nodes->nelts; i++) {
        if (!node[i].alive) {
            continue;
        }

        mp_json_object(&json, NULL);
        mp_json_text(&json, "component", node[i].heartbeat.component);
        mp_json_text(&json, "node", node[i].heartbeat.node);
        mp_json_text(&json, "build", node[i].heartbeat.build);
        mp_json_end_object(&json);
    }

    mp_json_end_array(&json);
    mp_json_bool(&json, "stale", nodes == NULL);
    mp_json_end_object(&json);

    ngx_http_mailportal_ctx(r)->stale = nodes == NULL;

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}
