#ifndef MP_CONF_H
#define MP_CONF_H

#include <stddef.h>

#include "mp_error.h"

/*
 * Configuration files of our own programs: lines "name = value", # begins a
 * comment, names are declared in a table.  The host reads the file; these
 * functions only turn its bytes into values.
 */
enum mp_conf_type {
    MP_CONF_TEXT,   /* char *, malloc'ed */
    MP_CONF_NUMBER, /* unsigned int */
    MP_CONF_MSECS,  /* unsigned int; "500ms", "5s", "2m", "1h", "7d" */
    MP_CONF_BYTES,  /* size_t; "64k", "10m" */
    MP_CONF_BOOL,   /* bool; yes, no */
};

/* A table ends with a NULL name, and has no more rows than this. */
#define MP_CONF_ROWS_MAX 64

struct mp_conf_row {
    const char *name;
    const char *dflt; /* NULL: a text is NULL, the rest as it was */
    const char *doc;
    enum mp_conf_type type;
    size_t offset; /* in the host's struct */
};

/* Fills every row with its default; mp_conf_free() must follow in any case. */
enum mp_status mp_conf_default(const struct mp_conf_row *rows, void *conf,
                               struct mp_error *err);

/*
 * Reads a whole file's bytes.  A # that begins a line or follows a blank
 * begins a comment.  An unknown name, a name given twice and a value that its
 * type does not take are MP_INVALID; err->field is the name, or "" when it is
 * not known, err->text begins with "line N: ".  conf may then be partly
 * written.
 */
enum mp_status mp_conf_parse(const struct mp_conf_row *rows, void *conf,
                             const char *bytes, size_t len,
                             struct mp_error *err);

/* One value, as from a command line; err->field is the name. */
enum mp_status mp_conf_put(const struct mp_conf_row *rows, void *conf,
                           const char *name, const char *value,
                           struct mp_error *err);

/* Frees the texts. */
void mp_conf_free(const struct mp_conf_row *rows, void *conf);

#endif
