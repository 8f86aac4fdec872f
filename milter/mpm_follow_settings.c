/* The half of the follower that reads versions of the settings. */

#include "mpm_follow_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mp_key.h"
#include "mp_time.h"
#include "mp_stream.h"


/*
 * Whether the version in force stands in the stream as we know it, or has
 * been trimmed.  If not, the stream is another history.
 */
static enum mp_status
mpm_settings_anchored(struct mpm_follow *follow, bool *anchored_r,
                      struct mp_error *err)
{
    const struct mp_version *ours = &follow->settings->version;
    struct mp_version theirs;
    const redisReply *entry;
    redisReply *reply;
    enum mp_status status;
    char id[32];

    (void) snprintf(id, sizeof(id), "%" PRIu64 "-0", ours->number);

    status = mp_stream_entry(follow->redis, mp_key(MP_KEY_SETTINGS), id,
                             &reply, &entry, err);
    if (status != MP_OK) {
        return status;
    }

    *anchored_r = entry == NULL
               || (mp_version_parse(&theirs, entry, NULL) == MP_OK
                   && strcmp(theirs.hash, ours->hash) == 0);
    freeReplyObject(reply);

    return MP_OK;
}


static void
mpm_settings_adopt(struct mpm_follow *follow, const struct mp_version *version)
{
    struct mpm_settings *next = mpm_settings_new(version);
    int64_t at = 0;

    if (next == NULL) {
        return;
    }

    mpm_settings_drop(follow->next_settings);
    follow->next_settings = next;
    follow->settings_seen = version->number;
    follow->settings_behind = false;
    mp_health_good(follow->parts.health, MPM_TROUBLE_SETTINGS);

    /* the time is cut to seconds; the lag is at least what is left */
    if (mp_time_parse(&at, version->at, strlen(version->at))) {
        mpm_follow_made(follow, at * 1000 + 999);
    }
}


static void
mpm_settings_behind(struct mpm_follow *follow, const char *what,
                    uint64_t number)
{
    follow->settings_behind = true;
    mp_health_bad(follow->parts.health, MPM_TROUBLE_SETTINGS,
                  "settings version %" PRIu64 " in Redis %s version %" PRIu64
                  " in force",
                  number, what, follow->settings->version.number);
}


/* Judges a valid version by what is in force. */
static enum mp_status
mpm_settings_judge(struct mpm_follow *follow, const struct mp_version *version,
                   struct mp_error *err)
{
    const struct mp_version *ours;
    enum mp_status status;
    bool anchored = true;

    if (follow->settings == NULL
        || strcmp(follow->settings->version.epoch, version->epoch) != 0)
    {
        mpm_settings_adopt(follow, version);
        return MP_OK;
    }

    ours = &follow->settings->version;

    if (version->number < ours->number) {
        mpm_settings_behind(follow, "is older than", version->number);
        return MP_OK;
    }

    if (version->number == ours->number) {
        if (strcmp(version->hash, ours->hash) != 0) {
            mpm_settings_behind(follow, "is not the", version->number);

        } else {
            follow->settings_behind = false;
            mp_health_good(follow->parts.health, MPM_TROUBLE_SETTINGS);
        }

        return MP_OK;
    }

    status = mpm_settings_anchored(follow, &anchored, err);
    if (status == MP_OK && anchored) {
        mpm_settings_adopt(follow, version);

    } else if (status == MP_OK) {
        mpm_settings_behind(follow, "does not follow from", version->number);
    }

    return status;
}


enum mp_status
mpm_settings_take(struct mpm_follow *follow, const redisReply *entry,
                  struct mp_error *err)
{
    const char *id = mp_entry_id(entry);
    struct mp_version version;
    struct mp_error fault;
    struct mp_stream_id seen = { 0, 0 };

    if (mp_version_parse(&version, entry, &fault) == MP_OK) {
        return mpm_settings_judge(follow, &version, err);
    }

    if (id == NULL || !mp_stream_id_parse(&seen, id)) {
        id = "without a number";
    }

    /* once only, although each look at the head finds it again */
    if (seen.msecs > follow->settings_seen || seen.msecs == 0) {
        follow->settings_seen = seen.msecs;
        mpm_follow_refused(follow, MPM_TROUBLE_SETTINGS, id, &fault);
    }

    return MP_OK;
}


enum mp_status
mpm_settings_look(struct mpm_follow *follow, struct mp_error *err)
{
    const redisReply *entry;
    redisReply *reply;
    enum mp_status status;

    status = mp_stream_entry(follow->redis, mp_key(MP_KEY_SETTINGS), NULL,
                             &reply, &entry, err);

    if (status != MP_OK) {
        if (mp_redis_is_away(status)) {
            return status;
        }

        mp_health_bad(follow->parts.health, MPM_TROUBLE_SETTINGS,
                      "the settings cannot be read: %s", err->text);
        return MP_OK;
    }

    if (entry == NULL) {
        follow->settings_behind = true;
        mp_health_bad(follow->parts.health, MPM_TROUBLE_SETTINGS,
                      "Redis has no settings");

    } else {
        status = mpm_settings_take(follow, entry, err);
    }

    freeReplyObject(reply);

    return status;
}
