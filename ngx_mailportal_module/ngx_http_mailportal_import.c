
/*
 * Copyright (C) The mailportal authors
 *
 * Import and export of a list, an entry a line.
 */


#include "ngx_http_mailportal.h"


ngx_int_t
ngx_http_mailportal_import_post(ngx_http_request_t *r)
{
    return ngx_http_mailportal_fail(r, MP_BUSY, NULL, "not there yet");
}


ngx_int_t
ngx_http_mailportal_export_get(ngx_http_request_t *r)
{
    return ngx_http_mailportal_fail(r, MP_BUSY, NULL, "not there yet");
}
