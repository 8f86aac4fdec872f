/*
 * The part that keeps Redis's list of backups equal to their folder, and
 * removes what the API tells it to.
 */

#include "mpa_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mp_stream.h"
#include "mpa_file.h"
#include "mpa_store.h"
#include "mpa_thread.h"

#define MPA_BACKUPS_EVERY 10000

struct mpa_backups {
    struct mpa *agent;
    struct mp_redis *redis;
    struct mpa_thread thread;
};


static void
mpa_backups_room(struct mpa_backups *backups)
{
    struct mp_health *health = backups->agent->health;
    struct mp_error err;

    if (mpa_file_room(backups->agent->config.backup_dir, &err) == MP_OK) {
        mp_health_good(health, MPA_TROUBLE_BACKUP);
    } else {
        mp_health_bad(health, MPA_TROUBLE_BACKUP, "no backup can be made: %s",
                      err.text);
    }
}


static void *
mpa_backups_run(void *arg)
{
    struct mpa_backups *backups = arg;
    const struct mpa_config *config = &backups->agent->config;
    struct mp_health *health = backups->agent->health;
    struct mp_error err;

    do {
        enum mp_status status =
            mpa_store_publish(config, backups->redis, &err);

        if (status == MP_OK) {
            mpa_backups_room(backups);

        } else if (!mp_redis_is_away(status)) {
            mp_health_bad(health, MPA_TROUBLE_BACKUP,
                          "backups cannot be listed: %s", err.text);
        }

    } while (mpa_thread_sleep(&backups->thread, MPA_BACKUPS_EVERY));

    return NULL;
}


enum mp_status
mpa_backups_drop(struct mpa *agent, const char *name, struct mp_error *err)
{
    struct mpa_backups *backups = agent->part[MPA_PART_BACKUPS];
    enum mp_status status = mpa_store_drop(&agent->config, name, err);

    if (backups != NULL) {
        mpa_thread_wake(&backups->thread);
    }

    return status;
}


enum mp_status
mpa_backups_start(struct mpa *agent, void **state_r, struct mp_error *err)
{
    struct mpa_backups *backups;
    int rc;

    if (agent->config.backup_dir[0] == '\0'
        || agent->config.radicale_folder[0] == '\0')
    {
        return MP_OK;
    }

    backups = calloc(1, sizeof(*backups));
    if (backups == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    *state_r = backups;
    backups->agent = agent;
    backups->redis = mpa_redis_new(agent, "agent-backups");

    if (backups->redis == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    mpa_store_sweep(&agent->config);
    rc = mpa_thread_start(&backups->thread, mpa_backups_run, backups);

    return rc == 0 ? MP_OK
                   : mp_fail(err, MP_INTERNAL, "", "cannot start a thread: %s",
                             strerror(rc));
}


void
mpa_backups_stop(void *state)
{
    struct mpa_backups *backups = state;

    mpa_thread_stop(&backups->thread);
    mp_redis_free(backups->redis);
    free(backups);
}
