
/*
 * Copyright (C) The mailportal authors
 *
 * Counters in the OpenMetrics form.
 */


#include "ngx_http_mailportal.h"


ngx_int_t
ngx_http_mailportal_metrics_get(ngx_http_request_t *r)
{
    return ngx_http_mailportal_fail(r, MP_BUSY, NULL, "not there yet");
}
