
/*
 * Copyright (C) The mailportal authors
 *
 * Liveness, with reasons.  A worker that still answers from its snapshot is
 * alive: a restart would only lose what it knows.
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_redis.h"


ngx_int_t
ngx_http_mailportal_healthz_get(ngx_http_request_t *r)
{
    ngx_uint_t                             reasons, down;
    struct mp_json                         json;
    const ngx_http_mailportal_snapshot_t  *snapshot;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    snapshot = ngx_http_mailportal_snapshot();
    down = snapshot->version.number == 0;

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_array(&json, "reasons");
    reasons = ngx_http_mailportal_reasons(&json);
    mp_json_end_array(&json);

    mp_json_text(&json, "status", down ? "down"
                                       : reasons ? "degraded" : "ok");
    mp_json_number(&json, "settings", (int64_t) snapshot->version.number);
    mp_json_text(&json, "lists", snapshot->lists);
    mp_json_bool(&json, "stale", snapshot->stale || snapshot->regressed);
    mp_json_end_object(&json);

    return ngx_http_mailportal_send(r, down ? NGX_HTTP_SERVICE_UNAVAILABLE
                                            : NGX_HTTP_OK, &json);
}


ngx_uint_t
ngx_http_mailportal_reasons(struct mp_json *json)
{
    ngx_uint_t                             n;
    ngx_http_mailportal_redis_t           *redis;
    const ngx_http_mailportal_snapshot_t  *snapshot;

    n = 0;
    redis = ngx_http_mailportal_redis();
    snapshot = ngx_http_mailportal_snapshot();

    if (snapshot->version.number == 0) {
        mp_json_text(json, NULL, "no settings have been read");
        n++;
    }

    if (!redis->up) {
        mp_json_text(json, NULL, redis->problem[0]
                                     ? redis->problem
                                     : mp_status_title(MP_REDIS_AWAY));
        n++;

    } else if (redis->writes != MP_OK || redis->problem[0]) {
        mp_json_text(json, NULL, redis->problem[0]
                                     ? redis->problem
                                     : mp_status_title(redis->writes));
        n++;
    }

    if (snapshot->regressed) {
        mp_json_text(json, NULL, mp_status_title(MP_REGRESSED));
        n++;

    } else if (snapshot->problem[0]) {
        mp_json_text(json, NULL, snapshot->problem);
        n++;
    }

    return n;
}
