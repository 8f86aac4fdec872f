#include "mpa_mailer.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "mp_clock.h"
#include "mp_mail.h"
#include "mp_stream.h"
#include "mpa_smtp.h"

/* Between two attempts. */
#define MPA_PAUSE_MIN 2000
#define MPA_PAUSE_MAX 120000


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
mpa_mailer_render(char **bytes_r, size_t *len_r, const struct mpa_job *job,
                  const struct mpa_template *template, const char *from,
                  struct mp_error *err)
{
    int64_t made = 0;
    struct mp_mail mail = {
        .from = from,
        .to = job->job.target,
        .id = job->job.id,
        .subject = template->subject,
        .text = template->text,
    };

    /* the same each time it is sent */
    (void) mp_job_id_check(job->job.id, strlen(job->job.id), &made);
    mail.at = made / 1000;

    return mp_mail_render(bytes_r, len_r, &mail, err);
}


static enum mp_status
mpa_mailer_try(struct mpa_job *job, const struct mpa_template *template,
               const struct mp_settings *set, struct mp_error *err)
{
    const struct mpa_smtp_user user = { job, mpa_job_told, mpa_job_stops };
    struct mpa_mail mail = { set->system_mailer_from, job->job.target, NULL,
                             0 };
    struct mpa_smtp server;
    enum mp_status status;
    char *bytes;

    status =
        mpa_mailer_render(&bytes, &mail.len, job, template, mail.from, err);
    if (status != MP_OK) {
        return status;
    }

    mail.message = bytes;
    status = mpa_mailer_server(&server, job, set, err);
    if (status == MP_OK) {
        status = mpa_smtp_run(&server, &mail, &user, err);
    }

    sodium_memzero(server.password, sizeof(server.password));
    free(bytes);

    return status;
}


/* With the newest settings: what fails with older ones says nothing. */
static enum mp_status
mpa_mailer_attempt(struct mpa_job *job, const struct mpa_template *template,
                   struct mp_error *err)
{
    struct mp_version version;
    enum mp_status status;

    do {
        job->item_count = 0;
        version.number = 0;
        status = mpa_settings_read(job->redis, &version, err);

        if (status == MP_OK) {
            status = mpa_mailer_try(job, template, &version.set, err);
        }
    } while (status != MP_OK && !mpa_job_cancelled(job)
             && mpa_settings_changed(job->redis, version.number));

    return status;
}


/* Waits for the next attempt, or gives up when the time is over. */
static void
mpa_mailer_later(struct mpa_job *job, const struct mp_error *why)
{
    const char *began = job->progress.started_at;
    int64_t now = mp_clock_msecs();
    int64_t since = now / 1000, past, pause;
    struct mp_error end;

    (void) mp_time_parse(&since, began, strlen(began));

    /* not less, when the clock was put back */
    past = now > since * 1000 ? now - since * 1000 : 0;

    if (past >= MPA_MAILER_MSECS) {
        (void) mp_fail(&end, MP_TIMEOUT, why->field,
                       "%.140s; given up after %d minutes", why->text,
                       MPA_MAILER_MSECS / 60000);
        mpa_job_fail_by(job, &end);
        return;
    }

    pause = past > MPA_PAUSE_MIN ? past : MPA_PAUSE_MIN;
    pause = pause < MPA_PAUSE_MAX ? pause : MPA_PAUSE_MAX;

    if (pause > MPA_MAILER_MSECS - past) {
        pause = MPA_MAILER_MSECS - past;
    }

    mpa_job_later(job, pause, why);
}


void
mpa_mailer_send(struct mpa_job *job, const struct mpa_template *template)
{
    struct mp_error err;
    enum mp_status status;

    job->progress.total = 1;
    status = mpa_mailer_attempt(job, template, &err);

    if (status == MP_OK) {
        job->progress.done = 1;
        job->progress.state = MP_JOB_DONE;

    } else if (mpa_job_cancelled(job)) {
        job->progress.state = MP_JOB_CANCELLED;

    } else if (status == MP_TIMEOUT || mp_redis_is_away(status)) {
        mpa_mailer_later(job, &err);

    } else {
        mpa_job_fail_by(job, &err);
    }
}
