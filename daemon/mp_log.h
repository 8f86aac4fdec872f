#ifndef MP_LOG_H
#define MP_LOG_H

#include <stddef.h>

enum mp_level {
    MP_LOG_ERROR,
    MP_LOG_WARNING,
    MP_LOG_NOTICE,
    MP_LOG_INFO,
};

/*
 * Writes one line to standard error.  Whatever the arguments bring, it has
 * no control character and is valid UTF-8: other bytes stand as \xNN.  A
 * line that is too long is cut.
 */
void mp_log(enum mp_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Copies bytes in that form and returns the length; what does not fit is cut.
 * text_r ends with a NUL.
 */
size_t mp_escape(char *text_r, size_t size, const char *bytes, size_t len);

#endif
