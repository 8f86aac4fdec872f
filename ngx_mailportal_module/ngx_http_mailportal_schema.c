
/*
 * Copyright (C) The mailportal authors
 *
 * The settings table, for forms.
 */


#include "ngx_http_mailportal.h"


ngx_int_t
ngx_http_mailportal_schema_get(ngx_http_request_t *r)
{
    return ngx_http_mailportal_fail(r, MP_BUSY, NULL, "not there yet");
}
