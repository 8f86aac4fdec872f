
/*
 * Copyright (C) The mailportal authors
 *
 * How many entries of the queues wait for each node.
 */


#include "ngx_http_mailportal_nodes.h"
#include "mp_action.h"


typedef struct {
    ngx_http_mailportal_handler_pt   next;
    ngx_uint_t                       action;   /* the next row to look at */
    const char                      *executor; /* that was asked for */
    ngx_array_t                      waiting;
} ngx_http_mailportal_queues_t;


static ngx_int_t ngx_http_mailportal_waiting_ask(ngx_http_request_t *r);
static ngx_uint_t ngx_http_mailportal_waiting_first(ngx_uint_t action);
static ngx_int_t ngx_http_mailportal_waiting_reply(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_waiting_add(
    ngx_http_mailportal_queues_t *queues, redisReply *group);
static redisReply *ngx_http_mailportal_waiting_field(redisReply *group,
    const char *name, int type);


ngx_int_t
ngx_http_mailportal_waiting_read(ngx_http_request_t *r,
    ngx_http_mailportal_handler_pt next)
{
    ngx_http_mailportal_queues_t  *queues;

    queues = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_queues_t));
    if (queues == NULL) {
        return NGX_ERROR;
    }

    if (ngx_array_init(&queues->waiting, r->pool, 8,
                       sizeof(ngx_http_mailportal_waiting_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    queues->next = next;
    ngx_http_mailportal_ctx(r)->data = queues;

    return ngx_http_mailportal_waiting_ask(r);
}


/* one executor after the other: the queue of one may not be there yet */

static ngx_int_t
ngx_http_mailportal_waiting_ask(ngx_http_request_t *r)
{
    struct mp_cmd                  cmd;
    struct mp_keyname              key;
    ngx_http_mailportal_queues_t  *queues;

    queues = ngx_http_mailportal_ctx(r)->data;

    while (queues->action < MP_ACTION_COUNT
           && !ngx_http_mailportal_waiting_first(queues->action))
    {
        queues->action++;
    }

    if (queues->action == MP_ACTION_COUNT) {
        ngx_http_mailportal_ctx(r)->data = &queues->waiting;
        return queues->next(r);
    }

    queues->executor = mp_action_table[queues->action++].executor;

    (void) mp_key_name(&key, MP_KEY_JOBS, queues->executor);

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XINFO", "GROUPS", key.text, NULL);

    return ngx_http_mailportal_op(r, &cmd, 1, NGX_HTTP_MAILPORTAL_RAW,
                                  ngx_http_mailportal_waiting_reply);
}


/* whether the action is the first of its executor */

static ngx_uint_t
ngx_http_mailportal_waiting_first(ngx_uint_t action)
{
    ngx_uint_t  i;

    for (i = 0; i < action; i++) {
        if (ngx_strcmp(mp_action_table[i].executor,
                       mp_action_table[action].executor)
            == 0)
        {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_http_mailportal_waiting_reply(ngx_http_request_t *r, redisReply *reply)
{
    size_t                         i;
    ngx_http_mailportal_queues_t  *queues;

    queues = ngx_http_mailportal_ctx(r)->data;

    if (reply && reply->type == REDIS_REPLY_ARRAY) {
        for (i = 0; i < reply->elements; i++) {
            if (ngx_http_mailportal_waiting_add(queues, reply->element[i])
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return ngx_http_mailportal_waiting_ask(r);
}


/*
 * A lag that Redis does not know, after a restart, is said by nobody: a 0
 * would be false.
 */

static ngx_int_t
ngx_http_mailportal_waiting_add(ngx_http_mailportal_queues_t *queues,
    redisReply *group)
{
    redisReply                     *name, *pending, *lag;
    ngx_http_mailportal_waiting_t  *waiting;

    if (group->type != REDIS_REPLY_ARRAY
        || queues->waiting.nelts == NGX_HTTP_MAILPORTAL_NODES_MAX)
    {
        return NGX_OK;
    }

    name = ngx_http_mailportal_waiting_field(group, "name",
                                             REDIS_REPLY_STRING);
    pending = ngx_http_mailportal_waiting_field(group, "pending",
                                                REDIS_REPLY_INTEGER);
    lag = ngx_http_mailportal_waiting_field(group, "lag",
                                            REDIS_REPLY_INTEGER);

    if (name == NULL || pending == NULL || lag == NULL
        || mp_node_check(name->str, NULL) != MP_OK)
    {
        return NGX_OK;
    }

    waiting = ngx_array_push(&queues->waiting);
    if (waiting == NULL) {
        return NGX_ERROR;
    }

    waiting->executor = queues->executor;
    waiting->jobs = pending->integer + lag->integer;
    (void) ngx_cpystrn((u_char *) waiting->node, (u_char *) name->str,
                       MP_NODE_SIZE);

    return NGX_OK;
}


static redisReply *
ngx_http_mailportal_waiting_field(redisReply *group, const char *name,
    int type)
{
    size_t  i;

    for (i = 0; i + 1 < group->elements; i += 2) {
        if (group->element[i]->type == REDIS_REPLY_STRING
            && ngx_strcmp(group->element[i]->str, name) == 0)
        {
            return group->element[i + 1]->type == type
                   ? group->element[i + 1] : NULL;
        }
    }

    return NULL;
}
