
/*
 * Copyright (C) The mailportal authors
 *
 * Memory that is shared by all workers: sessions that Redis has confirmed, and
 * its last answer about the nodes.
 */


#include "ngx_http_mailportal_zone.h"


#define NGX_HTTP_MAILPORTAL_ZONE_SESSIONS  256
#define NGX_HTTP_MAILPORTAL_ZONE_NODES     (512 * 1024)

/* the slab's own pages come on top */
#define NGX_HTTP_MAILPORTAL_ZONE_SIZE      (1024 * 1024)


typedef struct {
    ngx_http_mailportal_session_t        session;
    time_t                               kept;
} ngx_http_mailportal_zone_session_t;


typedef struct {
    ngx_http_mailportal_zone_session_t   sessions[
                                           NGX_HTTP_MAILPORTAL_ZONE_SESSIONS];
    time_t                               nodes_kept;
    size_t                               nodes_len;
    u_char                               nodes[
                                              NGX_HTTP_MAILPORTAL_ZONE_NODES];
} ngx_http_mailportal_zone_t;


static ngx_int_t ngx_http_mailportal_zone_init(ngx_shm_zone_t *zone,
    void *data);
static ngx_http_mailportal_zone_t *ngx_http_mailportal_zone_lock(void);
static void ngx_http_mailportal_zone_unlock(void);
static ngx_http_mailportal_zone_session_t *ngx_http_mailportal_zone_slot(
    ngx_http_mailportal_zone_t *z, const char *id);


ngx_int_t
ngx_http_mailportal_zone_add(ngx_conf_t *cf)
{
    ngx_str_t                         name = ngx_string("mailportal");
    ngx_http_mailportal_main_conf_t  *mmcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mailportal_module);

    mmcf->zone = ngx_shared_memory_add(cf, &name,
                                       NGX_HTTP_MAILPORTAL_ZONE_SIZE,
                                       &ngx_http_mailportal_module);
    if (mmcf->zone == NULL) {
        return NGX_ERROR;
    }

    mmcf->zone->init = ngx_http_mailportal_zone_init;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mailportal_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t  *pool;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data) {
        zone->data = data;
        return NGX_OK;
    }

    if (zone->shm.exists) {
        zone->data = pool->data;
        return NGX_OK;
    }

    zone->data = ngx_slab_calloc(pool, sizeof(ngx_http_mailportal_zone_t));
    if (zone->data == NULL) {
        return NGX_ERROR;
    }

    pool->data = zone->data;

    return NGX_OK;
}


static ngx_http_mailportal_zone_t *
ngx_http_mailportal_zone_lock(void)
{
    ngx_shm_zone_t  *zone;

    zone = ngx_http_mailportal_conf()->zone;

    ngx_shmtx_lock(&((ngx_slab_pool_t *) zone->shm.addr)->mutex);

    return zone->data;
}


static void
ngx_http_mailportal_zone_unlock(void)
{
    ngx_shm_zone_t  *zone;

    zone = ngx_http_mailportal_conf()->zone;

    ngx_shmtx_unlock(&((ngx_slab_pool_t *) zone->shm.addr)->mutex);
}


void
ngx_http_mailportal_zone_session_keep(
    const ngx_http_mailportal_session_t *session)
{
    ngx_http_mailportal_zone_t          *z;
    ngx_http_mailportal_zone_session_t  *slot;

    z = ngx_http_mailportal_zone_lock();

    slot = ngx_http_mailportal_zone_slot(z, session->id);
    slot->session = *session;
    slot->kept = ngx_time();

    ngx_http_mailportal_zone_unlock();
}


void
ngx_http_mailportal_zone_session_forget(const char *id)
{
    ngx_http_mailportal_zone_t          *z;
    ngx_http_mailportal_zone_session_t  *slot;

    z = ngx_http_mailportal_zone_lock();

    slot = ngx_http_mailportal_zone_slot(z, id);

    if (ngx_strcmp(slot->session.id, id) == 0) {
        ngx_memzero(slot, sizeof(ngx_http_mailportal_zone_session_t));
    }

    ngx_http_mailportal_zone_unlock();
}


ngx_int_t
ngx_http_mailportal_zone_session(const char *id,
    ngx_http_mailportal_session_t *session_r, time_t *kept_r)
{
    ngx_int_t                            rc;
    ngx_http_mailportal_zone_t          *z;
    ngx_http_mailportal_zone_session_t  *slot;

    rc = NGX_DECLINED;

    z = ngx_http_mailportal_zone_lock();

    slot = ngx_http_mailportal_zone_slot(z, id);

    if (ngx_strcmp(slot->session.id, id) == 0) {
        *session_r = slot->session;
        *kept_r = slot->kept;
        rc = NGX_OK;
    }

    ngx_http_mailportal_zone_unlock();

    return rc;
}


static ngx_http_mailportal_zone_session_t *
ngx_http_mailportal_zone_slot(ngx_http_mailportal_zone_t *z, const char *id)
{
    ngx_int_t  n;

    n = ngx_hextoi((u_char *) id, 4);

    return &z->sessions[n % NGX_HTTP_MAILPORTAL_ZONE_SESSIONS];
}


void
ngx_http_mailportal_zone_nodes_keep(const char *bytes, size_t len)
{
    ngx_http_mailportal_zone_t  *z;

    if (len > NGX_HTTP_MAILPORTAL_ZONE_NODES) {
        return;
    }

    z = ngx_http_mailportal_zone_lock();

    ngx_memcpy(z->nodes, bytes, len);
    z->nodes_len = len;
    z->nodes_kept = ngx_time();

    ngx_http_mailportal_zone_unlock();
}


ngx_int_t
ngx_http_mailportal_zone_nodes(ngx_http_request_t *r, ngx_str_t *nodes_r,
    time_t *kept_r)
{
    ngx_int_t                    rc;
    ngx_http_mailportal_zone_t  *z;

    rc = NGX_DECLINED;

    z = ngx_http_mailportal_zone_lock();

    if (z->nodes_len) {
        nodes_r->len = z->nodes_len;
        nodes_r->data = ngx_pnalloc(r->pool, z->nodes_len);
        rc = NGX_ERROR;

        if (nodes_r->data) {
            ngx_memcpy(nodes_r->data, z->nodes, z->nodes_len);
            *kept_r = z->nodes_kept;
            rc = NGX_OK;
        }
    }

    ngx_http_mailportal_zone_unlock();

    return rc;
}
