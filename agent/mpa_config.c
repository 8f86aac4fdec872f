#include "mpa_config.h"

#include <string.h>

#include "mp_conf_file.h"

/* clang-format off */
const struct mp_conf_row mpa_config_rows[] = {
#define ROW(name, type, dflt, doc)                                            \
    { #name, dflt, doc, MP_CONF_##type, offsetof(struct mpa_config, name) }

    ROW(user, TEXT, "mailportal-agent",
        "User to run as; only a small helper stays root."),
    ROW(groups, TEXT, "",
        "Groups to be in besides the user's own, separated by blanks: those "
        "of Radicale's files and of Postfix."),
    ROW(node, TEXT, "",
        "Name of this node in the portal. Empty takes the host name."),
    ROW(redis, TEXT, "unix:/run/redis/redis.sock",
        "Redis: unix:/path or address:port."),
    ROW(redis_user, TEXT, "mp-agent",
        "User of Redis."),
    ROW(redis_password_file, TEXT, "",
        "File whose first line is the password. Empty signs in without one."),
    ROW(redis_timeout, MSECS, "2s",
        "How long an answer of Redis may take."),
    ROW(state_dir, TEXT, "/var/lib/mailportal-agent",
        "Folder of what the agent must remember."),
    ROW(key_file, TEXT, "/etc/mailportal/portal.key",
        "The installation's key, to which passwords are sealed."),

    ROW(postfix_log, TEXT, "/var/log/mail.log",
        "Log file of Postfix. Empty follows none."),
    ROW(dovecot_log, TEXT, "/var/log/mail.log",
        "Log file of Dovecot, which may be the same. Empty follows none."),
    ROW(milter_log, TEXT, "",
        "Log file of mailportal-milter, where it has one of its own. Empty "
        "follows none."),
    ROW(trace_keep, MSECS, "7d",
        "How long the story of a message can be found."),
    ROW(trace_messages, NUMBER, "20000",
        "How many messages' stories are kept at most."),

    ROW(disks, TEXT, "root=/ mail=/var/mail queue=/var/spool/postfix "
        "logs=/var/log",
        "File systems to watch: name=path, separated by blanks."),
    ROW(sample_every, MSECS, "1m",
        "How often load, memory and disks are sampled. The newest 10,080 "
        "samples are kept, and one of each hour."),

    ROW(map_dir, TEXT, "/var/lib/mailportal-postfix",
        "Folder of the map files that Postfix reads."),
    ROW(postfix_config, TEXT, "/etc/postfix",
        "Folder of Postfix's main.cf."),
    ROW(verify_map, TEXT, "/var/lib/postfix/verify_cache.db",
        "File of Postfix's address verification cache."),

    ROW(radicale_folder, TEXT, "/var/lib/radicale/collections",
        "Radicale's filesystem_folder. Empty: there is no Radicale."),
    ROW(backup_dir, TEXT, "/var/lib/mailportal-backups",
        "Folder of finished backups, which nginx reads."),
    ROW(backup_keep, NUMBER, "7",
        "Backups of all that are kept; older ones are removed."),

    { NULL, NULL, NULL, MP_CONF_TEXT, 0 }
#undef ROW
};
/* clang-format on */


static enum mp_status
mpa_config_check(struct mpa_config *config, struct mp_error *err)
{
    const struct {
        const char *name;
        const char *path;
    } paths[] = {
        { "state_dir", config->state_dir },
        { "key_file", config->key_file },
        { "map_dir", config->map_dir },
        { "postfix_config", config->postfix_config },
        { "verify_map", config->verify_map },
        { "radicale_folder", config->radicale_folder },
        { "backup_dir", config->backup_dir },
        { "postfix_log", config->postfix_log },
        { "dovecot_log", config->dovecot_log },
        { "milter_log", config->milter_log },
    };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (paths[i].path[0] != '\0' && paths[i].path[0] != '/') {
            return mp_fail(err, MP_INVALID, paths[i].name,
                           "must be a path that begins with /");
        }
    }

    if (config->state_dir[0] == '\0') {
        return mp_fail(err, MP_INVALID, "state_dir", "is needed");
    }

    if (config->user[0] == '\0') {
        return mp_fail(err, MP_INVALID, "user", "is needed");
    }

    if (config->sample_every < 1000) {
        return mp_fail(err, MP_INVALID, "sample_every", "must be at least 1s");
    }

    if (config->redis_timeout == 0 || config->trace_keep == 0
        || config->trace_messages == 0 || config->backup_keep == 0)
    {
        return mp_fail(err, MP_INVALID,
                       config->redis_timeout == 0    ? "redis_timeout"
                       : config->trace_keep == 0     ? "trace_keep"
                       : config->trace_messages == 0 ? "trace_messages"
                                                     : "backup_keep",
                       "must be more than 0");
    }

    return mp_conf_node(&config->node, err);
}


enum mp_status
mpa_config_read(struct mpa_config *config_r, const char *path,
                struct mp_error *err)
{
    enum mp_status status;

    memset(config_r, 0, sizeof(*config_r));

    status = mp_conf_load(mpa_config_rows, config_r, path, err);

    return status == MP_OK ? mpa_config_check(config_r, err) : status;
}


void
mpa_config_free(struct mpa_config *config)
{
    mp_conf_free(mpa_config_rows, config);
}
