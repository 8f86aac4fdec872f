#include "mpa_check.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>


static unsigned int
mpa_check_folder(const char *name, const char *path, const struct passwd *user)
{
    struct stat st;

    if (path[0] == '\0') {
        return 0;
    }

    if (stat(path, &st) != 0) {
        (void) printf("%s: %s: %s; make it: install -d -o %s -m 0750 %s\n",
                      name, path, strerror(errno), user->pw_name, path);
        return 1;
    }

    if (!S_ISDIR(st.st_mode)) {
        (void) printf("%s: %s is no folder\n", name, path);
        return 1;
    }

    if (st.st_uid != user->pw_uid) {
        (void) printf("%s: %s is not owned by %s: chown %s %s\n", name, path,
                      user->pw_name, user->pw_name, path);
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
    const struct passwd *user = getpwnam(config->user);
    unsigned int wrong = 0;

    if (user == NULL) {
        (void) printf("user: there is no user %s: adduser --system --group "
                      "%s\n",
                      config->user, config->user);
        return EX_CONFIG;
    }

    wrong += mpa_check_folder("state_dir", config->state_dir, user);
    wrong += mpa_check_folder("map_dir", config->map_dir, user);
    wrong += mpa_check_folder("backup_dir", config->backup_dir, user);
    wrong += mpa_check_file("key_file", config->key_file);
    wrong += mpa_check_file("postfix_log", config->postfix_log);
    wrong += mpa_check_file("dovecot_log", config->dovecot_log);
    wrong += mpa_check_file("milter_log", config->milter_log);
    wrong += mpa_check_file("postfix_config", config->postfix_config);
    wrong += mpa_check_file("radicale_folder", config->radicale_folder);
    wrong += mpa_check_redis(agent);

    if (wrong > 0) {
        return EX_CONFIG;
    }

    (void) printf("%s is well\n", file);

    return EX_OK;
}
