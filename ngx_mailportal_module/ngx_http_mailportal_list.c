
/*
 * Copyright (C) The mailportal authors
 *
 * The two lists as Redis keeps them, for the files that read and write them.
 */


#include "ngx_http_mailportal_lists.h"
#include "mp_time.h"


static void ngx_http_mailportal_list_id(const char *text, uint64_t id[2]);
static const char *ngx_http_mailportal_list_text(json_t *json, const char *key);
static const char *ngx_http_mailportal_list_time(json_t *json, const char *key);


static const ngx_http_mailportal_list_t  ngx_http_mailportal_lists[] = {

    { ngx_string("whitelist"), "white", MP_LIST_WHITE,
      MP_KEY_WHITE, MP_KEY_WHITE_INFO, MP_KEY_WHITE_HITS, MP_KEY_WHITE_LAST },

    { ngx_string("blacklist"), "black", MP_LIST_BLACK,
      MP_KEY_BLACK, MP_KEY_BLACK_INFO, MP_KEY_BLACK_HITS, MP_KEY_BLACK_LAST }
};


const ngx_http_mailportal_list_t *
ngx_http_mailportal_list_find(ngx_str_t *name)
{
    ngx_uint_t                         i;
    const ngx_http_mailportal_list_t  *list;

    for (i = 0; i < 2; i++) {
        list = &ngx_http_mailportal_lists[i];

        if (list->name.len == name->len
            && ngx_memcmp(list->name.data, name->data, name->len) == 0)
        {
            return list;
        }
    }

    return NULL;
}


const ngx_http_mailportal_list_t *
ngx_http_mailportal_list_other(const ngx_http_mailportal_list_t *list)
{
    return list == &ngx_http_mailportal_lists[0]
               ? &ngx_http_mailportal_lists[1]
               : &ngx_http_mailportal_lists[0];
}


void
ngx_http_mailportal_list_head_command(struct mp_cmd *cmd)
{
    mp_cmd_init(cmd);
    mp_cmd_texts(cmd, "XREVRANGE", mp_key(MP_KEY_LISTS), "+", "-", "COUNT",
                 "1", NULL);
}


enum mp_status
ngx_http_mailportal_list_head(redisReply *reply, char id_r[32],
    struct mp_error *err)
{
    uint64_t     head[2], seen[2];
    redisReply  *entry, *id;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        return mp_fail(err, MP_REGRESSED, "",
                       "the change stream of the lists is gone");
    }

    entry = reply->element[0];

    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2
        || entry->element[0]->type != REDIS_REPLY_STRING
        || (size_t) entry->element[0]->len >= 32)
    {
        return mp_fail(err, MP_INTERNAL, "",
                       "the change stream of the lists cannot be read");
    }

    id = entry->element[0];
    ngx_memcpy(id_r, id->str, id->len + 1);

    ngx_http_mailportal_list_id(id_r, head);
    ngx_http_mailportal_list_id(ngx_http_mailportal_snapshot()->lists, seen);

    if (head[0] < seen[0] || (head[0] == seen[0] && head[1] < seen[1])) {
        return mp_fail(err, MP_REGRESSED, "",
                       "the lists in Redis are at %s, before what is in force",
                       id_r);
    }

    return MP_OK;
}


static void
ngx_http_mailportal_list_id(const char *text, uint64_t id[2])
{
    char  *end;

    id[0] = strtoull(text, &end, 10);
    id[1] = *end == '-' ? strtoull(end + 1, NULL, 10) : 0;
}


void
ngx_http_mailportal_list_remove(struct mp_cmd *cmds,
    const ngx_http_mailportal_list_t *list, const ngx_str_t *entries,
    ngx_uint_t n, const char *actor, const char *request_id)
{
    char                    at[MP_TIME_SIZE], member[MP_DOMAIN_MAX + 8];
    char                   *domains, *p;
    size_t                  len;
    ngx_uint_t              i;
    struct mp_list_change   change;

    for (i = 0; i < NGX_HTTP_MAILPORTAL_REMOVE; i++) {
        mp_cmd_init(&cmds[i]);
    }

    mp_cmd_texts(&cmds[0], "SREM", mp_key(list->set), NULL);
    mp_cmd_texts(&cmds[1], "HDEL", mp_key(list->info), NULL);
    mp_cmd_texts(&cmds[2], "ZREM", mp_key(MP_KEY_LIST_EXPIRES), NULL);

    domains = malloc(n * (MP_DOMAIN_MAX + 1));
    if (domains == NULL) {
        cmds[0].ok = false;
        return;
    }

    p = domains;

    for (i = 0; i < n; i++) {
        len = entries[i].len;

        mp_cmd_add(&cmds[0], entries[i].data, len);
        mp_cmd_add(&cmds[1], entries[i].data, len);

        (void) ngx_snprintf((u_char *) member, sizeof(member), "%s:%V%Z",
                            list->member, &entries[i]);
        mp_cmd_text(&cmds[2], member);

        if (i > 0) {
            *p++ = '\n';
        }

        p = (char *) ngx_cpymem(p, entries[i].data, len);
    }

    ngx_memzero(&change, sizeof(struct mp_list_change));

    change.op = MP_LIST_DEL;
    change.kind = list->kind;
    change.domains = domains;
    change.domains_len = p - domains;

    mp_time_format(at, ngx_time());
    mp_list_change_command(&cmds[3], &change, actor, at, request_id);

    free(domains);
}


void
ngx_http_mailportal_entry_info(ngx_http_mailportal_entry_t *entry,
    const char *bytes, size_t len, json_t **json_r)
{
    json_t  *json;

    json = bytes ? json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL) : NULL;

    *json_r = json;

    entry->comment = ngx_http_mailportal_list_text(json, "comment");
    entry->by = ngx_http_mailportal_list_text(json, "by");
    entry->at = ngx_http_mailportal_list_time(json, "at");
    entry->expires = ngx_http_mailportal_list_time(json, "expires");
}


static const char *
ngx_http_mailportal_list_text(json_t *json, const char *key)
{
    /* of NULL and of what is not there, NULL */
    return json_string_value(json_object_get(json, key));
}


static const char *
ngx_http_mailportal_list_time(json_t *json, const char *key)
{
    int64_t      seconds;
    const char  *text;

    text = ngx_http_mailportal_list_text(json, key);

    return text && mp_time_parse(&seconds, text, ngx_strlen(text)) ? text
                                                                   : NULL;
}


void
ngx_http_mailportal_entry_render(struct mp_json *json,
    const ngx_http_mailportal_entry_t *entry)
{
    char  last[MP_TIME_SIZE];

    if (entry->last > 0) {
        mp_time_format(last, entry->last);
    }

    mp_json_object(json, NULL);
    mp_json_text(json, "entry", entry->entry);
    mp_json_text(json, "comment", entry->comment);
    mp_json_text(json, "added_by", entry->by);
    mp_json_text(json, "added_at", entry->at);
    mp_json_text(json, "expires", entry->expires);
    mp_json_number(json, "hits", entry->hits);
    mp_json_text(json, "last_hit", entry->last > 0 ? last : NULL);
    mp_json_end_object(json);
}


int64_t
ngx_http_mailportal_reply_number(redisReply *reply)
{
    char       *end;
    long long   value;

    if (reply->type == REDIS_REPLY_INTEGER) {
        return reply->integer;
    }

    if (reply->type != REDIS_REPLY_STRING || reply->len == 0) {
        return 0;
    }

    ngx_set_errno(0);
    value = strtoll(reply->str, &end, 10);

    return ngx_errno == 0 && *end == '\0' && value > 0 ? value : 0;
}
