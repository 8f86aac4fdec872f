
/*
 * Copyright (C) The mailportal authors
 *
 * Finished backups: listed from Redis, sent from the folder of this node's
 * agent by nginx's own static module, removed by the agent.
 */


#include "ngx_http_mailportal_nodes.h"
#include "mp_backup.h"


/* where conf/nginx/mailportal.conf has the folder, for nobody from outside */
#define NGX_HTTP_MAILPORTAL_BACKUPS_URI  "/mailportal-backups/"

#define NGX_HTTP_MAILPORTAL_BACKUPS_NODES  64


typedef struct {
    ngx_uint_t             n;
    ngx_uint_t             drop;
    char                   name[MP_BACKUP_NAME];
    char                   node[NGX_HTTP_MAILPORTAL_BACKUPS_NODES]
                               [MP_NODE_SIZE];
    struct mp_backup       found;
    ngx_str_t              uri;
} ngx_http_mailportal_backups_t;


static ngx_int_t ngx_http_mailportal_backups_begin(ngx_http_request_t *r,
    ngx_uint_t drop);
static ngx_int_t ngx_http_mailportal_backups_nodes(ngx_http_request_t *r,
    ngx_array_t *nodes);
static ngx_int_t ngx_http_mailportal_backups_reply(ngx_http_request_t *r,
    redisReply *reply);
static redisReply *ngx_http_mailportal_backups_of(
    ngx_http_mailportal_backups_t *backups, redisReply *reply, ngx_uint_t i);
static ngx_int_t ngx_http_mailportal_backups_list(ngx_http_request_t *r,
    ngx_http_mailportal_backups_t *backups, redisReply *reply);
static int ngx_libc_cdecl ngx_http_mailportal_backups_cmp(const void *one,
    const void *two);
static ngx_int_t ngx_http_mailportal_backups_one(ngx_http_request_t *r,
    ngx_http_mailportal_backups_t *backups, redisReply *reply);
static ngx_int_t ngx_http_mailportal_backups_send(ngx_http_request_t *r,
    ngx_http_mailportal_backups_t *backups);
static void ngx_http_mailportal_backups_redirect(ngx_http_request_t *r);
static ngx_int_t ngx_http_mailportal_backups_drop(ngx_http_request_t *r,
    ngx_http_mailportal_backups_t *backups);
static ngx_int_t ngx_http_mailportal_backups_dropped(ngx_http_request_t *r,
    redisReply *reply);
static ngx_int_t ngx_http_mailportal_backups_none(ngx_http_request_t *r);


ngx_int_t
ngx_http_mailportal_backups_get(ngx_http_request_t *r)
{
    return ngx_http_mailportal_backups_begin(r, 0);
}


ngx_int_t
ngx_http_mailportal_backups_delete(ngx_http_request_t *r)
{
    return ngx_http_mailportal_backups_begin(r, 1);
}


