/*
 * The job radicale-backup: a ZIP of all that Radicale has, or of one user's,
 * of one moment: it is read under Radicale's own lock, shared, which is given
 * back as soon as all is read.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "mp_clock.h"
#include "mp_log.h"
#include "mp_take.h"
#include "mpa_job.h"
#include "mpa_radicale.h"
#include "mpa_store.h"
#include "mpa_zip.h"

#define MPA_LOCK_MSECS 60000
#define MPA_ROOT       "collection-root/"
#define MPA_SUMS       "SHA256SUMS"
#define MPA_MANIFEST   "MANIFEST.json"
#define MPA_PATH_SIZE  4096

struct mpa_backup {
    struct mpa_job *job;
    struct mpa_zip *zip;
    char created_at[MP_TIME_SIZE]; /* not of a try that was cut off */
    FILE *sums;                    /* as sha256sum(1) reads them */
    uint64_t items;
    uint64_t collections;
    uint64_t addressbooks;
    uint64_t calendars;
};


static bool
mpa_backup_stops(const void *context)
{
    return mpa_job_cancelled(context);
}


static bool
mpa_is_props(const char *path)
{
    const char *name = strrchr(path, '/');

    return name != NULL && strcmp(name, "/.Radicale.props") == 0;
}


static void
mpa_backup_odd(void *context, const char *path, const char *why)
{
    struct mpa_backup *backup = context;
    char safe[MPA_PATH_SIZE];
    struct mp_item item;

    mp_item_init(&item);
    (void) mp_escape(safe, sizeof(safe), path, strlen(path));
    mp_cut(item.target, sizeof(item.target), safe);
    (void) snprintf(item.text, sizeof(item.text), "left out: %s", why);
    mpa_job_add_error(backup->job, &item);
    backup->job->progress.failed++;
}


/* A line break would be a line of the sums, and ZIP wants UTF-8. */
static bool
mpa_backup_is_name(const char *path)
{
    char safe[MPA_PATH_SIZE];

    return mp_escape(safe, sizeof(safe), path, strlen(path)) == strlen(path)
        && strcmp(safe, path) == 0 && strchr(path, '\\') == NULL;
}


static enum mp_status
mpa_backup_file(void *context, const char *path, int fd, const struct stat *st,
                struct mp_error *err)
{
    struct mpa_backup *backup = context;
    struct mpa_job *job = backup->job;
    char name[MPA_PATH_SIZE + sizeof(MPA_ROOT)],
        hex[2 * crypto_hash_sha256_BYTES + 1];
    struct mpa_zip_member member = {
        name, fd, (uint64_t) st->st_size, st->st_mtime, { 0 }
    };
    enum mp_status status;

    if (mpa_job_cancelled(job)) {
        return mp_fail(err, MP_TIMEOUT, "", "cancelled");
    }

    if (!mpa_backup_is_name(path)) {
        mpa_backup_odd(backup, path, "its name cannot be in a ZIP");
        return MP_OK;
    }

    (void) snprintf(name, sizeof(name), "%s%s", MPA_ROOT, path);
    status = mpa_zip_add(backup->zip, &member, err);
    if (status != MP_OK) {
        return status;
    }

    (void) fprintf(
        backup->sums, "%s  %s\n",
        sodium_bin2hex(hex, sizeof(hex), member.sha256, sizeof(member.sha256)),
        name);

    backup->items += !mpa_is_props(path);
    job->progress.done++;
    job->progress.bytes += (uint64_t) st->st_size;
    (void) mpa_job_publish(job, false, NULL);

    return MP_OK;
}


static void
mpa_backup_collection(void *context, const char *tag)
{
    struct mpa_backup *backup = context;

    backup->collections++;
    backup->addressbooks += strcmp(tag, "VADDRESSBOOK") == 0;
    backup->calendars += strcmp(tag, "VCALENDAR") == 0;
}


static void
mpa_backup_count(void *context)
{
    struct mpa_job *job = context;

    job->progress.total++;
}


/* A file of nobody else's, without a name; NULL says errno. */
static FILE *
mpa_backup_scratch(const struct mpa_config *config)
{
    char path[MPA_PATH_SIZE];
    FILE *file = NULL;
    int fd;

    (void) snprintf(path, sizeof(path), "%s/XXXXXX%s", config->backup_dir,
                    MPA_STORE_PART);
    fd = mkostemps(path, sizeof(MPA_STORE_PART) - 1, O_CLOEXEC);

    if (fd >= 0) {
        (void) unlink(path);
        file = fdopen(fd, "w+");
    }

    if (fd >= 0 && file == NULL) {
        (void) close(fd);
    }

    return file;
}


