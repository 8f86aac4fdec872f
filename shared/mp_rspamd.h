#ifndef MP_RSPAMD_H
#define MP_RSPAMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp_error.h"

/* What a source of spam scores says of a message. */
struct mp_scan {
    int32_t score; /* hundredths */
    bool refused;  /* whatever the score: a pre-result, as a virus or GTUBE */
};

/*
 * Reads the answer of rspamd's /checkv2.  A score that is missing, no number
 * or out of range is MP_INVALID; scan_r is then untouched.  required_score
 * may be null.  A soft reject is not ours to act on: greylisting is done
 * here, not there.
 */
enum mp_status mp_rspamd_parse(struct mp_scan *scan_r, const char *bytes,
                               size_t len, struct mp_error *err);

/* Reads the answer of spamd to SYMBOLS or CHECK. */
enum mp_status mp_spamd_parse(struct mp_scan *scan_r, const char *bytes,
                              size_t len, struct mp_error *err);

/* Reads a score that begins a text: "5.40; action=no action". */
enum mp_status mp_scan_text_parse(struct mp_scan *scan_r, const char *text,
                                  struct mp_error *err);

#endif
