
/*
 * Copyright (C) The mailportal authors
 *
 * Counting attempts: so many in a quarter of an hour from one network.
 */


#include "ngx_http_mailportal.h"
#include "ngx_http_mailportal_redis.h"


static ngx_int_t ngx_http_mailportal_throttle_reply(ngx_http_request_t *r,
    redisReply *reply);


ngx_int_t
ngx_http_mailportal_throttle(ngx_http_request_t *r, ngx_uint_t rate,
    ngx_http_mailportal_handler_pt next)
{
    char                        part[40];
    struct mp_cmd               cmds[NGX_HTTP_MAILPORTAL_ATTEMPT];
    struct mp_keyname           key;
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);
    ctx->next = next;

    ngx_http_mailportal_network(part, r->connection->sockaddr);

    (void) mp_key_name(&key, MP_KEY_LOGIN_NET, part);

    ngx_http_mailportal_attempt(cmds, key.text);

    return ngx_http_mailportal_op(r, cmds, NGX_HTTP_MAILPORTAL_ATTEMPT,
                                  NGX_HTTP_MAILPORTAL_READ,
                                  ngx_http_mailportal_throttle_reply);
}


static ngx_int_t
ngx_http_mailportal_throttle_reply(ngx_http_request_t *r, redisReply *reply)
{
    ngx_http_mailportal_ctx_t  *ctx;

    ctx = ngx_http_mailportal_ctx(r);

    if (ngx_http_mailportal_exceeded(reply, 0, ctx->route->rate)) {
        return ngx_http_mailportal_throttled(r, reply, 0,
                                             "from this network");
    }

    return ctx->next(r);
}


/*
 * The attempt is counted before it is made, so that many at once are counted
 * too.  EXPIRE NX each time: a counter can never be left without an end.
 */

void
ngx_http_mailportal_attempt(struct mp_cmd *cmds, const char *key)
{
    mp_cmd_init(&cmds[0]);
    mp_cmd_texts(&cmds[0], "INCR", key, NULL);

    mp_cmd_init(&cmds[1]);
    mp_cmd_texts(&cmds[1], "EXPIRE", key, NULL);
    mp_cmd_number(&cmds[1], mp_key_table[MP_KEY_LOGIN_NET].ttl);
    mp_cmd_text(&cmds[1], "NX");

    mp_cmd_init(&cmds[2]);
    mp_cmd_texts(&cmds[2], "TTL", key, NULL);
}


/* the three replies begin at element i */

ngx_uint_t
ngx_http_mailportal_exceeded(redisReply *reply, size_t i, ngx_uint_t rate)
{
    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements < i + NGX_HTTP_MAILPORTAL_ATTEMPT
        || reply->element[i]->type != REDIS_REPLY_INTEGER)
    {
        return 1;
    }

    return reply->element[i]->integer > (long long) rate;
}


ngx_int_t
ngx_http_mailportal_throttled(ngx_http_request_t *r, redisReply *reply,
    size_t i, const char *whose)
{
    char       value[32];
    long long  left;

    left = mp_key_table[MP_KEY_LOGIN_NET].ttl;

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements > i + 2
        && reply->element[i + 2]->type == REDIS_REPLY_INTEGER
        && reply->element[i + 2]->integer > 0)
    {
        left = reply->element[i + 2]->integer;
    }

    (void) snprintf(value, sizeof(value), "%lld", left);

    ngx_http_mailportal_count(NGX_HTTP_MAILPORTAL_THROTTLED);

    if (ngx_http_mailportal_header(r, "Retry-After", value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mailportal_fail(r, MP_THROTTLED, NULL,
                                    "too many attempts %s, wait %lld seconds",
                                    whose, left);
}


/* a success gives the attempt back: who knows a password is no guesser */

void
ngx_http_mailportal_refund(struct mp_cmd *cmd, ngx_http_request_t *r)
{
    char               part[40];
    struct mp_keyname  key;

    ngx_http_mailportal_network(part, r->connection->sockaddr);

    (void) mp_key_name(&key, MP_KEY_LOGIN_NET, part);

    mp_cmd_init(cmd);
    mp_cmd_texts(cmd, "DECR", key.text, NULL);
}


/* /24 of IPv4, /56 of IPv6, in one spelling */

void
ngx_http_mailportal_network(char part_r[40], struct sockaddr *sockaddr)
{
    u_char               *p;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (sockaddr->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sockaddr;
        p = sin6->sin6_addr.s6_addr;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            p += 12;
            break;
        }

        (void) snprintf(part_r, 40, "%02x%02x:%02x%02x:%02x%02x:%02x00/56",
                        p[0], p[1], p[2], p[3], p[4], p[5], p[6]);
        return;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) sockaddr;
        p = (u_char *) &sin->sin_addr;
        break;

    default:
        (void) snprintf(part_r, 40, "unix");
        return;
    }

    (void) snprintf(part_r, 40, "%d.%d.%d.0/24", p[0], p[1], p[2]);
}
