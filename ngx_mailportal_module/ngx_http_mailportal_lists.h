
/*
 * Copyright (C) The mailportal authors
 *
 * What the files of the lists share: the two lists, the head of their change
 * stream, and the commands that remove entries.
 */


#ifndef _NGX_HTTP_MAILPORTAL_LISTS_H_INCLUDED_
#define _NGX_HTTP_MAILPORTAL_LISTS_H_INCLUDED_


#include "ngx_http_mailportal.h"
#include "mp_list_log.h"


#define NGX_HTTP_MAILPORTAL_REMOVE  4          /* commands of _list_remove */


typedef struct {
    ngx_str_t           name;                  /* "blacklist" */
    const char         *member;                /* "black", of expires */
    enum mp_list_kind   kind;
    enum mp_key         set;
    enum mp_key         info;
    enum mp_key         hits;
    enum mp_key         last;
} ngx_http_mailportal_list_t;


/* an entry as the API shows it; texts end with a NUL, NULL is null */
typedef struct {
    const char         *entry;
    const char         *comment;
    const char         *by;
    const char         *at;
    const char         *expires;
    int64_t             hits;
    int64_t             last;                  /* unix second, 0 for never */
} ngx_http_mailportal_entry_t;


/* NULL when there is no such list */
const ngx_http_mailportal_list_t *ngx_http_mailportal_list_find(
    ngx_str_t *name);
const ngx_http_mailportal_list_t *ngx_http_mailportal_list_other(
    const ngx_http_mailportal_list_t *list);

/* the command that asks for the head of the change stream */
void ngx_http_mailportal_list_head_command(struct mp_cmd *cmd);

/*
 * Reads its reply: MP_OK with the id, or MP_REGRESSED when the stream is gone
 * or behind what this worker has seen
 */
enum mp_status ngx_http_mailportal_list_head(redisReply *reply, char id_r[32],
    struct mp_error *err);

/* the commands that remove n entries; the caller sends them as one MULTI */
void ngx_http_mailportal_list_remove(struct mp_cmd *cmds,
    const ngx_http_mailportal_list_t *list, const ngx_str_t *entries,
    ngx_uint_t n, const char *actor, const char *request_id);

/*
 * Reads the details, which come from Redis and may be anything; what is
 * wrong in them is null.  *json_r, which may become NULL, holds the texts.
 */
void ngx_http_mailportal_entry_info(ngx_http_mailportal_entry_t *entry,
    const char *bytes, size_t len, json_t **json_r);
void ngx_http_mailportal_entry_render(struct mp_json *json,
    const ngx_http_mailportal_entry_t *entry);

/* an integer that stands as text in a reply, 0 for anything else */
int64_t ngx_http_mailportal_reply_number(redisReply *reply);


#endif /* _NGX_HTTP_MAILPORTAL_LISTS_H_INCLUDED_ */
