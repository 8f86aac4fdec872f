#ifndef MPA_ZIP_H
#define MPA_ZIP_H

#include <stdint.h>
#include <sys/types.h>

#include "mp_error.h"

/*
 * A ZIP (libarchive; Zip64 where it is needed) that is written from front to
 * back into a file descriptor, which stays the caller's; its SHA-256 is made
 * on the way.
 */
struct mpa_zip;

enum mp_status mpa_zip_begin(struct mpa_zip **zip_r, int fd,
                             struct mp_error *err);

/*
 * Adds a file: the first size bytes of what fd holds; one that has become
 * shorter is an error.  sha256_r, of 32 bytes, may be NULL.  name is UTF-8.
 */
enum mp_status mpa_zip_add(struct mpa_zip *zip, const char *name, int fd,
                           uint64_t size, time_t modified,
                           unsigned char *sha256_r, struct mp_error *err);

/* Ends and frees it, also when something failed before. */
enum mp_status mpa_zip_end(struct mpa_zip *zip, uint64_t *bytes_r,
                           unsigned char sha256_r[32], struct mp_error *err);

#endif
