
/*
 * Copyright (C) The mailportal authors
 *
 * Liveness, with reasons.
 */


#include "ngx_http_mailportal.h"


ngx_int_t
ngx_http_mailportal_healthz_get(ngx_http_request_t *r)
{
    return ngx_http_mailportal_fail(r, MP_BUSY, NULL, "not there yet");
}
