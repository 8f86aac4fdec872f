#include "mpa_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mp_clock.h"
#include "mp_key.h"
#include "mpa_file.h"

#define MPA_STORE_PATH 4096
#define MPA_STORE_JSON ".json"
#define MPA_STORE_MOST 2048 /* bytes of what stands beside a ZIP */


static bool
mpa_store_has_zip(int folder, const struct mp_backup *backup)
{
    struct stat st;

    return fstatat(folder, backup->name, &st, AT_SYMLINK_NOFOLLOW) == 0
        && S_ISREG(st.st_mode) && (uint64_t) st.st_size == backup->bytes;
}


/* What stands beside a ZIP; false when it does not, or is not true. */
static bool
mpa_store_read(int folder, const char *name, struct mp_backup *backup_r)
{
    char path[MP_BACKUP_NAME + sizeof(MPA_STORE_JSON)], bytes[MPA_STORE_MOST];
    ssize_t n;
    int fd;

    (void) snprintf(path, sizeof(path), "%s" MPA_STORE_JSON, name);
    fd = openat(folder, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        return false;
    }

    n = read(fd, bytes, sizeof(bytes));
    (void) close(fd);

    return n > 0 && mp_backup_parse(backup_r, bytes, (size_t) n, NULL) == MP_OK
        && strcmp(backup_r->name, name) == 0
        && mpa_store_has_zip(folder, backup_r);
}


static int
mpa_store_newest_first(const void *a, const void *b)
{
    const struct mp_backup *one = a, *two = b;
    int order = strcmp(two->created_at, one->created_at);

    return order != 0 ? order : strcmp(two->name, one->name);
}


enum mp_status
mpa_store_list(const struct mpa_config *config, struct mp_backup **backups_r,
               size_t *count_r, struct mp_error *err)
{
    struct mp_backup *backups = calloc(MPA_STORE_MAX, sizeof(*backups));
    DIR *dir = opendir(config->backup_dir);
    const struct dirent *entry;
    size_t count = 0;

    if (backups == NULL || dir == NULL) {
        (void) mp_fail(err, MP_FORBIDDEN, "", "%s: %s", config->backup_dir,
                       strerror(errno));
        free(backups);
        if (dir != NULL) {
            (void) closedir(dir);
        }
        return MP_FORBIDDEN;
    }

    while (count < MPA_STORE_MAX && (entry = readdir(dir)) != NULL) {
        if (mp_backup_name_check(entry->d_name, strlen(entry->d_name))
            && mpa_store_read(dirfd(dir), entry->d_name, &backups[count]))
        {
            count++;
        }
    }

    (void) closedir(dir);
    qsort(backups, count, sizeof(*backups), mpa_store_newest_first);
    *backups_r = backups;
    *count_r = count;

    return MP_OK;
}


/* So that also after a loss of power it is there under its name. */
static bool
mpa_store_rename(const char *dir, const char *from, const char *to)
{
    int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done;

    if (folder < 0) {
        return false;
    }

    done = renameat(folder, from, folder, to) == 0 && fsync(folder) == 0;
    (void) close(folder);

    return done;
}


enum mp_status
mpa_store_put(const struct mpa_config *config, const char *part,
              const struct mp_backup *backup, struct mp_error *err)
{
    char name[MP_BACKUP_NAME + sizeof(MPA_STORE_JSON)];
    struct mp_json json;
    enum mp_status status;

    (void) snprintf(name, sizeof(name), "%s" MPA_STORE_JSON, backup->name);

    /* first what it is, so that the ZIP is whole with its own name */
    mp_json_init(&json);
    mp_backup_render(&json, NULL, backup);
    status = mpa_file_write(config->backup_dir, name, 0640, json.bytes,
                            json.len, err);
    mp_json_free(&json);

    if (status == MP_OK
        && !mpa_store_rename(config->backup_dir, part, backup->name))
    {
        status = mp_fail(err, MP_FORBIDDEN, "", "%s/%s: %s",
                         config->backup_dir, backup->name, strerror(errno));
        (void) mpa_store_drop(config, backup->name, NULL);
    }

    return status;
}


enum mp_status
mpa_store_drop(const struct mpa_config *config, const char *name,
               struct mp_error *err)
{
    char path[MPA_STORE_PATH];

    if (!mp_backup_name_check(name, strlen(name))) {
        return mp_fail(err, MP_INVALID, "name", "is none of a backup");
    }

    (void) snprintf(path, sizeof(path), "%s/%s", config->backup_dir, name);
    if (unlink(path) != 0 && errno != ENOENT) {
        return mp_fail(err, MP_FORBIDDEN, "", "%s: %s", path, strerror(errno));
    }

    (void) snprintf(path, sizeof(path), "%s/%s" MPA_STORE_JSON,
                    config->backup_dir, name);
    if (unlink(path) != 0 && errno != ENOENT) {
        return mp_fail(err, MP_FORBIDDEN, "", "%s: %s", path, strerror(errno));
    }

    return MP_OK;
}


/* 0 for the one that was made just now, 1, and 2 of the future. */
static int
mpa_store_age(const struct mp_backup *backup, const char *newest,
              const char *now)
{
    if (strcmp(backup->name, newest) == 0) {
        return 0;
    }

    return strcmp(backup->created_at, now) <= 0 ? 1 : 2;
}


