#ifndef MP_LIST_LOG_H
#define MP_LIST_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "mp_cmd.h"
#include "mp_list.h"

/* Domains in one entry of the change stream, at most. */
#define MP_LIST_BATCH 1000

/* Entries that the stream keeps, about: followers behind it load anew. */
#define MP_LIST_LOG_KEEP 2000

/*
 * An entry of mp:{list}:log:
 *
 *     op     "init", "add" or "del"
 *     epoch  with init only: a random name of this data set
 *     list   "white" or "black"
 *     d      the domains, divided by \n
 *     x      with add, of one domain, optional: when it expires
 *     actor, at, req   who, when (RFC 3339), request id
 */
enum mp_list_op {
    MP_LIST_INIT,
    MP_LIST_ADD,
    MP_LIST_DEL,
};

/* One entry as it was read; the texts are lent by the reply. */
struct mp_list_change {
    enum mp_list_op op;
    enum mp_list_kind kind;
    const char *id; /* "1700000000000-0" */
    const char *epoch;
    const char *domains;
    size_t domains_len;
    int64_t expires;
};

/*
 * Reads one element of an XRANGE or XREAD answer.  Anything that is not such
 * an entry is MP_INVALID with err->text in words; change_r is then undefined.
 */
enum mp_status mp_list_change_parse(struct mp_list_change *change_r,
                                    const redisReply *entry,
                                    struct mp_error *err);

/*
 * Applies a change.  A domain that is not in its one form is left out and
 * counted in *refused_r.  False when memory ran out.
 */
bool mp_list_apply(struct mp_list *list, const struct mp_list_change *change,
                   unsigned int *refused_r);

/* The XADD of a change; the texts are copied.  at is RFC 3339. */
void mp_list_change_command(struct mp_cmd *cmd,
                            const struct mp_list_change *change,
                            const char *actor, const char *at,
                            const char *request_id);

#endif
