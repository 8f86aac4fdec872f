
/*
 * Copyright (C) The mailportal authors
 *
 * What the routes take, for the description of the API.
 */


#ifndef _NGX_HTTP_MAILPORTAL_OPENAPI_H_INCLUDED_
#define _NGX_HTTP_MAILPORTAL_OPENAPI_H_INCLUDED_


#include "ngx_http_mailportal.h"


/* what a route takes, and where: "query", "header", or "body" for a member */
typedef struct {
    ngx_uint_t                  method;
    const char                 *path;
    const char                 *in;
    const char                 *name;
    const char                 *type;
    ngx_uint_t                  required;
    const char                 *doc;
} ngx_http_mailportal_input_t;


/* the table ends with a NULL name */
extern const ngx_http_mailportal_input_t  ngx_http_mailportal_inputs[];


#endif /* _NGX_HTTP_MAILPORTAL_OPENAPI_H_INCLUDED_ */
