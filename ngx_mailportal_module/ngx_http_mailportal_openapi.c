
/*
 * Copyright (C) The mailportal authors
 *
 * The description of the API, made of the route table.
 */


#include "ngx_http_mailportal.h"


ngx_int_t
ngx_http_mailportal_openapi_get(ngx_http_request_t *r)
{
    return ngx_http_mailportal_fail(r, MP_BUSY, NULL, "not there yet");
}
