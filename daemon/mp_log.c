#include "mp_log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MP_LOG_LINE_MAX 2048

static const char *const mp_levels[] = {
    [MP_LOG_ERROR] = "error",
    [MP_LOG_WARNING] = "warning",
    [MP_LOG_NOTICE] = "notice",
    [MP_LOG_INFO] = "info",
};


/* Bytes of the UTF-8 character at text (RFC 3629), 0 if there is none. */
static size_t
mp_utf8(const unsigned char *text, size_t len)
{
    size_t need;
    unsigned char low = 0x80, high = 0xbf;

    if (text[0] < 0x80) {
        return 1;
    }

    if (text[0] < 0xc2 || text[0] > 0xf4) {
        return 0;
    }

    need = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (len < need) {
        return 0;
    }

    /* no overlong form, no surrogate, nothing beyond U+10FFFF, no C1 */
    switch (text[0]) {
    case 0xc2:
        low = 0xa0;
        break;
    case 0xe0:
        low = 0xa0;
        break;
    case 0xed:
        high = 0x9f;
        break;
    case 0xf0:
        low = 0x90;
        break;
    case 0xf4:
        high = 0x8f;
        break;
    }

    if (text[1] < low || text[1] > high) {
        return 0;
    }

    for (size_t i = 2; i < need; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return need;
}


size_t
mp_escape(char *text_r, size_t size, const char *bytes, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *from = (const unsigned char *) bytes;
    size_t used = 0;

    while (len > 0) {
        size_t n = mp_utf8(from, len);

        if (n == 1 && (from[0] < 0x20 || from[0] == 0x7f)) {
            n = 0;
        }

        if (used + (n == 0 ? 4 : n) >= size) {
            break;
        }

        if (n == 0) {
            text_r[used++] = '\\';
            text_r[used++] = 'x';
            text_r[used++] = hex[from[0] >> 4];
            text_r[used++] = hex[from[0] & 15];
            n = 1;

        } else {
            memcpy(text_r + used, from, n);
            used += n;
        }

        from += n;
        len -= n;
    }

    text_r[used] = '\0';

    return used;
}


void
mp_log(enum mp_level level, const char *fmt, ...)
{
    char text[MP_LOG_LINE_MAX], line[MP_LOG_LINE_MAX];
    size_t used;
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    if (len < 0) {
        return;
    }

    used = (size_t) snprintf(line, sizeof(line), "%s: ", mp_levels[level]);
    used +=
        mp_escape(line + used, sizeof(line) - used - 1, text, strlen(text));
    line[used++] = '\n';

    /* one write, so that the lines of threads do not mix */
    if (write(STDERR_FILENO, line, used) < 0) {
        return;
    }
}
