#ifndef MP_ERROR_H
#define MP_ERROR_H

enum mp_status {
#define MP_ERROR(id, name, http, exit, title) MP_##id,
#include "mp_errors.def"
#undef MP_ERROR
    MP_STATUS_COUNT
};

/*
 * What went wrong, for a person.  The caller owns it, nothing in it is
 * allocated, and it is written only when a function returns other than
 * MP_OK.
 */
struct mp_error {
    char field[64]; /* the field at fault, as "antispam.reject", or "" */
    char text[192]; /* what is wrong and what is allowed */
};

/*
 * Fills err and returns status, so that a failure is one return statement.
 * err may be NULL.  A text that does not fit is cut.
 */
enum mp_status mp_fail(struct mp_error *err, enum mp_status status,
                       const char *field, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * The same as MP_INVALID, for a value that is none of these names, which NULL
 * ends.
 */
enum mp_status mp_fail_names(struct mp_error *err, const char *field,
                             const char *const *names);

/* The name in JSON, as "not-found".  Never NULL. */
const char *mp_status_name(enum mp_status status);

/* A sentence for a person.  Never NULL. */
const char *mp_status_title(enum mp_status status);

/* The HTTP status, as 404 (RFC 9110). */
int mp_status_http(enum mp_status status);

/* The exit code of a program, as in sysexits(3). */
int mp_status_exit(enum mp_status status);

#endif
