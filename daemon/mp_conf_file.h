#ifndef MP_CONF_FILE_H
#define MP_CONF_FILE_H

#include "mp_conf.h"

/*
 * Fills conf with the defaults of its rows, then reads the file at path;
 * mp_conf_free() must follow in any case.  MP_NOT_FOUND: it cannot be opened.
 */
enum mp_status mp_conf_load(const struct mp_conf_row *rows, void *conf,
                            const char *path, struct mp_error *err);

/* Puts the host's name where *node is empty; checks the name of a node. */
enum mp_status mp_conf_node(char **node, struct mp_error *err);

#endif
