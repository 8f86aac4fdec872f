/*
 * Follows the settings and hands each new version to all parts.  What it may
 * believe is in docs/architecture.md, "Versions, epochs".
 */

#include "mpa_parts.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_clock.h"
#include "mp_key.h"
#include "mp_stream.h"
#include "mp_time.h"
#include "mpa_memory.h"
#include "mpa_thread.h"

#define MPA_READ_BLOCK  500 /* it does not wake when the stream is deleted */
#define MPA_BACKOFF_MIN 50
#define MPA_BACKOFF_MAX 2000

struct mpa_follow {
    struct mpa *agent;
    struct mp_redis *redis;
    struct mpa_thread thread;
    struct mpa_memory memory;  /* of the newest version that was believed */
    struct mp_version version; /* number 0: none since the start */
    bool applied;              /* by every part */
    bool remembered;           /* on our disk */
    _Atomic uint64_t in_force;
    int64_t backoff;
};


uint64_t
mpa_follow_version(const struct mpa *agent)
{
    const struct mpa_follow *follow = agent->part[MPA_PART_FOLLOW];

    return follow != NULL ? atomic_load(&follow->in_force) : 0;
}


/* Whether a version may come after what we know. */
static bool
mpa_follow_believes(struct mpa_follow *follow,
                    const struct mp_version *version)
{
    const struct mpa_memory *known = &follow->memory;
    const char *what = NULL;

    if (known->number == 0 || strcmp(known->epoch, version->epoch) != 0) {
        return true;
    }

    if (version->number < known->number) {
        what = "is older than";
    } else if (version->number == known->number
               && strcmp(version->hash, known->hash) != 0)
    {
        what = "is not the";
    }

    if (what != NULL) {
        mp_health_bad(follow->agent->health, MPA_TROUBLE_SETTINGS,
                      "settings version %" PRIu64 " in Redis %s version "
                      "%" PRIu64 " in force",
                      version->number, what, known->number);
    }

    return what == NULL;
}


static void
mpa_follow_remember(struct mpa_follow *follow)
{
    const struct mp_version *version = &follow->version;
    struct mpa_memory *memory = &follow->memory;
    struct mp_error err;

    memory->number = version->number;
    memcpy(memory->epoch, version->epoch, sizeof(memory->epoch));
    memcpy(memory->hash, version->hash, sizeof(memory->hash));

    follow->remembered =
        mpa_memory_write(&follow->agent->config, memory, &err) == MP_OK;

    if (!follow->remembered) {
        mp_health_bad(follow->agent->health, MPA_TROUBLE_SETTINGS, "%s",
                      err.text);
    }
}


/* Each part says itself what keeps it from it. */
static void
mpa_follow_apply(struct mpa_follow *follow)
{
    struct mpa *agent = follow->agent;
    struct mp_error err;
    bool all = true;

    for (size_t i = 0; i < MPA_PART_COUNT; i++) {
        if (mpa_parts[i].apply != NULL && agent->part[i] != NULL
            && mpa_parts[i].apply(agent->part[i], &follow->version,
                                  follow->redis, &err)
                   != MP_OK)
        {
            all = false;
        }
    }

    follow->applied = all;

    if (all) {
        int64_t at = 0;

        atomic_store(&follow->in_force, follow->version.number);
        follow->remembered = false;

        /* the time is cut to seconds; the lag is at least what is left */
        if (mp_time_parse(&at, follow->version.at, strlen(follow->version.at)))
        {
            mp_health_changed(agent->health,
                              mp_clock_msecs() - at * 1000 - 999);
        }
    }
}


/* One entry of the stream; what is not valid is refused as a whole. */
static void
mpa_follow_take(struct mpa_follow *follow, const redisReply *entry)
{
    const char *id = mp_entry_id(entry);
    struct mp_version version;
    struct mp_error why;

    if (mp_version_parse(&version, entry, &why) != MP_OK) {
        mp_health_bad(follow->agent->health, MPA_TROUBLE_SETTINGS,
                      "settings version %s is not used: %s %s",
                      id != NULL ? id : "without a number", why.field,
                      why.text);
        return;
    }

    if (!mpa_follow_believes(follow, &version)) {
        return;
    }

    if (version.number != follow->version.number
        || strcmp(version.hash, follow->version.hash) != 0 || !follow->applied)
    {
        follow->version = version;
        mpa_follow_apply(follow);
    }

    /* a full disk may have room later */
    if (follow->applied && !follow->remembered) {
        mpa_follow_remember(follow);
    }

    if (!follow->applied || follow->remembered) {
        mp_health_good(follow->agent->health, MPA_TROUBLE_SETTINGS);
    }
}