enum mp_status
mpa_store_trim(const struct mpa_config *config, const char *newest,
               struct mp_error *err)
{
    char now[MP_TIME_SIZE];
    struct mp_backup *backups;
    size_t count;
    enum mp_status status = mpa_store_list(config, &backups, &count, err);

    if (status != MP_OK) {
        return status;
    }

    /* a clock that was wrong must not cost what was made since */
    mp_time_format(now, mp_clock_msecs() / 1000);

    for (size_t i = 0; i < count && status == MP_OK; i++) {
        int age = mpa_store_age(&backups[i], newest, now);
        unsigned int newer = 0;

        for (size_t k = 0; k < count; k++) {
            int other = mpa_store_age(&backups[k], newest, now);

            newer += strcmp(backups[k].target, backups[i].target) == 0
                  && (other < age || (other == age && k < i));
        }

        if (newer >= config->backup_keep) {
            status = mpa_store_drop(config, backups[i].name, err);
        }
    }

    free(backups);

    return status;
}


static bool
mpa_store_ends(const char *name, const char *end)
{
    size_t len = strlen(name), tail = strlen(end);

    return len > tail && strcmp(name + len - tail, end) == 0;
}


/* What stands beside a ZIP that is not there. */
static bool
mpa_store_is_alone(int folder, const char *name)
{
    size_t len = strlen(name) - strlen(MPA_STORE_JSON);
    char zip[MP_BACKUP_NAME];
    struct stat st;

    if (!mp_backup_name_check(name, len)) {
        return false;
    }

    (void) snprintf(zip, sizeof(zip), "%.*s", (int) len, name);

    return fstatat(folder, zip, &st, AT_SYMLINK_NOFOLLOW) != 0
        && errno == ENOENT;
}


void
mpa_store_sweep(const struct mpa_config *config)
{
    DIR *dir = opendir(config->backup_dir);
    const struct dirent *entry;

    if (dir == NULL) {
        return;
    }

    while ((entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;

        if (mpa_store_ends(name, MPA_STORE_PART)
            || (name[0] == '.' && mpa_store_ends(name, MPA_FILE_TEMP))
            || (mpa_store_ends(name, MPA_STORE_JSON)
                && mpa_store_is_alone(dirfd(dir), name)))
        {
            (void) unlinkat(dirfd(dir), name, 0);
        }
    }

    (void) closedir(dir);
}


static enum mp_status
mpa_store_set(struct mp_redis *redis, const char *key,
              const struct mp_backup *backup, struct mp_error *err)
{
    struct mp_json json;
    struct mp_cmd cmd;
    redisReply *reply;
    enum mp_status status;

    mp_json_init(&json);
    mp_backup_render(&json, NULL, backup);
    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "HSET", key, backup->name, NULL);
    mp_cmd_add(&cmd, json.bytes, json.len);
    status = mp_redis_do(redis, &cmd, 0, &reply, err);
    mp_cmd_free(&cmd);
    mp_json_free(&json);

    if (status == MP_OK) {
        freeReplyObject(reply);
    }

    return status;
}


/* The fields of Redis's copy that the folder does not have. */
static enum mp_status
mpa_store_forget(struct mp_redis *redis, const char *key,
                 const redisReply *fields, const struct mp_backup *backups,
                 size_t count, struct mp_error *err)
{
    enum mp_status status = MP_OK;

    for (size_t i = 0; i < fields->elements && status == MP_OK; i++) {
        struct mp_cmd cmd;
        redisReply *reply;
        bool there = false;

        for (size_t k = 0; k < count; k++) {
            there =
                there || strcmp(backups[k].name, fields->element[i]->str) == 0;
        }

        if (!there) {
            mp_cmd_init(&cmd);
            mp_cmd_texts(&cmd, "HDEL", key, NULL);
            mp_cmd_add(&cmd, fields->element[i]->str, fields->element[i]->len);
            status = mp_redis_do(redis, &cmd, 0, &reply, err);
            mp_cmd_free(&cmd);
            if (status == MP_OK) {
                freeReplyObject(reply);
            }
        }
    }

    return status;
}


enum mp_status
mpa_store_publish(const struct mpa_config *config, struct mp_redis *redis,
                  struct mp_error *err)
{
    struct mp_backup *backups = NULL;
    struct mp_keyname key;
    struct mp_cmd cmd;
    redisReply *fields;
    size_t count = 0;
    enum mp_status status;

    (void) mp_key_name(&key, MP_KEY_BACKUPS, config->node);
    status = mpa_store_list(config, &backups, &count, err);
    if (status != MP_OK) {
        return status;
    }

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "HKEYS", key.text, NULL);
    status = mp_redis_do(redis, &cmd, 0, &fields, err);
    mp_cmd_free(&cmd);

    if (status == MP_OK) {
        status =
            mpa_store_forget(redis, key.text, fields, backups, count, err);
        freeReplyObject(fields);
    }

    for (size_t i = 0; i < count && status == MP_OK; i++) {
        status = mpa_store_set(redis, key.text, &backups[i], err);
    }

    free(backups);

    return status;
}
