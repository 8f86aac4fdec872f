
/*
 * Copyright (C) The mailportal authors
 *
 * What the files of the module share: configuration, request context, route
 * table, and the verbs between the files.
 *
 * How a request waits: every function of type _handler_pt or _step_pt returns
 * NGX_AGAIN when it has arranged to be continued (_op, _thread, _body), and
 * otherwise what _send or _fail returned, which is never NGX_OK: NGX_DONE, or
 * an error.  Nobody else finalizes.
 */


#ifndef _NGX_HTTP_MAILPORTAL_H_INCLUDED_
#define _NGX_HTTP_MAILPORTAL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <ngx_thread_pool.h>

#include <hiredis/hiredis.h>
#include <jansson.h>

#include "mp_cmd.h"
#include "mp_error.h"
#include "mp_info.h"
#include "mp_json.h"
#include "mp_key.h"
#include "mp_settings_json.h"
#include "mp_settings_log.h"


#define NGX_HTTP_MAILPORTAL_COOKIE    "__Host-mailportal"
#define NGX_HTTP_MAILPORTAL_TOKEN     43       /* base64url of 32 bytes */
#define NGX_HTTP_MAILPORTAL_IDLE      1800
#define NGX_HTTP_MAILPORTAL_LIFE      28800
#define NGX_HTTP_MAILPORTAL_JSON_MAX  65536
#define NGX_HTTP_MAILPORTAL_TEXT_MAX  67108864

#define NGX_HTTP_MAILPORTAL_JSON_TYPE  "application/json; charset=utf-8"

/* of _op() */
#define NGX_HTTP_MAILPORTAL_READ      0
#define NGX_HTTP_MAILPORTAL_WRITE     1
#define NGX_HTTP_MAILPORTAL_RAW       2
#define NGX_HTTP_MAILPORTAL_PREPARE   4        /* reads, to write then */


typedef enum {
    NGX_HTTP_MAILPORTAL_NOBODY = 0,            /* no session is asked for */
    NGX_HTTP_MAILPORTAL_DOMAIN,                /* any administrator */
    NGX_HTTP_MAILPORTAL_MASTER
} ngx_http_mailportal_role_e;


typedef enum {
    NGX_HTTP_MAILPORTAL_EMPTY = 0,             /* a body is ignored */
    NGX_HTTP_MAILPORTAL_JSON,                  /* an object, in ctx->body */
    NGX_HTTP_MAILPORTAL_OPTIONAL,              /* JSON, or nothing: NULL */
    NGX_HTTP_MAILPORTAL_TEXT                   /* the handler reads it */
} ngx_http_mailportal_body_e;


typedef enum {
    NGX_HTTP_MAILPORTAL_REQUESTS = 0,
    NGX_HTTP_MAILPORTAL_ERRORS,
    NGX_HTTP_MAILPORTAL_SIGNINS,
    NGX_HTTP_MAILPORTAL_SIGNIN_FAILURES,
    NGX_HTTP_MAILPORTAL_THROTTLED,
    NGX_HTTP_MAILPORTAL_REDIS_ERRORS,
    NGX_HTTP_MAILPORTAL_STATS
} ngx_http_mailportal_stat_e;


typedef ngx_int_t (*ngx_http_mailportal_handler_pt)(ngx_http_request_t *r);
typedef ngx_int_t (*ngx_http_mailportal_step_pt)(ngx_http_request_t *r,
    redisReply *reply);
typedef ngx_int_t (*ngx_http_mailportal_consume_pt)(ngx_http_request_t *r,
    u_char *bytes, size_t len, ngx_uint_t last);


typedef struct {
    ngx_str_t                        host;     /* address, or socket's path */
    in_port_t                        port;     /* 0: a unix socket */
    ngx_str_t                        user;
    ngx_str_t                        password;
    ngx_msec_t                       timeout;
    ngx_str_t                        node;
    ngx_str_t                        pool_name;
    ngx_thread_pool_t               *pool;
    u_char                          *public_key;
    ngx_shm_zone_t                  *zone;
} ngx_http_mailportal_main_conf_t;


