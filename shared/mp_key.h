#ifndef MP_KEY_H
#define MP_KEY_H

#include <stdbool.h>
#include <stddef.h>

enum mp_key {
#define MP_KEY(id, type, pattern, ttl, writer, doc) MP_KEY_##id,
#include "mp_keys.def"
#undef MP_KEY
    MP_KEY_COUNT
};

struct mp_key_row {
    const char *pattern;
    const char *type; /* "STREAM", "SET", … */
    const char *writer;
    const char *doc;
    int ttl; /* seconds, 0 for ever */
};

/* The table that mp_keys.def declares, MP_KEY_COUNT rows by enum mp_key. */
extern const struct mp_key_row mp_key_table[];

/* A key, in a buffer that the caller owns; text ends with a NUL. */
struct mp_keyname {
    char text[320];
    size_t len;
};

/*
 * Fills the % of the key's pattern with part.  False when the pattern has a %
 * and part is NULL, when it has none and part is given, or when the name does
 * not fit; then name_r is empty.
 */
bool mp_key_name(struct mp_keyname *name_r, enum mp_key key, const char *part);

/* The name of a key whose pattern has no %; NULL if it has one. */
const char *mp_key(enum mp_key key);

#endif
