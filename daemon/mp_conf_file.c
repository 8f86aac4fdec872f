#include "mp_conf_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mp_heartbeat.h"

#define MP_CONF_FILE_MAX (1u << 20)


/* The whole file; the caller frees *bytes_r. */
static enum mp_status
mp_conf_bytes(char **bytes_r, size_t *len_r, const char *path,
              struct mp_error *err)
{
    FILE *file = fopen(path, "re");
    char *bytes;
    size_t len;

    if (file == NULL) {
        return mp_fail(err, MP_NOT_FOUND, "", "%s: %s", path, strerror(errno));
    }

    bytes = malloc(MP_CONF_FILE_MAX);
    if (bytes == NULL) {
        (void) fclose(file);
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    len = fread(bytes, 1, MP_CONF_FILE_MAX, file);

    if (ferror(file) || len == MP_CONF_FILE_MAX) {
        (void) fclose(file);
        free(bytes);
        return mp_fail(err, MP_INVALID, "", "%s cannot be read", path);
    }

    (void) fclose(file);
    *bytes_r = bytes;
    *len_r = len;

    return MP_OK;
}


enum mp_status
mp_conf_load(const struct mp_conf_row *rows, void *conf, const char *path,
             struct mp_error *err)
{
    enum mp_status status = mp_conf_default(rows, conf, err);
    char *bytes = NULL;
    size_t len = 0;

    if (status != MP_OK) {
        return status;
    }

    status = mp_conf_bytes(&bytes, &len, path, err);
    if (status != MP_OK) {
        return status;
    }

    status = mp_conf_parse(rows, conf, bytes, len, err);
    free(bytes);

    return status;
}


enum mp_status
mp_conf_node(char **node, struct mp_error *err)
{
    char host[256];

    if (*node != NULL && (*node)[0] == '\0') {
        if (gethostname(host, sizeof(host)) != 0) {
            return mp_fail(err, MP_INVALID, "node", "is needed: %s",
                           strerror(errno));
        }

        host[sizeof(host) - 1] = '\0';
        free(*node);
        *node = strdup(host);
    }

    if (*node == NULL) {
        return mp_fail(err, MP_INTERNAL, "node", "no memory");
    }

    return mp_node_check(*node, err);
}
