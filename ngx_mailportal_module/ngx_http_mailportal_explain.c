
/*
 * Copyright (C) The mailportal authors
 *
 * What would happen to a message: the milter's own rules.
 */


#include "ngx_http_mailportal.h"


ngx_int_t
ngx_http_mailportal_explain_get(ngx_http_request_t *r)
{
    return ngx_http_mailportal_fail(r, MP_BUSY, NULL, "not there yet");
}
