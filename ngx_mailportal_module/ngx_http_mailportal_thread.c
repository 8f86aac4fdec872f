
/*
 * Copyright (C) The mailportal authors
 *
 * Work that takes long, off the event loop.
 */


#include "ngx_http_mailportal.h"


/* a draining worker is held by timers only, so each task has one */
#define NGX_HTTP_MAILPORTAL_TASK_TIME  60000
#define NGX_HTTP_MAILPORTAL_NICE       10


typedef struct {
    ngx_http_request_t              *r;
    ngx_thread_task_t               *task;
    ngx_http_mailportal_handler_pt   next;
    void                           (*work)(void *data);
} ngx_http_mailportal_task_t;


static void ngx_http_mailportal_thread_run(void *data, ngx_log_t *log);
static void ngx_http_mailportal_thread_done(ngx_event_t *ev);


void *
ngx_http_mailportal_thread_data(ngx_http_request_t *r, size_t size)
{
    ngx_thread_task_t           *task;
    ngx_http_mailportal_task_t  *t;

    task = ngx_thread_task_alloc(r->pool,
                                 sizeof(ngx_http_mailportal_task_t) + size);
    if (task == NULL) {
        return NULL;
    }

    t = task->ctx;
    t->r = r;
    t->task = task;

    return t + 1;
}


ngx_int_t
ngx_http_mailportal_thread(ngx_http_request_t *r, void *data,
    void (*work)(void *data), ngx_http_mailportal_handler_pt next)
{
    ngx_thread_task_t                *task;
    ngx_http_mailportal_task_t       *t;
    ngx_http_mailportal_main_conf_t  *mmcf;

    mmcf = ngx_http_mailportal_conf();

    t = (ngx_http_mailportal_task_t *) data - 1;
    t->next = next;
    t->work = work;

    task = t->task;
    task->handler = ngx_http_mailportal_thread_run;
    task->event.handler = ngx_http_mailportal_thread_done;
    task->event.data = t;
    task->event.log = r->connection->log;

    if (mmcf->pool == NULL || ngx_thread_task_post(mmcf->pool, task) != NGX_OK)
    {
        return ngx_http_mailportal_fail(r, MP_BUSY, NULL,
                                        "too many passwords are being "
                                        "checked, try again");
    }

    ngx_add_timer(&task->event, NGX_HTTP_MAILPORTAL_TASK_TIME);

    /* blocked keeps r->pool, in which the thread works */

    r->main->blocked++;
    r->aio = 1;

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_AGAIN;
}


/*
 * In the thread: no request, no pool, no log.  It is nicer than the event
 * loop, which others wait for; the niceness of Linux is a thread's own.
 */

static void
ngx_http_mailportal_thread_run(void *data, ngx_log_t *log)
{
    ngx_http_mailportal_task_t *t = data;

    (void) setpriority(PRIO_PROCESS, 0, NGX_HTTP_MAILPORTAL_NICE);

    t->work(t + 1);
}


static void
ngx_http_mailportal_thread_done(ngx_event_t *ev)
{
    ngx_connection_t            *c;
    ngx_http_request_t          *r;
    ngx_http_mailportal_task_t  *t;

    t = ev->data;
    r = t->r;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (ev->timedout) {
        ngx_log_error(NGX_LOG_ERR, c->log, 0, "a thread takes very long");

        ev->timedout = 0;
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    r->main->blocked--;
    r->aio = 0;

    ngx_http_mailportal_continue(r, t->next(r));

    ngx_http_run_posted_requests(c);
}
