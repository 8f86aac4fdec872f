
/*
 * Copyright (C) The mailportal authors
 *
 * The list of modules that nginx looks for in a shared object; nginx's own
 * configure would write it.
 */


#include <ngx_config.h>
#include <ngx_core.h>


extern ngx_module_t  ngx_http_mailportal_module;
extern ngx_module_t  ngx_http_mailportal_auth_module;


#pragma GCC visibility push(default)

ngx_module_t  *ngx_modules[] = {
    &ngx_http_mailportal_module,
    &ngx_http_mailportal_auth_module,
    NULL
};


char  *ngx_module_names[] = {
    "ngx_http_mailportal_module",
    "ngx_http_mailportal_auth_module",
    NULL
};


char  *ngx_module_order[] = {
    NULL
};

#pragma GCC visibility pop
