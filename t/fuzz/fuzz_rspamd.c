/*
 * Any bytes as the answer of a score source: what is taken for a score is
 * one that mp_score_parse() makes, and what is refused writes nothing.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mp_rspamd.h"
#include "mp_verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


static void
judge(enum mp_status status, const struct mp_scan *scan)
{
    int32_t score;

    if (status == MP_OK) {
        must(mp_score_parse(&score, scan->score / 100.0));
        must(score == scan->score);

    } else {
        must(status == MP_INVALID);
        must(scan->score == INT32_MIN && !scan->refused);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *) data;
    struct mp_scan scan = { INT32_MIN, false };
    char *text;

    judge(mp_rspamd_parse(&scan, bytes, size, NULL), &scan);

    scan = (struct mp_scan){ INT32_MIN, false };
    judge(mp_spamd_parse(&scan, bytes, size, NULL), &scan);

    text = strndup(bytes, size);
    must(text != NULL);
    scan = (struct mp_scan){ INT32_MIN, false };
    judge(mp_scan_text_parse(&scan, text, NULL), &scan);
    free(text);

    return 0;
}
