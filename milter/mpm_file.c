#include "mpm_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "mp_snapshot.h"
#include "mp_clock.h"
#include "mpm_trouble.h"

/* Between two writes, and how much longer than one write that is. */
#define MPM_FILE_PAUSE 1000
#define MPM_FILE_SHARE 10

struct mpm_file {
    char *path;
    struct mpm_current *current;
    struct mp_health *health;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    pthread_t thread;
    bool started;
    bool changed;
    bool stop;
};


struct mpm_file *
mpm_file_new(const char *path, struct mpm_current *current,
             struct mp_health *health)
{
    struct mpm_file *file = calloc(1, sizeof(*file));

    if (file == NULL) {
        return NULL;
    }

    file->path = strdup(path);
    if (file->path == NULL) {
        free(file);
        return NULL;
    }

    file->current = current;
    file->health = health;
    (void) pthread_mutex_init(&file->lock, NULL);
    (void) mp_clock_cond(&file->cond);

    return file;
}


static enum mp_status
mpm_file_use(struct mpm_settings **settings_r, struct mpm_lists **lists_r,
             const struct mp_snapshot *snapshot, struct mp_error *err)
{
    struct mp_list *list = NULL;

    if (snapshot->lists[0] != '\0') {
        list = mp_list_from_image(snapshot->image, snapshot->image_len);
        if (list == NULL) {
            return mp_fail(err, MP_INVALID, "lists", "has no image of them");
        }

        *lists_r = mpm_lists_new(list, snapshot->lists, snapshot->lists_epoch);
    }

    if (snapshot->version.number > 0) {
        *settings_r = mpm_settings_new(&snapshot->version);
    }

    return MP_OK;
}


enum mp_status
mpm_file_read(struct mpm_settings **settings_r, struct mpm_lists **lists_r,
              const char *path, struct mp_error *err)
{
    struct mp_snapshot snapshot;
    struct stat info;
    enum mp_status status;
    void *bytes;
    int fd;

    *settings_r = NULL;
    *lists_r = NULL;

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return mp_fail(err, errno == ENOENT ? MP_NOT_FOUND : MP_INVALID, "",
                       "%s", strerror(errno));
    }

    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size <= 0) {
        (void) close(fd);
        return mp_fail(err, MP_INVALID, "", "is no file with anything in it");
    }

    bytes = mmap(NULL, (size_t) info.st_size, PROT_READ,
                 MAP_PRIVATE | MAP_POPULATE, fd, 0);
    (void) close(fd);

    if (bytes == MAP_FAILED) {
        return mp_fail(err, MP_INVALID, "", "%s", strerror(errno));
    }

    status = mp_snapshot_parse(&snapshot, bytes, (size_t) info.st_size, err);
    if (status == MP_OK) {
        status = mpm_file_use(settings_r, lists_r, &snapshot, err);
    }

    (void) munmap(bytes, (size_t) info.st_size);

    return status;
}


static bool
mpm_file_put(int fd, crypto_generichash_state *sum, const void *bytes,
             size_t len)
{
    const unsigned char *next = bytes;

    if (sum != NULL) {
        (void) crypto_generichash_update(sum, next, len);
    }

    while (len > 0) {
        ssize_t n = write(fd, next, len);

        if (n < 0 && errno != EINTR) {
            return false;
        }

        if (n > 0) {
            next += n;
            len -= (size_t) n;
        }
    }

    return true;
}


/* All bytes of the file, to the disk.  False with errno. */
static bool
mpm_file_fill(int fd, const struct mp_snapshot *snapshot)
{
    crypto_generichash_state state;
    unsigned char sum[MP_SNAPSHOT_SUM];
    char start[MP_SNAPSHOT_START];
    struct mp_json head;
    bool ok;

    mp_json_init(&head);
    mp_snapshot_head(start, &head, snapshot);
    (void) crypto_generichash_init(&state, NULL, 0, sizeof(sum));

    errno = ENOMEM;
    ok = head.ok && mpm_file_put(fd, &state, start, sizeof(start))
      && mpm_file_put(fd, &state, head.bytes, head.len)
      && mpm_file_put(fd, &state, snapshot->image, snapshot->image_len);
    mp_json_free(&head);

    (void) crypto_generichash_final(&state, sum, sizeof(sum));

    return ok && mpm_file_put(fd, NULL, sum, sizeof(sum)) && fsync(fd) == 0;
}


