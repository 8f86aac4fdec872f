#include "mp_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


void
mp_json_init(struct mp_json *json)
{
    json->bytes = NULL;
    json->len = 0;
    json->size = 0;
    json->comma = false;
    json->ok = true;
}


void
mp_json_free(struct mp_json *json)
{
    free(json->bytes);
    mp_json_init(json);
}


static bool
mp_json_room(struct mp_json *json, size_t more)
{
    size_t size = json->size != 0 ? json->size : 512;
    char *bytes;

    if (!json->ok) {
        return false;
    }

    if (more > MP_JSON_MAX - json->len) {
        json->ok = false;
        return false;
    }

    if (json->len + more <= json->size) {
        return true;
    }

    while (size < json->len + more) {
        size *= 2;
    }

    bytes = realloc(json->bytes, size);
    if (bytes == NULL) {
        json->ok = false;
        return false;
    }

    json->bytes = bytes;
    json->size = size;
    return true;
}


static void
mp_json_put(struct mp_json *json, const char *bytes, size_t len)
{
    if (mp_json_room(json, len)) {
        memcpy(json->bytes + json->len, bytes, len);
        json->len += len;
    }
}


/* The length of the UTF-8 sequence (RFC 3629) at text, 0 if there is none. */
static size_t
mp_utf8_length(const unsigned char *text, size_t len)
{
    size_t want;
    unsigned char low = 0x80, high = 0xbf;

    if (text[0] < 0x80) {
        return 1;
    }

    if (text[0] >= 0xc2 && text[0] <= 0xdf) {
        want = 2;
    } else if ((text[0] & 0xf0) == 0xe0) {
        want = 3;
    } else if (text[0] >= 0xf0 && text[0] <= 0xf4) {
        want = 4;
    } else {
        return 0;
    }

    /* overlong forms, surrogates, and what lies behind U+10FFFF */
    if (text[0] == 0xe0) {
        low = 0xa0;
    } else if (text[0] == 0xed) {
        high = 0x9f;
    } else if (text[0] == 0xf0) {
        low = 0x90;
    } else if (text[0] == 0xf4) {
        high = 0x8f;
    }

    if (len < want || text[1] < low || text[1] > high) {
        return 0;
    }

    for (size_t i = 2; i < want; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return want;
}


static size_t
mp_json_escape(char *out, const unsigned char *text, size_t *len)
{
    static const char hex[] = "0123456789abcdef";

    if (text[0] >= 0x80 || *len == 0) {
        memcpy(out, "\xef\xbf\xbd", 3);
        *len = 1;
        return 3;
    }

    out[0] = '\\';

    switch (text[0]) {
    case '"':
    case '\\':
        out[1] = (char) text[0];
        return 2;
    case '\n':
        out[1] = 'n';
        return 2;
    case '\r':
        out[1] = 'r';
        return 2;
    case '\t':
        out[1] = 't';
        return 2;
    default:
        memcpy(out + 1, "u00", 3);
        out[4] = hex[text[0] >> 4];
        out[5] = hex[text[0] & 15];
        return 6;
    }
}


static void
mp_json_quoted(struct mp_json *json, const char *bytes, size_t len)
{
    const unsigned char *text = (const unsigned char *) bytes;
    char *out;

    /* one byte becomes six at most */
    if (len > MP_JSON_MAX / 6 || !mp_json_room(json, 6 * len + 2)) {
        json->ok = false;
        return;
    }

    out = json->bytes + json->len;
    *out++ = '"';

    for (size_t i = 0, step; i < len; i += step) {
        unsigned char c = text[i];

        step = mp_utf8_length(text + i, len - i);

        if (step != 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
            memcpy(out, text + i, step);
            out += step;
        } else {
            out += mp_json_escape(out, text + i, &step);
        }
    }

    *out++ = '"';
    json->len = (size_t) (out - json->bytes);
}


static void
mp_json_key(struct mp_json *json, const char *key)
{
    if (json->comma) {
        mp_json_put(json, ",", 1);
    }

    json->comma = true;

    if (key != NULL) {
        mp_json_quoted(json, key, strlen(key));
        mp_json_put(json, ":", 1);
    }
}


static void
mp_json_open(struct mp_json *json, const char *key, const char *bracket)
{
    mp_json_key(json, key);
    mp_json_put(json, bracket, 1);
    json->comma = false;
}


static void
mp_json_close(struct mp_json *json, const char *bracket)
{
    mp_json_put(json, bracket, 1);
    json->comma = true;
}


void
mp_json_object(struct mp_json *json, const char *key)
{
    mp_json_open(json, key, "{");
}


void
mp_json_array(struct mp_json *json, const char *key)
{
    mp_json_open(json, key, "[");
}


void
mp_json_end_object(struct mp_json *json)
{
    mp_json_close(json, "}");
}


void
mp_json_end_array(struct mp_json *json)
{
    mp_json_close(json, "]");
}


void
mp_json_bytes(struct mp_json *json, const char *key, const char *text,
              size_t len)
{
    mp_json_key(json, key);
    mp_json_quoted(json, text, len);
}


void
mp_json_text(struct mp_json *json, const char *key, const char *text)
{
    if (text == NULL) {
        mp_json_null(json, key);
    } else {
        mp_json_bytes(json, key, text, strlen(text));
    }
}


void
mp_json_number(struct mp_json *json, const char *key, int64_t value)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRId64, value);

    mp_json_raw(json, key, text, (size_t) len);
}


void
mp_json_hundredths(struct mp_json *json, const char *key, int64_t value)
{
    char text[32];
    uint64_t size = value < 0 ? 0 - (uint64_t) value : (uint64_t) value;
    int len = snprintf(text, sizeof(text), "%s%" PRIu64 ".%02u",
                       value < 0 ? "-" : "", size / 100,
                       (unsigned int) (size % 100));

    /* 4.00 is 4, 4.50 is 4.5: the form that JSON writers agree on */
    while (text[len - 1] == '0') {
        len--;
    }

    if (text[len - 1] == '.') {
        len--;
    }

    mp_json_raw(json, key, text, (size_t) len);
}


void
mp_json_bool(struct mp_json *json, const char *key, bool value)
{
    mp_json_raw(json, key, value ? "true" : "false", value ? 4 : 5);
}


void
mp_json_null(struct mp_json *json, const char *key)
{
    mp_json_raw(json, key, "null", 4);
}


void
mp_json_raw(struct mp_json *json, const char *key, const char *value,
            size_t len)
{
    mp_json_key(json, key);
    mp_json_put(json, value, len);
}
