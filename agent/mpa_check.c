#include "mpa_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "mpa_disk.h"
#include "mpa_user.h"

#define MPA_CHECK_MSECS 2000


static unsigned int
mpa_check_folder(const char *name, const char *path,
                 const struct mpa_config *config, const struct mpa_user *user)
{
    struct stat st;

    if (path[0] == '\0') {
        return 0;
    }

    if (stat(path, &st) != 0) {
        (void) printf("%s: %s: %s; make it: install -d -o %s -m 0750 %s\n",
                      name, path, strerror(errno), config->user, path);
        return 1;
    }

    if (!S_ISDIR(st.st_mode)) {
        (void) printf("%s: %s is no folder\n", name, path);
        return 1;
    }

    if (st.st_uid != user->uid) {
        (void) printf("%s: %s is not owned by %s: chown %s %s\n", name, path,
                      config->user, config->user, path);
        return 1;
    }

    return 0;
}


/* What is read: logs by the helper, so they need only be there. */
static unsigned int
mpa_check_file(const char *name, const char *path)
{
    struct stat st;

    if (path[0] == '\0' || stat(path, &st) == 0) {
        return 0;
    }

    (void) printf("%s: %s: %s\n", name, path, strerror(errno));

    return 1;
}


static unsigned int
mpa_check_log(const char *name, const char *path)
{
    struct stat st;

    if (path[0] == '\0' || stat(path, &st) != 0 || S_ISREG(st.st_mode)) {
        return mpa_check_file(name, path);
    }

    (void) printf("%s: %s is no plain file\n", name, path);

    return 1;
}


static unsigned int
mpa_check_told(const struct mp_error *err)
{
    (void) printf("%s: %s\n", err->field, err->text);

    return 1;
}


/* Also those that are not there: they would be shown as hanging. */
static unsigned int
mpa_check_disks(const struct mpa_config *config)
{
    struct mpa_disks *disks;
    struct mp_sample sample;
    struct mp_error err;
    unsigned int wrong = 0;

    if (mpa_disks_start(&disks, config->disks, &err) != MP_OK) {
        return mpa_check_told(&err);
    }

    memset(&sample, 0, sizeof(sample));
    mpa_disks_sample(disks, &sample, MPA_CHECK_MSECS);

    for (unsigned int i = 0; i < sample.disk_count; i++) {
        if (!sample.disk[i].answers) {
            (void) printf("disks: %s: %s: %s\n", sample.disk[i].name,
                          sample.disk[i].path,
                          sample.disk[i].error != 0
                              ? strerror(sample.disk[i].error)
                              : "it does not answer");
            wrong++;
        }
    }

    mpa_disks_stop(disks);

    return wrong;
}


static unsigned int
mpa_check_key(const struct mpa *agent)
{
    struct mp_error err;
    enum mp_status status = mpa_secret_check(agent, &err);

    return status == MP_OK ? 0 : mpa_check_told(&err);
}


static unsigned int
mpa_check_redis(const struct mpa *agent)
{
    struct mp_redis *redis = mpa_redis_new(agent, "agent-check");
    struct mp_error err;
    unsigned int wrong = 0;

    if (redis != NULL && mp_redis_connect(redis, &err) != MP_OK) {
        (void) printf("redis: %s: %s%s%s\n", agent->config.redis, err.field,
                      err.field[0] != '\0' ? " " : "", err.text);
        wrong = 1;
    }

    mp_redis_free(redis);

    return wrong;
}


int
mpa_check(struct mpa *agent, const char *file)
{
    const struct mpa_config *config = &agent->config;
    struct mpa_user user;
    struct mp_error err;
    unsigned int wrong = 0;

    if (mpa_user_find(&user, config, &err) != MP_OK) {
        (void) mpa_check_told(&err);
        return EX_CONFIG;
    }

    wrong += mpa_check_folder("state_dir", config->state_dir, config, &user);
    wrong += mpa_check_folder("map_dir", config->map_dir, config, &user);
    wrong += mpa_check_folder("backup_dir", config->backup_dir, config, &user);
    wrong += mpa_check_key(agent);
    wrong += mpa_check_log("postfix_log", config->postfix_log);
    wrong += mpa_check_log("dovecot_log", config->dovecot_log);
    wrong += mpa_check_log("milter_log", config->milter_log);
    wrong += mpa_check_file("postfix_config", config->postfix_config);
    wrong += mpa_check_file("radicale_folder", config->radicale_folder);
    wrong += mpa_check_disks(config);
    wrong += mpa_check_redis(agent);

    if (wrong > 0) {
        return EX_CONFIG;
    }

    (void) printf("%s is well\n", file);

    return EX_OK;
}
