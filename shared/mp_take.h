#ifndef MP_TAKE_H
#define MP_TAKE_H

/*
 * Members of a JSON object that came from a stranger.  False when there is no
 * such member, or it is of another type or out of bounds; what is behind the
 * out-parameter is then undefined.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "mp_time.h"

/* The largest whole number that every reader of JSON has exactly. */
#define MP_TAKE_MAX ((INT64_C(1) << 53) - 1)

/* A text that fits with its NUL. */
bool mp_take_text(char *text_r, size_t size, const json_t *object,
                  const char *key);

/* As mp_take_text(), and without control characters. */
bool mp_take_line(char *text_r, size_t size, const json_t *object,
                  const char *key);

/* A text; what does not fit is cut between two characters.  null is "". */
bool mp_take_cut(char *text_r, size_t size, const json_t *object,
                 const char *key);

/* A time in the form of mp_time.h; null is "". */
bool mp_take_time(char text_r[MP_TIME_SIZE], const json_t *object,
                  const char *key);

/* A whole number from 0 to max. */
bool mp_take_count(uint64_t *count_r, const json_t *object, const char *key,
                   int64_t max);

bool mp_take_bool(bool *value_r, const json_t *object, const char *key);

/* Copies a text; what does not fit is cut between two characters. */
void mp_cut(char *text_r, size_t size, const char *text);

#endif
