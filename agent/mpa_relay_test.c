/* The job relayhost-test: as far as Postfix would come, step by step. */

#include <string.h>

#include <sodium.h>

#include "mpa_job.h"
#include "mpa_relay.h"


/* Of mpa_smtp_run(). */
static void
mpa_relay_told(void *context, const char *step, const char *text)
{
    mpa_job_step(context, step, "%s", text);
}


static enum mp_status
mpa_relay_try(struct mpa_job *job, const struct mp_settings *set,
              struct mp_error *err)
{
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
        status = mpa_smtp_run(&server, NULL, mpa_relay_told, job, err);
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
    status = mpa_settings_read(job->redis, &version, &err);

    if (status == MP_OK) {
        status = mpa_relay_try(job, &version.set, &err);
    }

    if (status != MP_OK) {
        mpa_job_fail(job, "%s%s%s", err.field,
                     err.field[0] != '\0' ? ": " : "", err.text);
        return;
    }

    job->progress.done = 1;
    job->progress.state = MP_JOB_DONE;
}
