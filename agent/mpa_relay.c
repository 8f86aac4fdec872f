/*
 * The relayhost as map files of Postfix.  They are plain files: mail flows by
 * them whoever of us is dead.
 */

#include "mpa_relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "mp_clock.h"
#include "mp_net.h"
#include "mpa_parts.h"
#include "mpa_postmap.h"
#include "mpa_thread.h"

#define MPA_TLS_SIZE   (MPA_HOP_SIZE + MP_TEXT_SIZE + 2)
#define MPA_LOGIN_SIZE (MPA_HOP_SIZE + 2 * MP_TEXT_SIZE + 4)
#define MPA_MAIN_MAX   (1u << 20)

/*
 * Postfix takes up to ten seconds to see a changed map, and each of its
 * processes in its own time: so long the one before can still be asked for.
 */
#define MPA_OLD_MSECS 60000

struct mpa_relay {
    struct mpa *agent;
    struct mpa_thread thread;   /* forgets the old lines */
    pthread_mutex_t lock;       /* over what follows, and the maps */
    char login[MPA_LOGIN_SIZE]; /* the line in force, "" for none */
    char tls[MPA_TLS_SIZE];
    char old_login[MPA_LOGIN_SIZE];
    char old_tls[MPA_TLS_SIZE];
    int64_t old_until; /* 0: there is none */
};


void
mpa_relay_hop(char hop_r[MPA_HOP_SIZE], const struct mp_settings *set)
{
    bool bare = set->relayhost_host[0] != '['
             && strchr(set->relayhost_host, ':') != NULL;

    (void) snprintf(hop_r, MPA_HOP_SIZE, "%s%s%s:%u", bare ? "[" : "",
                    set->relayhost_host, bare ? "]" : "", set->relayhost_port);
}


bool
mpa_relay_server(struct mpa_smtp *server_r, const struct mp_settings *set)
{
    const char *host = set->relayhost_host;
    const char *tls = set->relayhost_tls;
    size_t len = strlen(host);
    bool bracket = len > 2 && host[0] == '[' && host[len - 1] == ']';

    memset(server_r, 0, sizeof(*server_r));

    if (len == 0) {
        return false;
    }

    (void) snprintf(server_r->host, sizeof(server_r->host), "%.*s",
                    (int) (bracket ? len - 2 : len), host + (bracket ? 1 : 0));
    server_r->mx = !bracket && !mp_net_check(server_r->host);
    server_r->port = set->relayhost_port;
    server_r->verify =
        strcmp(tls, "verify") == 0 || strcmp(tls, "secure") == 0;
    server_r->tls = strcmp(tls, "none") == 0   ? MPA_SMTP_PLAIN
                  : set->relayhost_port == 465 ? MPA_SMTP_TLS
                  : strcmp(tls, "may") == 0    ? MPA_SMTP_MAY
                                               : MPA_SMTP_STARTTLS;
    (void) snprintf(server_r->username, sizeof(server_r->username), "%s",
                    set->relayhost_username);

    return true;
}


/*
 * Validated once, by the API; and once more, because here a line break would
 * be a line of Postfix's.
 */
static enum mp_status
mpa_relay_judge(const struct mp_settings *set, const char *password,
                struct mp_error *err)
{
    if (set->relayhost_host[0] != '\0'
        && !mp_nexthop_check(set->relayhost_host)) {
        return mp_fail(err, MP_INVALID, "relayhost.host", "is no host");
    }

    if (set->relayhost_port < 1 || set->relayhost_port > 65535) {
        return mp_fail(err, MP_INVALID, "relayhost.port", "is no port");
    }

    if (strpbrk(set->relayhost_username, ": \t\r\n") != NULL
        || strpbrk(password, "\r\n") != NULL)
    {
        return mp_fail(err, MP_INVALID, "relayhost.username",
                       "has a character that Postfix cannot take");
    }

    return MP_OK;
}


