
/*
 * Copyright (C) The mailportal authors
 *
 * The heartbeat of this node's nginx, sent by its first worker.
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_redis.h"
#include "ngx_http_mailportal_worker.h"

#include "mp_heartbeat.h"


static void ngx_http_mailportal_beat(ngx_event_t *ev);
static void ngx_http_mailportal_beat_problem(struct mp_heartbeat *hb,
    const char *text);


static ngx_event_t  ngx_http_mailportal_beat_event;


void
ngx_http_mailportal_beat_start(ngx_cycle_t *cycle)
{
    ngx_event_t  *ev;

    if (ngx_worker != 0) {
        return;
    }

    ev = &ngx_http_mailportal_beat_event;

    ev->handler = ngx_http_mailportal_beat;
    ev->data = ngx_http_mailportal_redis();
    ev->log = cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, 200);
}


static void
ngx_http_mailportal_beat(ngx_event_t *ev)
{
    struct mp_cmd                          cmd;
    struct mp_heartbeat                    hb;
    ngx_http_mailportal_redis_t           *m;
    ngx_http_mailportal_main_conf_t       *mmcf;
    const ngx_http_mailportal_snapshot_t  *s;

    if (ngx_exiting) {
        return;
    }

    m = ngx_http_mailportal_redis();
    s = ngx_http_mailportal_snapshot();
    mmcf = ngx_http_mailportal_conf();

    ngx_memzero(&hb, sizeof(struct mp_heartbeat));

    (void) snprintf(hb.component, sizeof(hb.component), "nginx");
    (void) snprintf(hb.node, sizeof(hb.node), "%.*s", (int) mmcf->node.len,
                    mmcf->node.data);
    (void) snprintf(hb.build, sizeof(hb.build), "%s", MP_VERSION);
    ngx_memcpy(hb.lists, s->lists, sizeof(hb.lists));

    hb.pid = ngx_pid;
    hb.settings = s->version.number;
    hb.whitelist = s->whitelist;
    hb.blacklist = s->blacklist;
    hb.lag_msecs = s->lag_msecs;
    hb.stale = s->stale || s->regressed;

    ngx_http_mailportal_beat_problem(&hb, s->problem);
    ngx_http_mailportal_beat_problem(&hb, m->problem);

    mp_cmd_init(&cmd);
    mp_heartbeat_command(&cmd, &hb);

    (void) ngx_http_mailportal_redis_send(m, &cmd, 0, NULL, NULL);

    mp_cmd_reset(&cmd);
    mp_heartbeat_index_command(&cmd, &hb, ngx_time());

    (void) ngx_http_mailportal_redis_send(m, &cmd, 0, NULL, NULL);

    mp_cmd_free(&cmd);

    ngx_add_timer(ev, MP_HEARTBEAT_EVERY * 1000);
}


static void
ngx_http_mailportal_beat_problem(struct mp_heartbeat *hb, const char *text)
{
    if (text[0] && hb->problem_count < MP_PROBLEMS_MAX) {
        (void) snprintf(hb->problem[hb->problem_count],
                        sizeof(hb->problem[0]), "%.*s",
                        (int) sizeof(hb->problem[0]) - 1, text);
        hb->problem_count++;
    }
}
