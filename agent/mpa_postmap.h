#ifndef MPA_POSTMAP_H
#define MPA_POSTMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "mpa_config.h"

/*
 * Puts a map file that Postfix reads as hash:<map_dir>/<name> in force: the
 * text and its .db, made by postmap beside and renamed, so that Postfix sees
 * the old one or the new one.  secret: for Postfix's group and nobody else.
 * Nothing is done when the file has that text already.  On failure the old one
 * stays.
 */
enum mp_status mpa_postmap(const struct mpa_config *config, const char *name,
                           const char *text, size_t len, bool secret,
                           struct mp_error *err);

#endif
