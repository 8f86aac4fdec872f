/*
 * How many address books and calendars Radicale has: by the props of each
 * collection, every quarter of an hour, without a lock.
 */

#include "mpa_parts.h"

#include <stdlib.h>
#include <string.h>

#include "mp_clock.h"
#include "mp_dav.h"
#include "mp_key.h"
#include "mp_stream.h"
#include "mpa_radicale.h"
#include "mpa_thread.h"

#define MPA_DAV_EVERY (15 * 60 * 1000)
#define MPA_DAV_RETRY 5000

struct mpa_dav {
    struct mpa *agent;
    struct mp_redis *redis;
    struct mpa_thread thread;
    struct mp_dav found;
};


static void
mpa_dav_count(void *context, const char *tag)
{
    struct mp_dav *found = context;

    found->collections++;
    found->addressbooks += strcmp(tag, "VADDRESSBOOK") == 0;
    found->calendars += strcmp(tag, "VCALENDAR") == 0;
}


static enum mp_status
mpa_dav_publish(struct mpa_dav *dav, struct mp_error *err)
{
    struct mp_keyname key;
    struct mp_json json;
    struct mp_cmd cmd;
    redisReply *reply;
    enum mp_status status;

    mp_time_format(dav->found.at, mp_clock_msecs() / 1000);
    (void) mp_key_name(&key, MP_KEY_DAV, dav->agent->config.node);

    mp_json_init(&json);
    mp_dav_render(&json, NULL, &dav->found);

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "SET", key.text, NULL);
    mp_cmd_add(&cmd, json.bytes, json.len);
    status = mp_redis_do(dav->redis, &cmd, 0, &reply, err);
    mp_cmd_free(&cmd);
    mp_json_free(&json);

    if (status == MP_OK) {
        freeReplyObject(reply);
    }

    return status;
}


static enum mp_status
mpa_dav_look(struct mpa_dav *dav, struct mp_error *err)
{
    struct mpa_radicale_walk walk = { .context = &dav->found,
                                      .collection = mpa_dav_count };
    enum mp_status status;

    memset(&dav->found, 0, sizeof(dav->found));
    status = mpa_radicale_walk(dav->agent->config.radicale_folder, NULL, &walk,
                               err);

    /* nobody has used it yet */
    return status == MP_OK || status == MP_NOT_FOUND
             ? mpa_dav_publish(dav, err)
             : status;
}


static void *
mpa_dav_run(void *arg)
{
    struct mpa_dav *dav = arg;
    struct mp_health *health = dav->agent->health;
    enum mp_status status;
    struct mp_error err;

    do {
        status = mpa_dav_look(dav, &err);

        if (status == MP_OK) {
            mp_health_good(health, MPA_TROUBLE_RADICALE);

        } else if (!mp_redis_is_away(status)) {
            mp_health_bad(health, MPA_TROUBLE_RADICALE,
                          "Radicale's collections cannot be counted: %s",
                          err.text);
        }

    } while (mpa_thread_sleep(&dav->thread, status == MP_OK ? MPA_DAV_EVERY
                                                            : MPA_DAV_RETRY));

    return NULL;
}


enum mp_status
mpa_dav_start(struct mpa *agent, void **state_r, struct mp_error *err)
{
    struct mpa_dav *dav;
    int rc;

    if (agent->config.radicale_folder[0] == '\0') {
        return MP_OK;
    }

    dav = calloc(1, sizeof(*dav));
    if (dav == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    *state_r = dav;
    dav->agent = agent;
    dav->redis = mpa_redis_new(agent, "agent-dav");

    if (dav->redis == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    rc = mpa_thread_start(&dav->thread, mpa_dav_run, dav);

    return rc == 0 ? MP_OK
                   : mp_fail(err, MP_INTERNAL, "", "cannot start a thread: %s",
                             strerror(rc));
}


void
mpa_dav_stop(void *state)
{
    struct mpa_dav *dav = state;

    mpa_thread_stop(&dav->thread);
    mp_redis_free(dav->redis);
    free(dav);
}
