#ifndef MPA_ZIP_H
#define MPA_ZIP_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "mp_error.h"

/*
 * A ZIP (libarchive; Zip64 where it is needed) that is written from front to
 * back into a file descriptor, which stays the caller's; its SHA-256 is made
 * on the way.
 */
struct mpa_zip;

/*
 * stop, asked with context at each block of a member, may be NULL; when it
 * says so, adding ends with MP_TIMEOUT.
 */
enum mp_status mpa_zip_begin(struct mpa_zip **zip_r, int fd,
                             bool (*stop)(const void *context),
                             const void *context, struct mp_error *err);

struct mpa_zip_member {
    const char *name; /* UTF-8 */
    int fd;           /* read from where it stands */
    uint64_t size;
    time_t modified;
    unsigned char sha256[32]; /* of its bytes, written when it was added */
};

/*
 * Adds a file: its first size bytes, be it longer by now; one that has become
 * shorter is an error.
 */
enum mp_status mpa_zip_add(struct mpa_zip *zip, struct mpa_zip_member *member,
                           struct mp_error *err);

/* Ends and frees it, also when something failed before. */
enum mp_status mpa_zip_end(struct mpa_zip *zip, uint64_t *bytes_r,
                           unsigned char sha256_r[32], struct mp_error *err);

#endif
