#ifndef MP_SETTINGS_LOG_H
#define MP_SETTINGS_LOG_H

#include <stdint.h>

#include <hiredis/hiredis.h>

#include "mp_cmd.h"
#include "mp_settings.h"

#define MP_HASH_HEX   65 /* SHA-256 in hex and a NUL */
#define MP_EPOCH_SIZE 33 /* 16 random bytes in hex and a NUL */

/*
 * One version of the settings <-> one entry of mp:{cfg}:log with the id
 * <version>-0 and the fields epoch, doc, h, prev, actor, at, req.
 *
 * epoch names the data set: mailportal-ctl init makes it, and it never
 * changes.  A follower that meets its own epoch with a lower version knows
 * that Redis lost something.
 */
struct mp_version {
    uint64_t number;
    struct mp_settings set;
    char epoch[MP_EPOCH_SIZE];
    char hash[MP_HASH_HEX];
    char prev[MP_HASH_HEX]; /* hash of the version before, or "" */
    char actor[128];
    char at[32]; /* RFC 3339 UTC */
    char request_id[40];
};

/*
 * Reads one element of an XRANGE, XREVRANGE or XREAD answer, as if it came
 * from a stranger: shape, hash, document and rules are checked.  MP_INVALID
 * names what is wrong; version_r is then undefined.
 */
enum mp_status mp_version_parse(struct mp_version *version_r,
                                const redisReply *entry, struct mp_error *err);

/*
 * Prepares the next version: sets number, prev, epoch and hash of next from
 * before (NULL: the first; next->epoch is then the caller's) and from its own
 * set, actor, at and request_id.
 */
void mp_version_seal(struct mp_version *next, const struct mp_version *before);

/*
 * The command that publishes a sealed version: XADD with an explicit id, which
 * fails when somebody was faster, and, unless it is the first, NOMKSTREAM,
 * which answers nil when the stream is gone.
 */
void mp_version_command(struct mp_cmd *cmd, const struct mp_version *version);

#endif