static enum mp_status
mpa_relay_two(const struct mpa_config *config, const char *name,
              const char *line, const char *old, bool secret,
              struct mp_error *err)
{
    char text[2 * MPA_LOGIN_SIZE];
    int len = snprintf(text, sizeof(text), "%s%s", line, old);
    enum mp_status status =
        mpa_postmap(config, name, text, (size_t) len, secret, err);

    sodium_memzero(text, sizeof(text));

    return status;
}


/* What a delivery is asked for first must be there before it is sent there. */
static enum mp_status
mpa_relay_write(struct mpa_relay *relay, const char *hop, struct mp_error *err)
{
    const struct mpa_config *config = &relay->agent->config;
    char line[MPA_HOP_SIZE + 16];
    int len = hop[0] != '\0'
                ? snprintf(line, sizeof(line), "relayhost %s\n", hop)
                : 0;
    enum mp_status status;

    status =
        mpa_relay_two(config, "tls", relay->tls, relay->old_tls, false, err);
    if (status == MP_OK) {
        status = mpa_relay_two(config, "sasl", relay->login, relay->old_login,
                               true, err);
    }

    return status == MP_OK
             ? mpa_postmap(config, "relayhost", line, (size_t) len, false, err)
             : status;
}


/* Remembers the lines in force as old ones, when the new ones differ. */
static void
mpa_relay_lines(struct mpa_relay *relay, const struct mp_settings *set,
                const char *hop, const char *password)
{
    char login[MPA_LOGIN_SIZE] = "", tls[MPA_TLS_SIZE] = "";
    size_t hop_len = strlen(hop);

    if (hop[0] != '\0') {
        (void) snprintf(tls, sizeof(tls), "%s %s\n", hop, set->relayhost_tls);
    }

    if (hop[0] != '\0' && set->relayhost_username[0] != '\0') {
        (void) snprintf(login, sizeof(login), "%s %s:%s\n", hop,
                        set->relayhost_username, password);
    }

    /* a key stands once in a map */
    if (strcmp(tls, relay->tls) != 0 || strcmp(login, relay->login) != 0) {
        bool same = hop_len > 0 && strncmp(relay->tls, hop, hop_len) == 0
                 && relay->tls[hop_len] == ' ';

        memcpy(relay->old_login, same ? "" : relay->login,
               same ? 1 : sizeof(login));
        memcpy(relay->old_tls, same ? "" : relay->tls, same ? 1 : sizeof(tls));
        relay->old_until = mp_clock_steady() + MPA_OLD_MSECS;
        memcpy(relay->login, login, sizeof(login));
        memcpy(relay->tls, tls, sizeof(tls));
    }

    sodium_memzero(login, sizeof(login));
}


/* A node may have no Postfix, or one that is not ours to lead. */
static bool
mpa_relay_is_ours(const struct mpa_config *config)
{
    char path[4096];

    (void) snprintf(path, sizeof(path), "%s/main.cf", config->postfix_config);

    return config->map_dir[0] != '\0' && access(path, F_OK) == 0;
}


/* Whether Postfix was told of the maps at all. */
static bool
mpa_relay_is_read(const struct mpa_config *config)
{
    char path[4096];
    FILE *file;
    char *text = malloc(MPA_MAIN_MAX);
    size_t len = 0;
    bool found;

    (void) snprintf(path, sizeof(path), "%s/main.cf", config->postfix_config);
    file = fopen(path, "re");

    if (file != NULL && text != NULL) {
        len = fread(text, 1, MPA_MAIN_MAX - 1, file);
    }
    if (file != NULL) {
        (void) fclose(file);
    }

    (void) snprintf(path, sizeof(path), "%s/relayhost", config->map_dir);
    if (text != NULL) {
        text[len] = '\0';
    }

    /* what cannot be read is not judged */
    found = len == 0 || strstr(text, path) != NULL;
    free(text);

    return found;
}


static enum mp_status
mpa_relay_put(struct mpa_relay *relay, const struct mp_settings *set,
              struct mp_redis *redis, struct mp_error *err)
{
    char hop[MPA_HOP_SIZE] = "", password[MP_TEXT_SIZE] = "";
    enum mp_status status = MP_OK;

