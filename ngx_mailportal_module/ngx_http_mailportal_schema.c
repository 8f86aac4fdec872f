
/*
 * Copyright (C) The mailportal authors
 *
 * The settings table, for forms.
 */


#include "ngx_http_mailportal.h"


ngx_int_t
ngx_http_mailportal_schema_get(ngx_http_request_t *r)
{
    struct mp_json  json;

    mp_json_init(&json);
    mp_settings_schema(&json);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}