static enum mp_status
mpa_follow_head(struct mpa_follow *follow, struct mp_error *err)
{
    const redisReply *entry;
    redisReply *reply;
    enum mp_status status;

    status = mp_stream_entry(follow->redis, mp_key(MP_KEY_SETTINGS), NULL,
                             &reply, &entry, err);
    if (status != MP_OK) {
        return status;
    }

    if (entry != NULL) {
        mpa_follow_take(follow, entry);
    } else {
        mp_health_bad(follow->agent->health, MPA_TROUBLE_SETTINGS,
                      "Redis has no settings");
    }

    freeReplyObject(reply);

    return MP_OK;
}


/* Waits for an entry behind the head; what it is, the next look says. */
static enum mp_status
mpa_follow_wait(struct mpa_follow *follow, struct mp_error *err)
{
    char after[32];
    struct mp_cmd cmd;
    redisReply *reply;
    enum mp_status status;

    (void) snprintf(after, sizeof(after), "%" PRIu64 "-0",
                    follow->version.number);

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "XREAD", "COUNT", "1", "BLOCK", NULL);
    mp_cmd_number(&cmd, MPA_READ_BLOCK);
    mp_cmd_texts(&cmd, "STREAMS", mp_key(MP_KEY_SETTINGS), after, NULL);
    status = mp_redis_do(follow->redis, &cmd, MPA_READ_BLOCK, &reply, err);
    mp_cmd_free(&cmd);

    if (status == MP_OK) {
        freeReplyObject(reply);
    }

    return status;
}


static enum mp_status
mpa_follow_turn(struct mpa_follow *follow, struct mp_error *err)
{
    enum mp_status status = mpa_follow_head(follow, err);

    if (status != MP_OK) {
        return status;
    }

    mp_health_good(follow->agent->health, MPA_TROUBLE_REDIS);
    follow->backoff = MPA_BACKOFF_MIN;

    if (!follow->applied) {
        (void) mpa_thread_sleep(&follow->thread, MPA_READ_BLOCK);
        return MP_OK;
    }

    return mpa_follow_wait(follow, err);
}


static void *
mpa_follow_run(void *arg)
{
    struct mpa_follow *follow = arg;
    struct mp_error err;

    while (mpa_thread_goes_on(&follow->thread)) {
        enum mp_status status = mpa_follow_turn(follow, &err);

        if (status == MP_OK) {
            continue;
        }

        mp_redis_drop(follow->redis);
        mp_health_bad(follow->agent->health, MPA_TROUBLE_REDIS, "%s: %s%s%s",
                      mp_status_title(status), err.field,
                      err.field[0] != '\0' ? " " : "", err.text);
        (void) mpa_thread_sleep(&follow->thread, follow->backoff);

        follow->backoff *= 2;
        if (follow->backoff > MPA_BACKOFF_MAX) {
            follow->backoff = MPA_BACKOFF_MAX;
        }
    }

    return NULL;
}


enum mp_status
mpa_follow_start(struct mpa *agent, void **state_r, struct mp_error *err)
{
    struct mpa_follow *follow = calloc(1, sizeof(*follow));
    int rc;

    if (follow == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    *state_r = follow;
    follow->agent = agent;
    follow->backoff = MPA_BACKOFF_MIN;
    follow->redis = mpa_redis_new(agent, "agent-follow");

    if (follow->redis == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    if (mpa_memory_read(&agent->config, &follow->memory, err) != MP_OK) {
        mp_health_bad(agent->health, MPA_TROUBLE_SETTINGS, "%s", err->text);
    }

    rc = mpa_thread_start(&follow->thread, mpa_follow_run, follow);

    return rc == 0 ? MP_OK
                   : mp_fail(err, MP_INTERNAL, "", "cannot start a thread: %s",
                             strerror(rc));
}


void
mpa_follow_stop(void *state)
{
    struct mpa_follow *follow = state;

    mpa_thread_stop(&follow->thread);
    mp_redis_free(follow->redis);
    free(follow);
}
