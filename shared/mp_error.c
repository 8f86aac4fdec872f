#include "mp_error.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name;
    const char *title;
    int http;
    int exit;
} mp_statuses[] = {
#define MP_ERROR(id, name, http, exit, title)                                 \
    [MP_##id] = { name, title, http, exit },
#include "mp_errors.def"
#undef MP_ERROR
};


enum mp_status
mp_fail(struct mp_error *err, enum mp_status status, const char *field,
        const char *fmt, ...)
{
    va_list args;

    if (err == NULL) {
        return status;
    }

    (void) snprintf(err->field, sizeof(err->field), "%s", field);

    va_start(args, fmt);
    (void) vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);

    return status;
}


enum mp_status
mp_fail_names(struct mp_error *err, const char *field,
              const char *const *names)
{
    char text[sizeof(err->text)] = "";
    size_t used = 0;

    for (; *names != NULL && used < sizeof(text); names++) {
        used += (size_t) snprintf(text + used, sizeof(text) - used, "%s%s",
                                  used > 0 ? ", " : "", *names);
    }

    return mp_fail(err, MP_INVALID, field, "must be one of %s", text);
}


const char *
mp_status_name(enum mp_status status)
{
    return mp_statuses[status].name;
}


const char *
mp_status_title(enum mp_status status)
{
    return mp_statuses[status].title;
}


int
mp_status_http(enum mp_status status)
{
    return mp_statuses[status].http;
}


int
mp_status_exit(enum mp_status status)
{
    return mp_statuses[status].exit;
}