/* As a member, from its begin; file is what was written so far. */
static enum mp_status
mpa_backup_add(struct mpa_backup *backup, const char *name, FILE *file,
               struct mp_error *err)
{
    struct mpa_zip_member member = { .name = name, .modified = time(NULL) };

    if (fflush(file) != 0 || ferror(file)) {
        return mp_fail(err, MP_INTERNAL, "", "%s cannot be written: %s", name,
                       strerror(errno));
    }

    member.fd = fileno(file);
    member.size = (uint64_t) ftell(file);
    rewind(file);

    return mpa_zip_add(backup->zip, &member, err);
}


/* What the whole is. */
static void
mpa_backup_describe(const struct mpa_backup *backup, FILE *manifest)
{
    const struct mpa_job *job = backup->job;
    struct mp_json json;

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_text(&json, "node", job->agent->config.node);
    mp_json_text(&json, "user",
                 job->job.target[0] != '\0' ? job->job.target : NULL);
    mp_json_text(&json, "created_at", backup->created_at);
    mp_json_text(&json, "job", job->job.id);
    mp_json_number(&json, "collections", (int64_t) backup->collections);
    mp_json_number(&json, "addressbooks", (int64_t) backup->addressbooks);
    mp_json_number(&json, "calendars", (int64_t) backup->calendars);
    mp_json_number(&json, "items", (int64_t) backup->items);
    mp_json_number(&json, "left_out", (int64_t) job->progress.failed);
    mp_json_text(&json, "sums", MPA_SUMS);
    mp_json_end_object(&json);
    (void) fwrite(json.bytes, 1, json.len, manifest);
    mp_json_free(&json);
}


/* The sums, and what the whole is, as the last two members. */
static enum mp_status
mpa_backup_manifest(struct mpa_backup *backup, struct mp_error *err)
{
    FILE *manifest;
    enum mp_status status =
        mpa_backup_add(backup, MPA_SUMS, backup->sums, err);

    if (status != MP_OK) {
        return status;
    }

    manifest = mpa_backup_scratch(&backup->job->agent->config);
    if (manifest == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "%s cannot be written: %s",
                       MPA_MANIFEST, strerror(errno));
    }

    mpa_backup_describe(backup, manifest);
    status = mpa_backup_add(backup, MPA_MANIFEST, manifest, err);
    (void) fclose(manifest);

    return status;
}


/* All that needs the lock. */
static enum mp_status
mpa_backup_read(struct mpa_backup *backup, const char *user,
                struct mp_error *err)
{
    const struct mpa_config *config = &backup->job->agent->config;
    struct mpa_radicale_walk walk = { .context = backup,
                                      .file = mpa_backup_file,
                                      .collection = mpa_backup_collection,
                                      .odd = mpa_backup_odd };
    enum mp_status status;
    int lock;

    status = mpa_radicale_lock(config->radicale_folder, MPA_LOCK_MSECS,
                               mpa_backup_stops, backup->job, &lock, err);
    if (status != MP_OK) {
        return status;
    }

    status = mpa_radicale_walk(config->radicale_folder, user, &walk, err);

    if (lock >= 0) {
        (void) close(lock);
    }

    return status;
}


/* The members of the ZIP, which was begun. */
static enum mp_status
mpa_backup_fill(struct mpa_backup *backup, struct mp_error *err)
{
    const char *target = backup->job->job.target;
    enum mp_status status;

    backup->sums = mpa_backup_scratch(&backup->job->agent->config);
    if (backup->sums == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "%s cannot be written: %s",
                       MPA_SUMS, strerror(errno));
    }

    status = mpa_backup_read(backup, target[0] != '\0' ? target : NULL, err);
    if (status == MP_OK) {
        status = mpa_backup_manifest(backup, err);
    }

    (void) fclose(backup->sums);

    return status;
}


static enum mp_status
mpa_backup_write(struct mpa_backup *backup, int fd, struct mp_backup *done_r,
                 struct mp_error *err)
{
    unsigned char sha256[crypto_hash_sha256_BYTES] = { 0 };
    enum mp_status status, end;
    struct mp_error why;

    status =
        mpa_zip_begin(&backup->zip, fd, mpa_backup_stops, backup->job, err);
    if (status == MP_OK) {
        status = mpa_backup_fill(backup, err);
    }

    end = mpa_zip_end(backup->zip, &done_r->bytes, sha256, &why);
    if (status == MP_OK && end != MP_OK) {
        status = end;
        *err = why;
    }

    if (status == MP_OK && fsync(fd) != 0) {
        status = mp_fail(err, MP_INTERNAL, "", "%s", strerror(errno));
    }