/*
 * A row of the route table.  {list} and {entry} in a path fill ctx->param.
 * body, max and rate are of methods that change something; rate is how many
 * attempts a client's network has in a quarter of an hour, 0 for no limit.
 */
typedef struct {
    ngx_uint_t                       method;   /* NGX_HTTP_GET, … : one */
    ngx_str_t                        path;
    ngx_http_mailportal_role_e       role;
    ngx_uint_t                       csrf;
    ngx_http_mailportal_body_e       body;
    size_t                           max;
    ngx_uint_t                       rate;
    ngx_http_mailportal_handler_pt   handler;
    const char                      *summary;
} ngx_http_mailportal_route_t;


typedef struct {
    char                             id[65];   /* SHA-256 of the token, hex */
    char                             user[65];
    ngx_http_mailportal_role_e       role;
    time_t                           created;
    time_t                           seen;
    uint64_t                         settings; /* version last answered */
} ngx_http_mailportal_session_t;


typedef struct ngx_http_mailportal_op_s  ngx_http_mailportal_op_t;


typedef struct {
    const ngx_http_mailportal_route_t  *route;
    ngx_str_t                           param[2];
    ngx_http_mailportal_session_t       session;
    json_t                             *body;
    void                               *data;  /* of the handler */
    void                               *work;  /* of its thread */

    ngx_http_mailportal_op_t           *op;
    ngx_http_mailportal_handler_pt      next;
    ngx_http_mailportal_consume_pt      consume;
    u_char                             *text;  /* a body, as far as read */
    size_t                              text_len;
    size_t                              text_size;
    size_t                              max;
    off_t                               received;
    ngx_chain_t                        *free;  /* of a streamed answer */
    ngx_chain_t                        *busy;
    ngx_str_t                           request_id;

    unsigned                            stale:1; /* from a snapshot, no Redis */
    unsigned                            sent:1;  /* the last _op() was */
    unsigned                            cleanup:1;
    unsigned                            last:1;  /* all is streamed */
    unsigned                            access:1; /* in the access phase */
} ngx_http_mailportal_ctx_t;


/* what this worker knows of Redis; never changed by handlers */
typedef struct {
    struct mp_version                version;  /* number 0: none yet */
    ngx_str_t                        settings; /* its bytes, as answered */
    char                             tag[24];  /* its ETag, unquoted */
    char                             lists[32];
    uint64_t                         whitelist;
    uint64_t                         blacklist;
    int64_t                          lag_msecs;
    ngx_uint_t                       stale;    /* Redis does not answer */
    ngx_uint_t                       regressed; /* Redis has lost something */
    char                             problem[128];
} ngx_http_mailportal_snapshot_t;


/* auth_module.c: ends the access phase */
void ngx_http_mailportal_auth_done(ngx_http_request_t *r, ngx_int_t rc);

/* module.c: the context, made when there is none */
ngx_http_mailportal_ctx_t *ngx_http_mailportal_ctx(ngx_http_request_t *r);
ngx_http_mailportal_main_conf_t *ngx_http_mailportal_conf(void);
void ngx_http_mailportal_continue(ngx_http_request_t *r, ngx_int_t rc);

/* route.c: the table ends with a NULL handler */
extern const ngx_http_mailportal_route_t  ngx_http_mailportal_routes[];
ngx_int_t ngx_http_mailportal_dispatch(ngx_http_request_t *r);

/* args.c: an argument of the query, decoded, in r->pool, ends with a NUL */
ngx_int_t ngx_http_mailportal_arg(ngx_http_request_t *r, const char *name,
    ngx_str_t *value_r);
ngx_int_t ngx_http_mailportal_arg_number(ngx_http_request_t *r,
    const char *name, int64_t min, int64_t max, int64_t *value_r);

/* auth.c: finds the session of the cookie, then calls next */
ngx_int_t ngx_http_mailportal_auth(ngx_http_request_t *r,
    ngx_http_mailportal_handler_pt next);
ngx_int_t ngx_http_mailportal_cookie(ngx_http_request_t *r,
    ngx_str_t *token_r);
