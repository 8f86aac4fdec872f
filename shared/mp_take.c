#include "mp_take.h"

#include <string.h>


bool
mp_take_text(char *text_r, size_t size, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value) || json_string_length(value) >= size) {
        return false;
    }

    memcpy(text_r, json_string_value(value), json_string_length(value) + 1);

    return true;
}


bool
mp_take_line(char *text_r, size_t size, const json_t *object, const char *key)
{
    if (!mp_take_text(text_r, size, object, key)) {
        return false;
    }

    for (const char *p = text_r; *p != '\0'; p++) {
        if ((unsigned char) *p < 0x20 || *p == 0x7f) {
            return false;
        }
    }

    return true;
}


void
mp_cut(char *text_r, size_t size, const char *text)
{
    size_t len = strlen(text);

    if (len >= size) {
        len = size - 1;

        while (len > 0 && ((unsigned char) text[len] & 0xc0) == 0x80) {
            len--;
        }
    }

    memcpy(text_r, text, len);
    text_r[len] = '\0';
}


bool
mp_take_cut(char *text_r, size_t size, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (json_is_null(value)) {
        text_r[0] = '\0';
        return true;
    }

    if (!json_is_string(value)) {
        return false;
    }

    mp_cut(text_r, size, json_string_value(value));

    return true;
}


bool
mp_take_time(char text_r[MP_TIME_SIZE], const json_t *object, const char *key)
{
    int64_t seconds;

    if (json_is_null(json_object_get(object, key))) {
        text_r[0] = '\0';
        return true;
    }

    return mp_take_text(text_r, MP_TIME_SIZE, object, key)
        && mp_time_parse(&seconds, text_r, strlen(text_r));
}


bool
mp_take_count(uint64_t *count_r, const json_t *object, const char *key,
              int64_t max)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value) || json_integer_value(value) < 0
        || json_integer_value(value) > max)
    {
        return false;
    }

    *count_r = (uint64_t) json_integer_value(value);

    return true;
}


bool
mp_take_bool(bool *value_r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_boolean(value)) {
        return false;
    }

    *value_r = json_is_true(value);

    return true;
}
