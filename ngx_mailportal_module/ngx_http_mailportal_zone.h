
/*
 * Copyright (C) The mailportal authors
 *
 * What all workers know together, for when Redis does not answer: which worker
 * a connection comes to is chance, and what is seen must not be.  It outlives
 * a reload.
 */


#ifndef _NGX_HTTP_MAILPORTAL_ZONE_H_INCLUDED_
#define _NGX_HTTP_MAILPORTAL_ZONE_H_INCLUDED_


#include "ngx_http_mailportal.h"


/* while the configuration is read; NGX_ERROR has been logged */
ngx_int_t ngx_http_mailportal_zone_add(ngx_conf_t *cf);

/* one session a slot; the next that falls into it takes it */
void ngx_http_mailportal_zone_session_keep(
    const ngx_http_mailportal_session_t *session);
void ngx_http_mailportal_zone_session_forget(const char *id);

/*
 * Sets the session with this id, and when it was kept; NGX_DECLINED: not
 * known.
 */
ngx_int_t ngx_http_mailportal_zone_session(const char *id,
    ngx_http_mailportal_session_t *session_r, time_t *kept_r);

/* the array "nodes"; one that is too long is not kept */
void ngx_http_mailportal_zone_nodes_keep(const char *bytes, size_t len);

/*
 * Sets a copy from the request's pool, and when it was kept; NGX_DECLINED:
 * there was never one; NGX_ERROR: out of memory.
 */
ngx_int_t ngx_http_mailportal_zone_nodes(ngx_http_request_t *r,
    ngx_str_t *nodes_r, time_t *kept_r);


#endif /* _NGX_HTTP_MAILPORTAL_ZONE_H_INCLUDED_ */
