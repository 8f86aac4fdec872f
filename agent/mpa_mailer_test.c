/*
 * The job mailer-test: a message to an address through the system mailer, step
 * by step.  Its Message-ID is the job's id, so that one which is sent twice
 * after a crash is known to be the same.
 */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "mp_clock.h"
#include "mp_mail.h"
#include "mp_net.h"
#include "mpa_job.h"
#include "mpa_smtp.h"

static const char mpa_mailer_text[] =
    "This is a test of the system mailer of your mail administration portal.\n"
    "\n"
    "An administrator has asked for it. The portal sends its own mail, as "
    "links\n"
    "to set a new password, by the same way.\n";

/* Between the attempts, in milliseconds. */
static const unsigned int mpa_mailer_pause[] = { 2000, 10000, 30000 };


/* Of mpa_smtp_run(). */
static void
mpa_mailer_told(void *context, const char *step, const char *text)
{
    mpa_job_step(context, step, "%s", text);
}


static enum mp_status
mpa_mailer_server(struct mpa_smtp *server_r, struct mpa_job *job,
                  const struct mp_settings *set, struct mp_error *err)
{
    const char *tls = set->system_mailer_tls;

    memset(server_r, 0, sizeof(*server_r));
    memcpy(server_r->host, set->system_mailer_host, sizeof(server_r->host));
    memcpy(server_r->username, set->system_mailer_username,
           sizeof(server_r->username));
    server_r->port = set->system_mailer_port;
    server_r->tls = strcmp(tls, "tls") == 0      ? MPA_SMTP_TLS
                  : strcmp(tls, "starttls") == 0 ? MPA_SMTP_STARTTLS
                                                 : MPA_SMTP_PLAIN;
    server_r->verify = server_r->tls != MPA_SMTP_PLAIN;

    return server_r->username[0] != '\0'
                && set->system_mailer_password[0] != '\0'
             ? mpa_secret_open(job->agent, job->redis,
                               set->system_mailer_password, server_r->password,
                               err)
             : MP_OK;
}


static enum mp_status
mpa_mailer_send(struct mpa_job *job, const struct mp_settings *set,
                const struct mpa_smtp *server, struct mp_error *err)
{
    int64_t made = 0;
    struct mp_mail mail = {
        .from = set->system_mailer_from,
        .to = job->job.target,
        .id = job->job.id,
        .subject = "Test of the system mailer",
        .text = mpa_mailer_text,
    };
    struct mpa_mail envelope = { mail.from, mail.to, NULL, 0 };
    enum mp_status status;
    char *bytes;

    /* the same each time it is sent */
    (void) mp_job_id_check(job->job.id, strlen(job->job.id), &made);
    mail.at = made / 1000;

    status = mp_mail_render(&bytes, &envelope.len, &mail, err);
    if (status != MP_OK) {
        return status;
    }

    envelope.message = bytes;
    status = mpa_smtp_run(server, &envelope, mpa_mailer_told, job, err);
    free(bytes);

    return status;
}


static enum mp_status
mpa_mailer_try(struct mpa_job *job, struct mp_error *err)
{
    struct mp_version version;
    struct mpa_smtp server;
    enum mp_status status = mpa_settings_read(job->redis, &version, err);

    if (status != MP_OK) {
        return status;
    }

    status = mpa_mailer_server(&server, job, &version.set, err);
    if (status == MP_OK) {
        status = mpa_mailer_send(job, &version.set, &server, err);
    }

    sodium_memzero(server.password, sizeof(server.password));

    return status;
}


/* False when it is cancelled. */
static bool
mpa_mailer_wait(struct mpa_job *job, size_t attempt,
                const struct mp_error *why)
{
    int64_t end = mp_clock_steady() + mpa_mailer_pause[attempt];

    mpa_job_step(job, why->field, "%s; trying again in %u s", why->text,
                 mpa_mailer_pause[attempt] / 1000);

    while (mp_clock_steady() < end && !mpa_job_cancelled(job)) {
        const struct timespec moment = { 0, 100 * 1000 * 1000 };

        (void) nanosleep(&moment, NULL);
    }

    return !mpa_job_cancelled(job);
}


void
mpa_mailer_test(struct mpa_job *job)
{
    const size_t most = sizeof(mpa_mailer_pause) / sizeof(mpa_mailer_pause[0]);
    struct mp_error err;
    enum mp_status status;
    size_t attempt = 0;

    job->progress.total = 1;
    status = mpa_mailer_try(job, &err);

    while (status == MP_TIMEOUT && attempt < most) {
        if (!mpa_mailer_wait(job, attempt++, &err)) {
            job->progress.state = MP_JOB_CANCELLED;
            return;
        }

        status = mpa_mailer_try(job, &err);
    }

    if (status != MP_OK) {
        mpa_job_fail(job, "%s%s%s", err.field,
                     err.field[0] != '\0' ? ": " : "", err.text);
        return;
    }

    job->progress.done = 1;
    job->progress.state = MP_JOB_DONE;
}
