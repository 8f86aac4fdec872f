/* The job relayhost-test: as far as Postfix would come, step by step. */

#include <string.h>

#include <sodium.h>

#include "mpa_job.h"
#include "mpa_relay.h"


static enum mp_status
mpa_relay_try(struct mpa_job *job, const struct mp_settings *set,
              struct mp_error *err)
{
    const struct mpa_smtp_user user = { job, mpa_job_told, mpa_job_stops };
    struct mpa_smtp server;
    enum mp_status status = MP_OK;

    if (!mpa_relay_server(&server, set)) {
        return mp_fail(err, MP_NOT_FOUND, "",
                       "there is no relayhost: mail goes directly");
    }

    if (server.username[0] != '\0' && set->relayhost_password[0] != '\0') {
        status =
            mpa_secret_open(job->agent, job->redis, set->relayhost_password,
                            server.password, err);
    }

    if (status == MP_OK) {
        status = mpa_smtp_run(&server, NULL, &user, err);
    }

    sodium_memzero(server.password, sizeof(server.password));

    return status;
}


void
mpa_relay_test(struct mpa_job *job)
{
    struct mp_version version;
    struct mp_error err;
    enum mp_status status;

    job->progress.total = 1;

    /* what it says is of the settings that are in force when it ends */
    do {
        job->item_count = 0;
        version.number = 0;
        status = mpa_settings_read(job->redis, &version, &err);

        if (status == MP_OK) {
            status = mpa_relay_try(job, &version.set, &err);
        }
    } while (!mpa_job_cancelled(job)
             && mpa_settings_changed(job->redis, version.number));

    if (status == MP_OK) {
        job->progress.done = 1;
        job->progress.state = MP_JOB_DONE;

    } else if (mpa_job_cancelled(job)) {
        job->progress.state = MP_JOB_CANCELLED;

    } else {
        mpa_job_fail_by(job, &err);
    }
}
