/* What the agent says of itself, every two seconds. */

#include "mpa_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mp_beat.h"
#include "mp_clock.h"
#include "mp_heartbeat.h"
#include "mp_info.h"
#include "mp_stream.h"
#include "mpa_thread.h"

#define MPA_BEAT_MSECS (1000 * MP_HEARTBEAT_EVERY)

struct mpa_beat {
    struct mpa *agent;
    struct mp_redis *redis;
    struct mpa_thread thread;
};


static void
mpa_beat_fill(const struct mpa_beat *beat, struct mp_heartbeat *hb)
{
    const struct mpa *agent = beat->agent;

    memset(hb, 0, sizeof(*hb));
    (void) snprintf(hb->component, sizeof(hb->component), "agent");
    (void) snprintf(hb->node, sizeof(hb->node), "%s", agent->config.node);
    (void) snprintf(hb->build, sizeof(hb->build), "%s", MP_VERSION);
    hb->pid = getpid();
    hb->settings = mpa_follow_version(agent);
    mp_health_report(agent->health, hb);
}


static enum mp_status
mpa_beat_send(struct mpa_beat *beat, struct mp_error *err)
{
    struct mp_heartbeat hb;

    mpa_beat_fill(beat, &hb);

    return mp_beat_send(beat->redis, &hb, err);
}


static void *
mpa_beat_run(void *arg)
{
    struct mpa_beat *beat = arg;
    struct mp_health *health = beat->agent->health;
    struct mp_error err;

    do {
        enum mp_status status = mpa_beat_send(beat, &err);

        /* that Redis is away says the follower */
        if (status == MP_OK) {
            mp_health_good(health, MPA_TROUBLE_REPORT);

        } else if (!mp_redis_is_away(status)) {
            mp_health_bad(health, MPA_TROUBLE_REPORT,
                          "the heartbeat cannot be written: %s", err.text);
        }

    } while (mp_health_wait(health, mp_clock_steady() + MPA_BEAT_MSECS));

    return NULL;
}


enum mp_status
mpa_beat_start(struct mpa *agent, void **state_r, struct mp_error *err)
{
    struct mpa_beat *beat = calloc(1, sizeof(*beat));
    int rc;

    if (beat == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    *state_r = beat;
    beat->agent = agent;
    beat->redis = mpa_redis_new(agent, "agent-beat");

    if (beat->redis == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    rc = mpa_thread_start(&beat->thread, mpa_beat_run, beat);

    return rc == 0 ? MP_OK
                   : mp_fail(err, MP_INTERNAL, "", "cannot start a thread: %s",
                             strerror(rc));
}


void
mpa_beat_stop(void *state)
{
    struct mpa_beat *beat = state;

    mp_health_stop(beat->agent->health);
    mpa_thread_stop(&beat->thread);
    mp_redis_free(beat->redis);
    free(beat);
}
