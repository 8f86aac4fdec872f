#ifndef MP_SNAPSHOT_H
#define MP_SNAPSHOT_H

#include <stddef.h>

#include "mp_json.h"
#include "mp_settings_log.h"

#define MP_SNAPSHOT_START 64 /* bytes before the head */
#define MP_SNAPSHOT_SUM   32 /* BLAKE2b at the end */
#define MP_SNAPSHOT_ID    48

/*
 * The snapshot file, from which a server starts without Redis:
 *
 *     "mailportal-snapshot 1 <bytes of head> <bytes of image>\n", blanks up to
 *     MP_SNAPSHOT_START bytes; the head, JSON: a version of the settings and
 *     the id of the lists; the image of the lists (mp_list_image(), may be
 *     empty); BLAKE2b-256 of all before.
 *
 * The texts of a version, its document and the ids are kept as they were
 * followed.  The image is lent by the bytes that were read.
 */
struct mp_snapshot {
    struct mp_version version;  /* number 0: none */
    char lists[MP_SNAPSHOT_ID]; /* "": none */
    char lists_epoch[MP_EPOCH_SIZE];
    const unsigned char *image;
    size_t image_len;
};

/* Writes the start and the head; image_len is what will follow. */
void mp_snapshot_head(char start_r[MP_SNAPSHOT_START], struct mp_json *head_r,
                      const struct mp_snapshot *snapshot);

/*
 * Reads a whole file as if a stranger had written it.  MP_INVALID says what is
 * wrong; snapshot_r is then undefined.  Whether the image is one is for
 * mp_list_from_image() to say.
 */
enum mp_status mp_snapshot_parse(struct mp_snapshot *snapshot_r,
                                 const unsigned char *bytes, size_t len,
                                 struct mp_error *err);

#endif
