
/*
 * Copyright (C) The mailportal authors
 *
 * Counters of this worker, added once a second to those of the node.
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_redis.h"
#include "ngx_http_mailportal_worker.h"


static void ngx_http_mailportal_stat_flush(ngx_event_t *ev);


static const char  *ngx_http_mailportal_stat_names[] = {
    "requests",
    "errors_5xx",
    "signins",
    "signin_failures",
    "throttled",
    "redis_errors"
};


static ngx_event_t  ngx_http_mailportal_stat_event;
static uint64_t     ngx_http_mailportal_stats[NGX_HTTP_MAILPORTAL_STATS];


void
ngx_http_mailportal_count(ngx_http_mailportal_stat_e stat)
{
    ngx_http_mailportal_stats[stat]++;
}


void
ngx_http_mailportal_stat_start(ngx_cycle_t *cycle)
{
    ngx_event_t  *ev;

    ev = &ngx_http_mailportal_stat_event;

    ev->handler = ngx_http_mailportal_stat_flush;
    ev->data = ngx_http_mailportal_redis();
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, 1000);
}


static void
ngx_http_mailportal_stat_flush(ngx_event_t *ev)
{
    char               part[128];
    ngx_uint_t         i;
    struct mp_cmd      cmd;
    struct mp_keyname  key;

    (void) snprintf(part, sizeof(part), "nginx:%.*s",
                    (int) ngx_http_mailportal_conf()->node.len,
                    ngx_http_mailportal_conf()->node.data);
    (void) mp_key_name(&key, MP_KEY_STAT, part);

    mp_cmd_init(&cmd);

    for (i = 0; i < NGX_HTTP_MAILPORTAL_STATS; i++) {

        if (ngx_http_mailportal_stats[i] == 0) {
            continue;
        }

        mp_cmd_reset(&cmd);
        mp_cmd_texts(&cmd, "HINCRBY", key.text,
                     ngx_http_mailportal_stat_names[i], NULL);
        mp_cmd_number(&cmd, (long long) ngx_http_mailportal_stats[i]);

        if (ngx_http_mailportal_redis_send(ngx_http_mailportal_redis(), &cmd,
                                           0, NULL, NULL)
            == NGX_OK)
        {
            ngx_http_mailportal_stats[i] = 0;
        }
    }

    mp_cmd_free(&cmd);

    if (!ngx_exiting) {
        ngx_add_timer(ev, 1000);
    }
}
