#include "mpa_zip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <sodium.h>

#define MPA_ZIP_BLOCK (64u << 10)

struct mpa_zip {
    struct archive *archive;
    struct archive_entry *entry;
    int fd;
    bool (*stop)(const void *context);
    const void *context;
    uint64_t bytes;
    crypto_hash_sha256_state sha256;
    char block[MPA_ZIP_BLOCK];
};


static la_ssize_t
mpa_zip_write(struct archive *archive, void *context, const void *bytes,
              size_t len)
{
    struct mpa_zip *zip = context;
    ssize_t n;

    do {
        n = write(zip->fd, bytes, len);
    } while (n < 0 && errno == EINTR);

    if (n < 0) {
        archive_set_error(archive, errno, "%s", strerror(errno));
        return -1;
    }

    (void) crypto_hash_sha256_update(&zip->sha256, bytes,
                                     (unsigned long long) n);
    zip->bytes += (uint64_t) n;

    return n;
}


static enum mp_status
mpa_zip_failed(const struct mpa_zip *zip, struct mp_error *err)
{
    const char *why = archive_error_string(zip->archive);

    return mp_fail(err, MP_INTERNAL, "", "the ZIP cannot be written: %s",
                   why != NULL ? why : "no memory");
}


enum mp_status
mpa_zip_begin(struct mpa_zip **zip_r, int fd,
              bool (*stop)(const void *context), const void *context,
              struct mp_error *err)
{
    struct mpa_zip *zip = calloc(1, sizeof(*zip));

    if (zip == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    *zip_r = zip;
    zip->fd = fd;
    zip->stop = stop;
    zip->context = context;
    zip->archive = archive_write_new();
    zip->entry = archive_entry_new();
    (void) crypto_hash_sha256_init(&zip->sha256);

    if (zip->archive == NULL || zip->entry == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    if (archive_write_set_format_zip(zip->archive) != ARCHIVE_OK
        || archive_write_set_options(zip->archive,
                                     "hdrcharset=UTF-8,compression=deflate")
               != ARCHIVE_OK
        || archive_write_set_bytes_per_block(zip->archive, MPA_ZIP_BLOCK)
               != ARCHIVE_OK
        || archive_write_set_bytes_in_last_block(zip->archive, 1) != ARCHIVE_OK
        || archive_write_open(zip->archive, zip, NULL, mpa_zip_write, NULL)
               != ARCHIVE_OK)
    {
        return mpa_zip_failed(zip, err);
    }

    return MP_OK;
}


/* Its first size bytes: it may grow or shrink while we read. */
static enum mp_status
mpa_zip_copy(struct mpa_zip *zip, const struct mpa_zip_member *member,
             crypto_hash_sha256_state *sha256, struct mp_error *err)
{
    uint64_t left = member->size;

    while (left > 0) {
        size_t want = left < MPA_ZIP_BLOCK ? (size_t) left : MPA_ZIP_BLOCK;
        ssize_t n = read(member->fd, zip->block, want);

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n < 0) {
            return mp_fail(err, MP_INTERNAL, "", "a file cannot be read: %s",
                           strerror(errno));
        }

        if (n == 0) {
            return mp_fail(err, MP_INTERNAL, "",
                           "a file became shorter while it was read");
        }

        if (zip->stop != NULL && zip->stop(zip->context)) {
            return mp_fail(err, MP_TIMEOUT, "", "cancelled");
        }

        if (archive_write_data(zip->archive, zip->block, (size_t) n) != n) {
            return mpa_zip_failed(zip, err);
        }

        (void) crypto_hash_sha256_update(sha256,
                                         (const unsigned char *) zip->block,
                                         (unsigned long long) n);
        left -= (uint64_t) n;
    }

    return MP_OK;
}


enum mp_status
mpa_zip_add(struct mpa_zip *zip, struct mpa_zip_member *member,
            struct mp_error *err)
{
    crypto_hash_sha256_state sha256;
    enum mp_status status;

    (void) crypto_hash_sha256_init(&sha256);
    (void) archive_entry_clear(zip->entry);
    (void) archive_entry_update_pathname_utf8(zip->entry, member->name);
    archive_entry_set_filetype(zip->entry, AE_IFREG);
    archive_entry_set_perm(zip->entry, 0640);
    archive_entry_set_size(zip->entry, (la_int64_t) member->size);
    archive_entry_set_mtime(zip->entry, member->modified, 0);

    if (archive_write_header(zip->archive, zip->entry) != ARCHIVE_OK) {
        return mpa_zip_failed(zip, err);
    }

    status = mpa_zip_copy(zip, member, &sha256, err);
    if (status != MP_OK) {
        return status;
    }

    (void) crypto_hash_sha256_final(&sha256, member->sha256);

    return archive_write_finish_entry(zip->archive) == ARCHIVE_OK
             ? MP_OK
             : mpa_zip_failed(zip, err);
}


enum mp_status
mpa_zip_end(struct mpa_zip *zip, uint64_t *bytes_r, unsigned char sha256_r[32],
            struct mp_error *err)
{
    enum mp_status status = MP_OK;

    if (zip == NULL) {
        return MP_OK;
    }

    if (zip->archive != NULL
        && archive_write_close(zip->archive) != ARCHIVE_OK) {
        status = mpa_zip_failed(zip, err);
    }

    (void) crypto_hash_sha256_final(&zip->sha256, sha256_r);
    *bytes_r = zip->bytes;
    archive_entry_free(zip->entry);
    (void) archive_write_free(zip->archive);
    free(zip);

    return status;
}