/* The name of the file is of the old bytes or of the new ones, never torn. */
static bool
mpm_file_replace(const char *path, const struct mp_snapshot *snapshot)
{
    char temp[4096], dir[4096];
    char *slash;
    bool ok;
    int fd;

    (void) snprintf(temp, sizeof(temp), "%s.new", path);
    (void) snprintf(dir, sizeof(dir), "%s", path);

    slash = strrchr(dir, '/');
    if (slash == NULL || strlen(path) + 5 > sizeof(temp)) {
        errno = ENAMETOOLONG;
        return false;
    }

    slash[slash == dir ? 1 : 0] = '\0';

    (void) unlink(temp);
    fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }

    ok = mpm_file_fill(fd, snapshot);
    ok = close(fd) == 0 && ok;
    ok = ok && rename(temp, path) == 0;

    if (!ok) {
        int why = errno;

        (void) unlink(temp);
        errno = why;
        return false;
    }

    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }

    ok = fsync(fd) == 0;
    (void) close(fd);

    return ok;
}


/* False with errno. */
static bool
mpm_file_write(struct mpm_file *file, const struct mpm_snapshot *now)
{
    struct mp_snapshot snapshot = { .image = NULL };
    unsigned char *image = NULL;
    bool ok;

    if (now->settings != NULL) {
        snapshot.version = now->settings->version;
    }

    if (now->lists != NULL) {
        snapshot.image_len = mp_list_image_size(now->lists->list);
        image = malloc(snapshot.image_len);
        if (image == NULL) {
            return false;
        }

        mp_list_image(now->lists->list, image);
        snapshot.image = image;
        memcpy(snapshot.lists, now->lists->id, sizeof(snapshot.lists));
        memcpy(snapshot.lists_epoch, now->lists->epoch,
               sizeof(snapshot.lists_epoch));
    }

    ok = mpm_file_replace(file->path, &snapshot);
    free(image);

    return ok;
}


static void
mpm_file_save(struct mpm_file *file)
{
    struct mpm_snapshot *now = mpm_current_hold(file->current);

    if (now == NULL) {
        return;
    }

    if (mpm_file_write(file, now)) {
        mp_health_good(file->health, MPM_TROUBLE_FILE);

    } else {
        mp_health_bad(file->health, MPM_TROUBLE_FILE,
                      "the snapshot file cannot be written: %s",
                      strerror(errno));
    }

    mpm_snapshot_drop(now);
}


/* Whether there is something to write; waits for it. */
static bool
mpm_file_wait(struct mpm_file *file, int64_t not_before)
{
    bool changed;

    (void) pthread_mutex_lock(&file->lock);

    while (!file->changed && !file->stop) {
        (void) pthread_cond_wait(&file->cond, &file->lock);
    }

    while (!file->stop
           && mp_clock_wait(&file->cond, &file->lock, not_before) == 0) {
    }

    changed = file->changed;
    file->changed = false;

    (void) pthread_mutex_unlock(&file->lock);

    return changed;
}


static void *
mpm_file_run(void *arg)
{
    struct mpm_file *file = arg;
    int64_t not_before = 0;

    while (mpm_file_wait(file, not_before)) {
        int64_t begin = mp_clock_steady();
        int64_t end;

        mpm_file_save(file);

        end = mp_clock_steady();
        not_before = end + MPM_FILE_PAUSE + MPM_FILE_SHARE * (end - begin);
    }

    return NULL;
}


int
mpm_file_start(struct mpm_file *file)
{
    int rc = 0;

    if (file->path[0] != '\0') {
        rc = pthread_create(&file->thread, NULL, mpm_file_run, file);
        file->started = rc == 0;
    }

    return rc;
}


void
mpm_file_changed(struct mpm_file *file)
{
    (void) pthread_mutex_lock(&file->lock);
    file->changed = true;
    (void) pthread_cond_signal(&file->cond);
    (void) pthread_mutex_unlock(&file->lock);
}


void
mpm_file_stop(struct mpm_file *file)
{
    if (!file->started) {
        return;
    }

    (void) pthread_mutex_lock(&file->lock);
    file->stop = true;
    (void) pthread_cond_signal(&file->cond);
    (void) pthread_mutex_unlock(&file->lock);

    (void) pthread_join(file->thread, NULL);
    file->started = false;
}
