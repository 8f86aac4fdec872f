#ifndef MPA_FILE_H
#define MPA_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "mp_error.h"

/* How the name of the temporary file ends, which begins with a dot. */
#define MPA_FILE_TEMP ".new"

/*
 * Replaces the file name in the folder dir in one step: a temporary file,
 * fsync, rename, fsync of the folder.  On failure the old one stays, and
 * err->text says which path and why.
 */
enum mp_status mpa_file_write(const char *dir, const char *name, mode_t mode,
                              const void *bytes, size_t len,
                              struct mp_error *err);

/* Whether there is room for a small file; else err->text says where not. */
enum mp_status mpa_file_room(const char *dir, struct mp_error *err);

#endif
