#ifndef MP_AUDIT_H
#define MP_AUDIT_H

#include <stdbool.h>
#include <stddef.h>

#include <hiredis/hiredis.h>

#include "mp_cmd.h"
#include "mp_error.h"
#include "mp_json.h"
#include "mp_time.h"

/* Entries that Redis keeps. */
#define MP_AUDIT_MAX 100000

/* Bytes of a text that are shown; a longer one is cut. */
#define MP_AUDIT_TEXT 512

/*
 * One thing that somebody did, or tried to do; texts are lent.  Never a
 * secret.  An entry of the stream MP_KEY_AUDIT_IN.
 */
struct mp_audit {
    const char *id;     /* of the entry; not used when it is written */
    const char *actor;  /* an administrator, or "" */
    const char *what;   /* "settings.update", "imap-master-login", … */
    const char *target; /* what it was done to */
    const char *from;   /* the address of the client */
    const char *result; /* the name of a status: "ok", "invalid", … */
    const char *request_id;
    char at[MP_TIME_SIZE];
};

/* XADD of an entry; a text that is NULL is "". */
void mp_audit_command(struct mp_cmd *cmd, const struct mp_audit *audit);

/*
 * Reads an entry, lent by it, as from a stranger: a text that is missing is
 * "", and a time that is none is that of the id.  MP_INVALID: it is no entry
 * of a stream, and audit_r is undefined.
 */
enum mp_status mp_audit_parse(struct mp_audit *audit_r,
                              const redisReply *entry, struct mp_error *err);

/* An element of the answer of /audit. */
void mp_audit_render(struct mp_json *json, const struct mp_audit *audit);

/* Whether text is the id of an entry, as "1700000000000-0". */
bool mp_audit_id_check(const char *text, size_t len);

#endif
