#ifndef MP_DAV_H
#define MP_DAV_H

#include <stddef.h>
#include <stdint.h>

#include "mp_error.h"
#include "mp_json.h"
#include "mp_time.h"

/*
 * What Radicale has on a node; a plain value.  Collections are all, also those
 * that are neither an address book nor a calendar.
 */
struct mp_dav {
    uint64_t collections;
    uint64_t addressbooks;
    uint64_t calendars;
    char at[MP_TIME_SIZE]; /* when it was counted */
};

/* An object: {"collections", "addressbooks", "calendars", "at"}. */
void mp_dav_render(struct mp_json *json, const char *key,
                   const struct mp_dav *dav);

/* Reads it, as from a stranger: MP_INVALID names what is wrong. */
enum mp_status mp_dav_parse(struct mp_dav *dav_r, const char *bytes,
                            size_t len, struct mp_error *err);

#endif