static ngx_int_t
ngx_http_mailportal_backups_begin(ngx_http_request_t *r, ngx_uint_t drop)
{
    ngx_str_t                      *name;
    ngx_http_mailportal_ctx_t      *ctx;
    ngx_http_mailportal_backups_t  *backups;

    backups = ngx_pcalloc(r->pool, sizeof(ngx_http_mailportal_backups_t));
    if (backups == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_http_mailportal_ctx(r);
    ctx->data = backups;
    backups->drop = drop;
    name = &ctx->param[0];

    /* an address without a name is that of the list */

    if (ngx_strchr(ctx->route->path.data, '{')) {

        if (!mp_backup_name_check((char *) name->data, name->len)) {
            return ngx_http_mailportal_backups_none(r);
        }

        ngx_memcpy(backups->name, name->data, name->len);
    }

    return ngx_http_mailportal_nodes_read(r, 0,
                                          ngx_http_mailportal_backups_nodes);
}


static ngx_int_t
ngx_http_mailportal_backups_nodes(ngx_http_request_t *r, ngx_array_t *nodes)
{
    ngx_uint_t                      i;
    struct mp_cmd                  *cmd;
    struct mp_keyname               key;
    ngx_http_mailportal_node_t     *node;
    ngx_http_mailportal_backups_t  *backups;

    if (nodes == NULL) {
        return ngx_http_mailportal_fail(r, MP_REDIS_AWAY, NULL,
                                        "the list of backups is in Redis");
    }

    backups = ngx_http_mailportal_ctx(r)->data;
    node = nodes->elts;

    for (i = 0; i < nodes->nelts; i++) {
        if (ngx_strcmp(node[i].heartbeat.component, "agent") == 0
            && backups->n < NGX_HTTP_MAILPORTAL_BACKUPS_NODES)
        {
            ngx_memcpy(backups->node[backups->n++], node[i].heartbeat.node,
                       MP_NODE_SIZE);
        }
    }

    if (backups->n == 0) {
        return backups->name[0] ? ngx_http_mailportal_backups_none(r)
                                : ngx_http_mailportal_backups_list(r, backups,
                                                                   NULL);
    }

    cmd = ngx_pcalloc(r->pool, backups->n * sizeof(struct mp_cmd));
    if (cmd == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < backups->n; i++) {
        (void) mp_key_name(&key, MP_KEY_BACKUPS, backups->node[i]);

        mp_cmd_init(&cmd[i]);

        if (backups->name[0]) {
            mp_cmd_texts(&cmd[i], "HGET", key.text, backups->name, NULL);
        } else {
            mp_cmd_texts(&cmd[i], "HVALS", key.text, NULL);
        }
    }

    return ngx_http_mailportal_op(r, cmd, backups->n,
                                  backups->drop
                                  ? NGX_HTTP_MAILPORTAL_PREPARE
                                  : NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_backups_reply);
}


static ngx_int_t
ngx_http_mailportal_backups_reply(ngx_http_request_t *r, redisReply *reply)
{
    ngx_http_mailportal_backups_t  *backups;

    backups = ngx_http_mailportal_ctx(r)->data;

    return backups->name[0]
           ? ngx_http_mailportal_backups_one(r, backups, reply)
           : ngx_http_mailportal_backups_list(r, backups, reply);
}


/* of one command the reply is its own, of several it is an array of theirs */

static redisReply *
ngx_http_mailportal_backups_of(ngx_http_mailportal_backups_t *backups,
    redisReply *reply, ngx_uint_t i)
{
    return backups->n == 1 ? reply : reply->element[i];
}


/* newest first; what is not valid is left out */

static ngx_int_t
ngx_http_mailportal_backups_list(ngx_http_request_t *r,
    ngx_http_mailportal_backups_t *backups, redisReply *reply)
{
    size_t             k;
    ngx_uint_t         i;
    redisReply        *list;
    ngx_array_t        all;
    struct mp_json     json;
    struct mp_backup  *backup;

    if (ngx_array_init(&all, r->pool, 16, sizeof(struct mp_backup))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < backups->n; i++) {
        list = ngx_http_mailportal_backups_of(backups, reply, i);

        for (k = 0; list->type == REDIS_REPLY_ARRAY && k < list->elements;
             k++)
        {
            backup = ngx_array_push(&all);
            if (backup == NULL) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            if (list->element[k]->type != REDIS_REPLY_STRING
                || mp_backup_parse(backup, list->element[k]->str,
                                   list->element[k]->len, NULL)
                   != MP_OK)
            {
                all.nelts--;
            }
        }
    }

    ngx_qsort(all.elts, all.nelts, sizeof(struct mp_backup),
              ngx_http_mailportal_backups_cmp);

    backup = all.elts;

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_array(&json, "backups");

    for (i = 0; i < all.nelts; i++) {
        mp_backup_render(&json, NULL, &backup[i]);
    }

    mp_json_end_array(&json);
    mp_json_end_object(&json);

    return ngx_http_mailportal_send(r, NGX_HTTP_OK, &json);
}


static int ngx_libc_cdecl
ngx_http_mailportal_backups_cmp(const void *one, const void *two)
{
    return ngx_strcmp(((const struct mp_backup *) two)->created_at,
                      ((const struct mp_backup *) one)->created_at);
}


static ngx_int_t
ngx_http_mailportal_backups_one(ngx_http_request_t *r,
    ngx_http_mailportal_backups_t *backups, redisReply *reply)
{
    ngx_uint_t   i;
    redisReply  *text;

    for (i = 0; i < backups->n; i++) {
        text = ngx_http_mailportal_backups_of(backups, reply, i);

        if (text->type == REDIS_REPLY_STRING
            && mp_backup_parse(&backups->found, text->str, text->len, NULL)
               == MP_OK
            && ngx_strcmp(backups->found.name, backups->name) == 0
            && ngx_strcmp(backups->found.node, backups->node[i]) == 0)
        {
            return backups->drop
                   ? ngx_http_mailportal_backups_drop(r, backups)
                   : ngx_http_mailportal_backups_send(r, backups);
        }
    }

    return ngx_http_mailportal_backups_none(r);
}


/* from here on it is a file, with Range and all */

static ngx_int_t
ngx_http_mailportal_backups_send(ngx_http_request_t *r,
    ngx_http_mailportal_backups_t *backups)
{
    char        value[MP_BACKUP_NAME + 32];
    u_char     *p;
    ngx_str_t   uri, *node;

    node = &ngx_http_mailportal_conf()->node;

    if (ngx_strlen(backups->found.node) != node->len
        || ngx_strncmp(backups->found.node, node->data, node->len) != 0)
    {
        return ngx_http_mailportal_fail(r, MP_CONFLICT, NULL,
                                        "the file is on the node %s: ask the "
                                        "portal there",
                                        backups->found.node);
    }

    (void) snprintf(value, sizeof(value), "attachment; filename=\"%s\"",
                    backups->name);

    if (ngx_http_mailportal_header(r, "Content-Disposition", value) != NGX_OK
        || ngx_http_mailportal_header(r, "Cache-Control", "no-store")
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    uri.len = sizeof(NGX_HTTP_MAILPORTAL_BACKUPS_URI) - 1
              + ngx_strlen(backups->name);
    uri.data = ngx_pnalloc(r->pool, uri.len);
    if (uri.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_cpymem(uri.data, NGX_HTTP_MAILPORTAL_BACKUPS_URI,
                   sizeof(NGX_HTTP_MAILPORTAL_BACKUPS_URI) - 1);
    ngx_memcpy(p, backups->name, ngx_strlen(backups->name));

    ngx_http_mailportal_audit(r, "backup.download", backups->name, MP_OK);

    backups->uri = uri;

    /* who called us still needs the request, which the core may end */

    r->write_event_handler = ngx_http_mailportal_backups_redirect;

    return ngx_http_post_request(r, NULL) == NGX_OK
           ? NGX_AGAIN : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* it is the core's from here on, and we have ended our part of it */

static void
ngx_http_mailportal_backups_redirect(ngx_http_request_t *r)
{
    ngx_str_t                       uri;
    ngx_http_mailportal_backups_t  *backups;

    backups = ngx_http_mailportal_ctx(r)->data;
    uri = backups->uri;

    (void) ngx_http_internal_redirect(r, &uri, NULL);
    ngx_http_finalize_request(r, NGX_DONE);
}


/* the agent removes it, now or when it comes back; the list is without it */

static ngx_int_t
ngx_http_mailportal_backups_drop(ngx_http_request_t *r,
    ngx_http_mailportal_backups_t *backups)
{
    struct mp_cmd      cmds[2];
    struct mp_keyname  key;

    (void) mp_key_name(&key, MP_KEY_BACKUPS, backups->found.node);

    mp_cmd_init(&cmds[0]);
    mp_backup_drop_command(&cmds[0], backups->found.node, backups->name);

    mp_cmd_init(&cmds[1]);
    mp_cmd_texts(&cmds[1], "HDEL", key.text, backups->name, NULL);

    return ngx_http_mailportal_op(r, cmds, 2, NGX_HTTP_MAILPORTAL_WRITE,
                                  ngx_http_mailportal_backups_dropped);
}


static ngx_int_t
ngx_http_mailportal_backups_dropped(ngx_http_request_t *r, redisReply *reply)
{
    ngx_http_mailportal_backups_t  *backups;

    backups = ngx_http_mailportal_ctx(r)->data;

    ngx_http_mailportal_audit(r, "backup.delete", backups->name, MP_OK);

    return ngx_http_mailportal_send(r, NGX_HTTP_NO_CONTENT, NULL);
}


static ngx_int_t
ngx_http_mailportal_backups_none(ngx_http_request_t *r)
{
    return ngx_http_mailportal_fail(r, MP_NOT_FOUND, NULL,
                                    "there is no such backup");
}