ngx_uint_t ngx_http_mailportal_same_site(ngx_http_request_t *r);
ngx_str_t *ngx_http_mailportal_find_header(ngx_http_request_t *r,
    const char *name, size_t len, ngx_uint_t *n);
ngx_int_t ngx_http_mailportal_remember(ngx_http_request_t *r,
    uint64_t version, ngx_http_mailportal_step_pt step);
void ngx_http_mailportal_session_id(char id_r[65], ngx_str_t *token);

/*
 * For an answer that takes long: asks for the session again, which does not
 * keep it from ending, and step has the reply judged by _holds().  Without a
 * reply it is believed.
 */
ngx_int_t ngx_http_mailportal_auth_again(ngx_http_request_t *r,
    ngx_http_mailportal_step_pt step);
ngx_uint_t ngx_http_mailportal_auth_holds(ngx_http_request_t *r,
    redisReply *reply);

/*
 * throttle.c: at most rate calls from the client's network, then next.
 * _attempt() makes three commands that count on a key, whose replies begin at
 * element i of an EXEC.
 */
#define NGX_HTTP_MAILPORTAL_ATTEMPT  3
ngx_int_t ngx_http_mailportal_throttle(ngx_http_request_t *r, ngx_uint_t rate,
    ngx_http_mailportal_handler_pt next);
void ngx_http_mailportal_attempt(struct mp_cmd *cmds, const char *key);
ngx_uint_t ngx_http_mailportal_exceeded(redisReply *reply, size_t i,
    ngx_uint_t rate);
ngx_int_t ngx_http_mailportal_throttled(ngx_http_request_t *r,
    redisReply *reply, size_t i, const char *whose);
void ngx_http_mailportal_refund(struct mp_cmd *cmd, ngx_http_request_t *r);
void ngx_http_mailportal_network(char part_r[40], struct sockaddr *sockaddr);

/*
 * op.c: sends n commands, as one MULTI when n > 1, takes them over, and
 * continues with step and the reply (of n > 1: the array of replies, none of
 * which is an error).  Without _RAW, no answer and an error reply never reach
 * step: the client gets the right 503.  With it, reply may be NULL or an
 * error, and step may be called at once.  _WRITE: refused while Redis is
 * unsafe or regressed, not given up when the client goes away, and silence is
 * answered as an unknown outcome.
 * _PREPARE: refused like a write, but only reads.  _op_formatted() is _RAW,
 * of bytes that are formatted already, for the busiest of all commands.
 */
ngx_int_t ngx_http_mailportal_op(ngx_http_request_t *r, struct mp_cmd *cmds,
    ngx_uint_t n, ngx_uint_t flags, ngx_http_mailportal_step_pt step);
ngx_int_t ngx_http_mailportal_op_formatted(ngx_http_request_t *r,
    ngx_str_t *command, ngx_http_mailportal_step_pt step);
ngx_int_t ngx_http_mailportal_redis_fail(ngx_http_request_t *r,
    redisReply *reply, ngx_uint_t flags);

/* thread.c: runs work(data) in the thread pool, then next; data in r->pool */
void *ngx_http_mailportal_thread_data(ngx_http_request_t *r, size_t size);
ngx_int_t ngx_http_mailportal_thread(ngx_http_request_t *r, void *data,
    void (*work)(void *data), ngx_http_mailportal_handler_pt next);

/*
 * body.c: reads the body in pieces of at most client_body_buffer_size and
 * gives each to consume, which returns NGX_OK for more, NGX_AGAIN when it has
 * arranged to call _body_resume() later (from a step, whose result that is),
 * or what ends the request.  last comes once, perhaps with len 0.
 */
ngx_int_t ngx_http_mailportal_body(ngx_http_request_t *r, size_t max,
    ngx_http_mailportal_consume_pt consume);
