#include "mp_info.h"

#include <stdio.h>
#include <string.h>

#define MP_REDIS_MAJOR 7

static const struct {
    const char *prefix;
    enum mp_status status;
} mp_redis_errors[] = {
    { "OOM", MP_REDIS_FULL },
    { "MISCONF", MP_REDIS_DISK },
    { "READONLY", MP_REDIS_READONLY },
    { "MASTERDOWN", MP_REDIS_READONLY },
    { "NOREPLICAS", MP_REDIS_READONLY },
    { "EXECABORT", MP_REDIS_READONLY },
    { "LOADING", MP_REDIS_AWAY },
    { "BUSY", MP_REDIS_AWAY },
    { "CLUSTERDOWN", MP_REDIS_AWAY },
    { "NOAUTH", MP_FORBIDDEN },
    { "WRONGPASS", MP_FORBIDDEN },
    { "NOPERM", MP_FORBIDDEN },
    { "DENIED", MP_FORBIDDEN },
    { "ERR max number of clients", MP_BUSY },
    { "ERR The ID specified in XADD is equal or smaller", MP_STALE },
};


enum mp_status
mp_redis_error_status(const char *text)
{
    static const char because[] = "EXECABORT Transaction discarded because "
                                  "of: ";

    if (strncmp(text, because, sizeof(because) - 1) == 0) {
        text += sizeof(because) - 1;
    }

    for (size_t i = 0; i < sizeof(mp_redis_errors) / sizeof(*mp_redis_errors);
         i++) {
        const char *prefix = mp_redis_errors[i].prefix;
        size_t len = strlen(prefix);

        if (strncmp(text, prefix, len) == 0
            && (text[len] == ' ' || text[len] == '\0')) {
            return mp_redis_errors[i].status;
        }
    }

    return MP_INTERNAL;
}


/* The value of a line "name:value", cut to size; false when there is none. */
static bool
mp_info_value(char *value_r, size_t size, const char *info, size_t len,
              const char *name)
{
    const char *end = info + len;
    size_t name_len = strlen(name);

    while (info < end) {
        const char *eol = memchr(info, '\n', (size_t) (end - info));
        size_t line = (size_t) ((eol != NULL ? eol : end) - info);

        if (line > name_len && info[name_len] == ':'
            && memcmp(info, name, name_len) == 0)
        {
            size_t value = line - name_len - 1;

            if (value > 0 && info[line - 1] == '\r') {
                value--;
            }

            (void) snprintf(value_r, size, "%.*s",
                            (int) (value < size ? value : size - 1),
                            info + name_len + 1);
            return true;
        }

        info += line + (eol != NULL);
    }

    return false;
}


static enum mp_status
mp_info_shape(const char *name, struct mp_error *err)
{
    return mp_fail(err, MP_INVALID, "", "the answer of INFO has no usable %s",
                   name);
}


static bool
mp_major(unsigned int *major_r, const char *version)
{
    unsigned int major = 0;
    const char *p = version;

    while (*p >= '0' && *p <= '9' && p - version < 4) {
        major = major * 10 + (unsigned int) (*p++ - '0');
    }

    *major_r = major;

    return p > version && *p == '.';
}


enum mp_status
mp_info_check(const char *info, size_t len, struct mp_error *err)
{
    char version[32], loading[8], aof[8], policy[32];
    unsigned int major;

    if (!mp_info_value(version, sizeof(version), info, len, "redis_version")
        || !mp_major(&major, version))
    {
        return mp_info_shape("redis_version", err);
    }

    if (!mp_info_value(loading, sizeof(loading), info, len, "loading")) {
        return mp_info_shape("loading", err);
    }

    if (!mp_info_value(aof, sizeof(aof), info, len, "aof_enabled")) {
        return mp_info_shape("aof_enabled", err);
    }

    if (!mp_info_value(policy, sizeof(policy), info, len, "maxmemory_policy"))
    {
        return mp_info_shape("maxmemory_policy", err);
    }

    if (major < MP_REDIS_MAJOR) {
        return mp_fail(err, MP_REDIS_UNSAFE, "redis_version",
                       "Redis is %s, and must be %d or later", version,
                       MP_REDIS_MAJOR);
    }

    /* while it reads its file, Redis says that it has none */
    if (strcmp(loading, "0") != 0) {
        return mp_fail(err, MP_REDIS_AWAY, "", "Redis is loading its data");
    }

    if (strcmp(aof, "1") != 0) {
        return mp_fail(err, MP_REDIS_UNSAFE, "appendonly",
                       "is no: what is written is lost when Redis stops; set "
                       "\"appendonly yes\"");
    }

    if (strcmp(policy, "noeviction") != 0) {
        return mp_fail(err, MP_REDIS_UNSAFE, "maxmemory-policy",
                       "is %s: Redis deletes keys when its memory is full; "
                       "set \"maxmemory-policy noeviction\"",
                       policy);
    }

    return MP_OK;
}


bool
mp_info_writes(const char *info, size_t len)
{
    char status[8];

    return !mp_info_value(status, sizeof(status), info, len,
                          "aof_last_write_status")
        || strcmp(status, "err") != 0;
}