    if (set->relayhost_host[0] != '\0' && set->relayhost_username[0] != '\0'
        && set->relayhost_password[0] != '\0')
    {
        status = mpa_secret_open(relay->agent, redis, set->relayhost_password,
                                 password, err);
    }

    if (status == MP_OK) {
        status = mpa_relay_judge(set, password, err);
    }

    if (status == MP_OK) {
        if (set->relayhost_host[0] != '\0') {
            mpa_relay_hop(hop, set);
        }

        (void) pthread_mutex_lock(&relay->lock);
        mpa_relay_lines(relay, set, hop, password);
        status = mpa_relay_write(relay, hop, err);
        (void) pthread_mutex_unlock(&relay->lock);
        mpa_thread_wake(&relay->thread);
    }

    sodium_memzero(password, sizeof(password));

    return status;
}


enum mp_status
mpa_relay_apply(void *state, const struct mp_version *version,
                struct mp_redis *redis, struct mp_error *err)
{
    struct mpa_relay *relay = state;
    struct mp_health *health = relay->agent->health;
    enum mp_status status;

    if (!mpa_relay_is_ours(&relay->agent->config)) {
        return MP_OK;
    }

    status = mpa_relay_put(relay, &version->set, redis, err);

    if (status != MP_OK) {
        mp_health_bad(health, MPA_TROUBLE_RELAY,
                      "the relayhost is not in force: %s%s%s", err->field,
                      err->field[0] != '\0' ? " " : "", err->text);

    } else if (version->set.relayhost_host[0] != '\0'
               && !mpa_relay_is_read(&relay->agent->config))
    {
        mp_health_bad(health, MPA_TROUBLE_RELAY,
                      "Postfix's main.cf does not name %s/relayhost: see "
                      "docs/install.md",
                      relay->agent->config.map_dir);

    } else {
        mp_health_good(health, MPA_TROUBLE_RELAY);
    }

    return status;
}


/* Takes the lines away that nobody asks for any more. */
static void
mpa_relay_forget(struct mpa_relay *relay)
{
    const struct mpa_config *config = &relay->agent->config;
    struct mp_error err;

    (void) pthread_mutex_lock(&relay->lock);

    if (relay->old_until > 0 && mp_clock_steady() >= relay->old_until) {
        sodium_memzero(relay->old_login, sizeof(relay->old_login));
        relay->old_tls[0] = '\0';

        if (mpa_relay_two(config, "tls", relay->tls, "", false, &err) == MP_OK
            && mpa_relay_two(config, "sasl", relay->login, "", true, &err)
                   == MP_OK)
        {
            relay->old_until = 0;
        }
    }

    (void) pthread_mutex_unlock(&relay->lock);
}


static void *
mpa_relay_run(void *arg)
{
    struct mpa_relay *relay = arg;

    while (mpa_thread_sleep(&relay->thread, MPA_OLD_MSECS / 4)) {
        mpa_relay_forget(relay);
    }

    return NULL;
}


enum mp_status
mpa_relay_start(struct mpa *agent, void **state_r, struct mp_error *err)
{
    struct mpa_relay *relay = calloc(1, sizeof(*relay));
    int rc;

    if (relay == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    *state_r = relay;
    relay->agent = agent;
    (void) pthread_mutex_init(&relay->lock, NULL);
    rc = mpa_thread_start(&relay->thread, mpa_relay_run, relay);

    return rc == 0 ? MP_OK
                   : mp_fail(err, MP_INTERNAL, "", "cannot start a thread: %s",
                             strerror(rc));
}


void
mpa_relay_stop(void *state)
{
    struct mpa_relay *relay = state;

    mpa_thread_stop(&relay->thread);
    (void) pthread_mutex_destroy(&relay->lock);
    sodium_memzero(relay, sizeof(*relay));
    free(relay);
}
