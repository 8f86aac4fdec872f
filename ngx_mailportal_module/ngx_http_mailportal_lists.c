
/*
 * Copyright (C) The mailportal authors
 *
 * The white- and the blacklist: pages of entries, and one entry.
 */


#include "ngx_http_mailportal.h"


ngx_int_t
ngx_http_mailportal_list_get(ngx_http_request_t *r)
{
    return ngx_http_mailportal_fail(r, MP_BUSY, NULL, "not there yet");
}


ngx_int_t
ngx_http_mailportal_entry_put(ngx_http_request_t *r)
{
    return ngx_http_mailportal_fail(r, MP_BUSY, NULL, "not there yet");
}


ngx_int_t
ngx_http_mailportal_entry_delete(ngx_http_request_t *r)
{
    return ngx_http_mailportal_fail(r, MP_BUSY, NULL, "not there yet");
}