    (void) sodium_bin2hex(done_r->sha256, sizeof(done_r->sha256), sha256,
                          sizeof(sha256));

    return status;
}


static void
mpa_backup_name(const struct mpa_job *job, struct mp_backup *done_r)
{
    char stamp[MP_TIME_SIZE];
    size_t n = 0;

    /* 2026-01-31T12:00:00Z without what is no name */
    for (const char *c = job->job.created_at; *c != '\0'; c++) {
        if (*c != '-' && *c != ':') {
            stamp[n++] = *c;
        }
    }
    stamp[n] = '\0';

    (void) snprintf(done_r->name, sizeof(done_r->name),
                    "radicale-%.60s-%s-%.6s.zip", job->agent->config.node,
                    stamp, job->job.id + MP_JOB_ID_SIZE - 7);
}


static enum mp_status
mpa_backup_make(struct mpa_job *job, struct mp_backup *done_r,
                struct mp_error *err)
{
    const struct mpa_config *config = &job->agent->config;
    struct mpa_backup backup = { .job = job };
    char part[MP_BACKUP_NAME + sizeof(MPA_STORE_PART)], path[MPA_PATH_SIZE];
    enum mp_status status;
    int fd;

    mpa_backup_name(job, done_r);
    (void) snprintf(done_r->node, sizeof(done_r->node), "%s", config->node);
    memcpy(done_r->target, job->job.target, sizeof(done_r->target));
    mp_time_format(backup.created_at, mp_clock_msecs() / 1000);
    memcpy(done_r->created_at, backup.created_at, sizeof(backup.created_at));
    (void) snprintf(part, sizeof(part), "%s%s", done_r->name, MPA_STORE_PART);
    (void) snprintf(path, sizeof(path), "%s/%s", config->backup_dir, part);

    (void) unlink(path);
    fd =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0) {
        return mp_fail(err, MP_FORBIDDEN, "", "%s: %s", path, strerror(errno));
    }

    /* whatever the umask is: nginx's group sends it */
    (void) fchmod(fd, 0640);
    status = mpa_backup_write(&backup, fd, done_r, err);
    (void) close(fd);

    done_r->collections = backup.collections;
    done_r->items = backup.items;

    if (status == MP_OK) {
        status = mpa_store_put(config, part, done_r, err);
    }

    if (status != MP_OK) {
        (void) unlink(path);
    }

    return status;
}


static void
mpa_backup_done(struct mpa_job *job, const struct mp_backup *done)
{
    struct mp_error err;

    mpa_job_step(job, "backup", "%s: %llu collections, %llu items, %llu bytes",
                 done->name, (unsigned long long) done->collections,
                 (unsigned long long) done->items,
                 (unsigned long long) done->bytes);

    if (mpa_store_trim(&job->agent->config, done->name, &err) != MP_OK
        || mpa_store_publish(&job->agent->config, job->redis, &err) != MP_OK)
    {
        mpa_job_step(job, "list", "%s", err.text);
    }

    job->progress.total = job->progress.done;
    job->progress.state =
        job->progress.failed > 0 ? MP_JOB_DONE_WITH_FAILURES : MP_JOB_DONE;
}


/* Another node may have it; the job fails when none has. */
static void
mpa_backup_none(struct mpa_job *job, const char *why)
{
    (void) snprintf(job->progress.text, sizeof(job->progress.text), "%s", why);
    job->progress.total = job->progress.done = 0;
    job->progress.state = MP_JOB_DONE;
}


void
mpa_backup(struct mpa_job *job)
{
    const struct mpa_config *config = &job->agent->config;
    struct mpa_radicale_walk count = { .context = job,
                                       .count = mpa_backup_count };
    struct mp_backup done = { .bytes = 0 };
    struct mp_error err;
    enum mp_status status;

    if (config->radicale_folder[0] == '\0') {
        mpa_backup_none(job, "there is no Radicale on this node");
        return;
    }

    status = mpa_radicale_walk(
        config->radicale_folder,
        job->job.target[0] != '\0' ? job->job.target : NULL, &count, &err);

    if (status == MP_OK) {
        status = mpa_backup_make(job, &done, &err);
    }

    if (status == MP_OK) {
        mpa_backup_done(job, &done);

    } else if (mpa_job_cancelled(job)) {
        job->progress.state = MP_JOB_CANCELLED;

    } else if (status == MP_NOT_FOUND) {
        mpa_backup_none(job,
                        job->job.target[0] != '\0'
                            ? err.text
                            : "Radicale was never used here: nothing to back "
                              "up");

    } else {
        mpa_job_fail(job, "%s", err.text);
    }
}
