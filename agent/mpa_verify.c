/*
 * The job verify-cache-clear.  What is counted is a copy: postmap would wait
 * for verify(8), which has the map as long as it runs.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mpa_helper.h"
#include "mpa_job.h"
#include "mpa_spawn.h"

#define MPA_POSTMAP      "/usr/sbin/postmap"
#define MPA_VERIFY_COPY  "verify-copy"
#define MPA_VERIFY_TRIES 3
#define MPA_COUNT_MSECS  60000
#define MPA_HELPER_MSECS 60000
#define MPA_PATH_SIZE    4096

struct mpa_verify_count {
    uint64_t good;
    uint64_t bad;
    uint64_t open; /* not known yet */
};


static enum mp_status
mpa_verify_copy(const char *path, int from, struct mp_error *err)
{
    char bytes[65536];
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                  0600);
    bool good = to >= 0;
    ssize_t n = 0;

    while (good && (n = read(from, bytes, sizeof(bytes))) > 0) {
        good = write(to, bytes, (size_t) n) == n;
    }

    good = good && n == 0;

    if (to >= 0) {
        good = close(to) == 0 && good;
    }

    return good ? MP_OK
                : mp_fail(err, MP_INTERNAL, "", "%s cannot be written", path);
}


/* "address TAB status:probed:updated:text" (verify(8)); 0 is a good one. */
static enum mp_status
mpa_verify_read(int fd, struct mpa_verify_count *count_r, struct mp_error *err)
{
    FILE *file = fdopen(fd, "r");
    char *line = NULL;
    size_t size = 0;

    memset(count_r, 0, sizeof(*count_r));

    if (file == NULL) {
        (void) close(fd);
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    while (getline(&line, &size, file) > 0) {
        const char *status = strchr(line, '\t');

        if (status == NULL || line[0] == '_') {
            continue; /* of the cache's own, as _LAST_CACHE_CLEANUP_ */
        }

        count_r->good += status[1] == '0';
        count_r->bad += status[1] == '1' || status[1] == '2';
        count_r->open += status[1] == '3';
    }

    free(line);
    (void) fclose(file);

    return MP_OK;
}


/* A copy that was made while somebody wrote may be no map: once more then. */
static enum mp_status
mpa_verify_count(struct mpa_job *job, struct mpa_verify_count *count_r,
                 struct mp_error *err)
{
    const struct mpa *agent = job->agent;
    char db[MPA_PATH_SIZE], map[MPA_PATH_SIZE];
    char program[] = "postmap", c[] = "-c", s[] = "-s";
    char *argv[] = { program, c, agent->config.postfix_config, s, map, NULL };
    enum mp_status status = MP_OK;

    (void) snprintf(map, sizeof(map), "btree:%s/%s", agent->config.state_dir,
                    MPA_VERIFY_COPY);
    (void) snprintf(db, sizeof(db), "%s/%s.db", agent->config.state_dir,
                    MPA_VERIFY_COPY);
    memset(count_r, 0, sizeof(*count_r));

    for (int i = 0; i < MPA_VERIFY_TRIES; i++) {
        int from = -1, out = -1;

        status = mpa_helper_ask(agent->helper, MPA_OP_OPEN_VERIFY, 0,
                                MPA_HELPER_MSECS, NULL, &from, err);
        if (status == MP_NOT_FOUND) {
            return MP_OK; /* nothing was ever verified */
        }

        if (status == MP_OK) {
            status = mpa_verify_copy(db, from, err);
            (void) close(from);
        }

        if (status == MP_OK) {
            status = mpa_spawn(MPA_POSTMAP, argv, MPA_COUNT_MSECS, &out, err);
        }

        if (status == MP_OK) {
            status = mpa_verify_read(out, count_r, err);
            break;
        }
    }

    (void) unlink(db);

    return status;
}


static enum mp_status
mpa_verify_do(struct mpa_job *job, struct mp_error *err)
{
    struct mpa_verify_count count;
    enum mp_status status = mpa_verify_count(job, &count, err);
    uint64_t all;

    if (status != MP_OK) {
        return status;
    }

    all = count.good + count.bad + count.open;
    job->progress.total = all;
    job->progress.messages = all;
    mpa_job_step(job, "cache",
                 "%llu addresses: %llu good, %llu bad, %llu not known yet",
                 (unsigned long long) all, (unsigned long long) count.good,
                 (unsigned long long) count.bad,
                 (unsigned long long) count.open);

    if (!job->job.dry_run && !mpa_job_cancelled(job)) {
        status = mpa_helper_ask(job->agent->helper, MPA_OP_CLEAR_VERIFY, 0,
                                MPA_HELPER_MSECS, NULL, NULL, err);
        if (status == MP_OK) {
            mpa_job_step(job, "clear", "Postfix asks anew about each address");
        }
    }

    return status;
}


void
mpa_verify_clear(struct mpa_job *job)
{
    struct mp_error err;

    if (mpa_verify_do(job, &err) != MP_OK) {
        mpa_job_fail(job, "%s", err.text);
        return;
    }

    job->progress.done = job->progress.total;
    job->progress.state = MP_JOB_DONE;
}