ngx_int_t ngx_http_mailportal_body_resume(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_body_json(ngx_http_request_t *r, size_t max,
    ngx_http_mailportal_handler_pt next);

/*
 * reply.c: the only writer of answers.  _send takes json over; json NULL is
 * an empty body.  _begin sends the header, len -1 is not known yet.  _etag
 * and _header are called before.  _fail* answer problem+json; field may be
 * NULL.  _about has one more member, which names what is in the way.
 */
ngx_int_t ngx_http_mailportal_send(ngx_http_request_t *r, ngx_uint_t status,
    struct mp_json *json);
ngx_int_t ngx_http_mailportal_output(ngx_http_request_t *r, ngx_chain_t *out);
ngx_int_t ngx_http_mailportal_send_bytes(ngx_http_request_t *r,
    ngx_uint_t status, const char *type, const void *bytes, size_t len);
ngx_int_t ngx_http_mailportal_begin(ngx_http_request_t *r,
    ngx_uint_t status, const char *type, off_t len);
ngx_int_t ngx_http_mailportal_etag(ngx_http_request_t *r, const char *tag);
ngx_int_t ngx_http_mailportal_header(ngx_http_request_t *r, const char *name,
    const char *value);
ngx_int_t ngx_http_mailportal_fail(ngx_http_request_t *r,
    enum mp_status status, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
ngx_int_t ngx_http_mailportal_fail_about(ngx_http_request_t *r,
    enum mp_status status, const char *member, const char *value,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
ngx_int_t ngx_http_mailportal_fail_error(ngx_http_request_t *r,
    enum mp_status status, const struct mp_error *err);
ngx_int_t ngx_http_mailportal_fail_faults(ngx_http_request_t *r,
    enum mp_status status, const struct mp_faults *faults);

/* ends with a NUL */
ngx_str_t *ngx_http_mailportal_request_id(ngx_http_request_t *r);

/*
 * stream.c: an answer of unknown length.  _stream sends the header and calls
 * more, which ends in _stream_put(): that copies the bytes, and calls more
 * again when the client has taken them, unless they were the last.
 */
ngx_int_t ngx_http_mailportal_stream(ngx_http_request_t *r, const char *type,
    const char *filename, ngx_http_mailportal_handler_pt more);
ngx_int_t ngx_http_mailportal_stream_put(ngx_http_request_t *r,
    const void *bytes, size_t len, ngx_uint_t last);

/* problem.c: the named location for the core's own errors */
ngx_int_t ngx_http_mailportal_problem_handler(ngx_http_request_t *r);

/* follow.c */
const ngx_http_mailportal_snapshot_t *ngx_http_mailportal_snapshot(void);

/*
 * audit.c: who did what to what, and how it ended; never a secret.  _command
 * is for the MULTI that does it: so neither is without the other.
 */
void ngx_http_mailportal_audit(ngx_http_request_t *r, const char *what,
    const char *target, enum mp_status result);
void ngx_http_mailportal_audit_command(ngx_http_request_t *r,
    struct mp_cmd *cmd, const char *what, const char *target,
    enum mp_status result);

/* stat.c */
void ngx_http_mailportal_count(ngx_http_mailportal_stat_e stat);

/* the nouns */
ngx_int_t ngx_http_mailportal_session_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_session_post(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_session_delete(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_settings_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_settings_patch(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_settings_open(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_history_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_restore_post(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_schema_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_openapi_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_list_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_entry_put(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_entry_delete(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_import_post(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_export_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_explain_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_nodes_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_usage_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_backups_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_backups_delete(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_jobs_post(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_jobs_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_job_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_watch_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_job_delete(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_about_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_audit_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_logs_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_log_stream_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_trace_get(ngx_http_request_t *r);
ngx_int_t ngx_http_mailportal_healthz_get(ngx_http_request_t *r);
/* what this worker finds wrong, as texts of an open array; how many */
ngx_uint_t ngx_http_mailportal_reasons(struct mp_json *json);
ngx_int_t ngx_http_mailportal_metrics_get(ngx_http_request_t *r);


extern ngx_module_t  ngx_http_mailportal_module;
extern ngx_module_t  ngx_http_mailportal_auth_module;


#endif /* _NGX_HTTP_MAILPORTAL_H_INCLUDED_ */
