#ifndef MP_JSON_H
#define MP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * JSON that is written from front to back (RFC 8259), for answers.
 *
 * The caller owns the buffer and frees it.  Commas are put by the writer.
 * Texts are escaped, and bytes that are not UTF-8 become U+FFFD, so that the
 * result is valid whatever comes in.  A failure (no memory, or more than
 * MP_JSON_MAX bytes) is remembered in ok.
 */
#define MP_JSON_MAX (64u << 20)

struct mp_json {
    char *bytes;
    size_t len;
    size_t size;
    bool comma;
    bool ok;
};

void mp_json_init(struct mp_json *json);
void mp_json_free(struct mp_json *json);

/* key NULL: an element of an array, or the whole document. */
void mp_json_object(struct mp_json *json, const char *key);
void mp_json_array(struct mp_json *json, const char *key);
void mp_json_end_object(struct mp_json *json);
void mp_json_end_array(struct mp_json *json);

/* text NULL is null. */
void mp_json_text(struct mp_json *json, const char *key, const char *text);
void mp_json_bytes(struct mp_json *json, const char *key, const char *text,
                   size_t len);
void mp_json_number(struct mp_json *json, const char *key, int64_t value);

/* hundredths as a decimal number: 399 is 3.99, 400 is 4. */
void mp_json_hundredths(struct mp_json *json, const char *key, int64_t value);
void mp_json_bool(struct mp_json *json, const char *key, bool value);
void mp_json_null(struct mp_json *json, const char *key);

/* A value that is JSON already. */
void mp_json_raw(struct mp_json *json, const char *key, const char *value,
                 size_t len);

#endif
