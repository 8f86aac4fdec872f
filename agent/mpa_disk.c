#include "mpa_disk.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "mp_clock.h"

/* What a thread that hangs still holds must not be freed: it is counted. */
struct mpa_disks {
    pthread_mutex_t lock;
    pthread_cond_t asked;
    pthread_cond_t answered;
    unsigned int holders;
    unsigned int count;
    bool stop;
    struct mpa_probe {
        struct mpa_disks *all;
        struct mp_disk disk;
        uint64_t asked; /* the number of the question */
        uint64_t answered;
    } probe[MP_SAMPLE_DISKS];
    uint64_t question;
};


static void
mpa_disks_drop(struct mpa_disks *disks)
{
    bool last;

    (void) pthread_mutex_lock(&disks->lock);
    last = --disks->holders == 0;
    (void) pthread_mutex_unlock(&disks->lock);

    if (last) {
        (void) pthread_cond_destroy(&disks->asked);
        (void) pthread_cond_destroy(&disks->answered);
        (void) pthread_mutex_destroy(&disks->lock);
        free(disks);
    }
}


static void
mpa_disk_fill(struct mp_disk *disk, const struct statvfs *fs)
{
    uint64_t unit = fs->f_frsize;

    disk->answers = true;
    disk->used = (fs->f_blocks - fs->f_bfree) * unit;
    disk->free = fs->f_bavail * unit;
    disk->bytes = disk->used + disk->free;
    disk->inodes = fs->f_files;
    disk->inodes_used = fs->f_files - fs->f_ffree;
}


static void *
mpa_disk_run(void *arg)
{
    struct mpa_probe *probe = arg;
    struct mpa_disks *all = probe->all;
    char path[MP_DISK_PATH];

    (void) pthread_mutex_lock(&all->lock);
    memcpy(path, probe->disk.path, sizeof(path));

    while (!all->stop) {
        uint64_t question = probe->asked;
        struct statvfs fs;
        int error;

        if (question == probe->answered) {
            (void) pthread_cond_wait(&all->asked, &all->lock);
            continue;
        }

        (void) pthread_mutex_unlock(&all->lock);
        error = statvfs(path, &fs) < 0 ? errno : 0;
        (void) pthread_mutex_lock(&all->lock);

        probe->answered = question;
        probe->disk.answers = false;
        probe->disk.error = error;

        if (error == 0) {
            mpa_disk_fill(&probe->disk, &fs);
        }

        (void) pthread_cond_broadcast(&all->answered);
    }

    (void) pthread_mutex_unlock(&all->lock);
    mpa_disks_drop(all);

    return NULL;
}


/* One "name=path". */
static enum mp_status
mpa_disk_parse(struct mp_disk *disk_r, const char *word, struct mp_error *err)
{
    const char *path = strchr(word, '=');
    size_t len = path != NULL ? (size_t) (path - word) : 0;

    if (len == 0 || len >= MP_DISK_NAME || path[1] != '/'
        || strlen(path + 1) >= MP_DISK_PATH)
    {
        return mp_fail(err, MP_INVALID, "disks",
                       "must be words like mail=/var/mail, not %.40s", word);
    }

    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char) word[i]) && word[i] != '-'
            && word[i] != '_') {
            return mp_fail(err, MP_INVALID, "disks",
                           "%.40s: a name has letters, digits, - and _", word);
        }
    }

    memset(disk_r, 0, sizeof(*disk_r));
    memcpy(disk_r->name, word, len);
    (void) snprintf(disk_r->path, sizeof(disk_r->path), "%s", path + 1);
    disk_r->full_secs = -1;

    return MP_OK;
}


static enum mp_status
mpa_disks_parse(struct mpa_disks *disks, const char *list,
                struct mp_error *err)
{
    char *words = strdup(list), *left = NULL;
    enum mp_status status = MP_OK;

    if (words == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    for (char *word = strtok_r(words, " ", &left);
         word != NULL && status == MP_OK; word = strtok_r(NULL, " ", &left))
    {
        struct mpa_probe *probe = &disks->probe[disks->count];

        if (disks->count == MP_SAMPLE_DISKS) {
            status = mp_fail(err, MP_INVALID, "disks", "are more than %d",
                             MP_SAMPLE_DISKS);
            break;
        }

        status = mpa_disk_parse(&probe->disk, word, err);
        probe->all = disks;
        disks->count++;
    }

    free(words);

    return status;
}


static enum mp_status
mpa_disks_threads(struct mpa_disks *disks, struct mp_error *err)
{
    for (unsigned int i = 0; i < disks->count; i++) {
        pthread_t id;
        int rc;

        (void) pthread_mutex_lock(&disks->lock);
        disks->holders++;
        (void) pthread_mutex_unlock(&disks->lock);

        rc = pthread_create(&id, NULL, mpa_disk_run, &disks->probe[i]);
        if (rc != 0) {
            mpa_disks_drop(disks);
            return mp_fail(err, MP_INTERNAL, "", "cannot start a thread: %s",
                           strerror(rc));
        }

        (void) pthread_detach(id);
    }

    return MP_OK;
}


enum mp_status
mpa_disks_start(struct mpa_disks **disks_r, const char *list,
                struct mp_error *err)
{
    struct mpa_disks *disks = calloc(1, sizeof(*disks));
    enum mp_status status;

    if (disks == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    disks->holders = 1;
    (void) pthread_mutex_init(&disks->lock, NULL);
    (void) pthread_cond_init(&disks->asked, NULL);
    (void) mp_clock_cond(&disks->answered);

    status = mpa_disks_parse(disks, list, err);
    if (status == MP_OK) {
        status = mpa_disks_threads(disks, err);
    }

    if (status != MP_OK) {
        mpa_disks_stop(disks);
        return status;
    }

    *disks_r = disks;

    return MP_OK;
}


void
mpa_disks_stop(struct mpa_disks *disks)
{
    if (disks != NULL) {
        (void) pthread_mutex_lock(&disks->lock);
        disks->stop = true;
        (void) pthread_cond_broadcast(&disks->asked);
        (void) pthread_mutex_unlock(&disks->lock);
        mpa_disks_drop(disks);
    }
}


static bool
mpa_disks_answered(const struct mpa_disks *disks)
{
    for (unsigned int i = 0; i < disks->count; i++) {
        if (disks->probe[i].answered != disks->question) {
            return false;
        }
    }

    return true;
}


void
mpa_disks_sample(struct mpa_disks *disks, struct mp_sample *sample,
                 unsigned int wait_msecs)
{
    int64_t end = mp_clock_steady() + wait_msecs;

    (void) pthread_mutex_lock(&disks->lock);

    disks->question++;
    for (unsigned int i = 0; i < disks->count; i++) {
        disks->probe[i].asked = disks->question;
    }
    (void) pthread_cond_broadcast(&disks->asked);

    while (!mpa_disks_answered(disks)
           && mp_clock_wait(&disks->answered, &disks->lock, end) == 0)
    {
    }

    sample->disk_count = disks->count;

    for (unsigned int i = 0; i < disks->count; i++) {
        sample->disk[i] = disks->probe[i].disk;

        if (disks->probe[i].answered != disks->question) {
            sample->disk[i] = (struct mp_disk){ .full_secs = -1 };
            memcpy(sample->disk[i].name, disks->probe[i].disk.name,
                   MP_DISK_NAME);
            memcpy(sample->disk[i].path, disks->probe[i].disk.path,
                   MP_DISK_PATH);
        }
    }

    (void) pthread_mutex_unlock(&disks->lock);
}
