#include "mpm_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_conf_file.h"

/* clang-format off */
const struct mp_conf_row mpm_config_rows[] = {
#define ROW(name, type, dflt, doc)                                            \
    { #name, dflt, doc, MP_CONF_##type, offsetof(struct mpm_config, name) }

    ROW(socket, TEXT, "unix:/run/mailportal/milter.sock",
        "Where Postfix connects: unix:/path or inet:port@address."),
    ROW(socket_mode, TEXT, "0660",
        "Access mode of a unix socket, in octal."),
    ROW(socket_group, TEXT, "",
        "Group of a unix socket, usually postfix. Empty leaves it."),
    ROW(user, TEXT, "",
        "User to run as when started by root. Empty stays what it is."),
    ROW(node, TEXT, "",
        "Name of this node in the portal. Empty takes the host name."),
    ROW(redis, TEXT, "unix:/run/redis/redis.sock",
        "Redis: unix:/path or address:port."),
    ROW(redis_user, TEXT, "mp-milter",
        "User of Redis."),
    ROW(redis_password_file, TEXT, "",
        "File whose first line is the password. Empty signs in without one."),
    ROW(redis_timeout, MSECS, "1s",
        "How long an answer of Redis may take. Mail never waits for it but "
        "to greylist."),
    ROW(snapshot, TEXT, "/var/lib/mailportal/milter.snapshot",
        "File with the last settings and lists, for a start without Redis. "
        "Empty keeps none."),
    ROW(score_source, TEXT, "rspamd",
        "Where the spam score comes from: rspamd, spamd, header or none."),
    ROW(rspamd_url, TEXT, "http://127.0.0.1:11333",
        "Normal worker of rspamd: http://address:port or unix:/path."),
    ROW(spamd, TEXT, "127.0.0.1:783",
        "SpamAssassin's spamd: address:port or unix:/path."),
    ROW(score_header, TEXT, "",
        "With score_source header: the secret name of the header in which "
        "rspamd's own milter leaves the score. It is removed."),
    ROW(scan_timeout, MSECS, "5s",
        "How long the score of a message may take."),
    ROW(scan_max_size, BYTES, "10m",
        "Larger messages are not scanned."),
    ROW(scan_max_parallel, NUMBER, "64",
        "Messages that are scanned at once; more are not scanned."),
    ROW(on_scan_error, TEXT, "accept",
        "What happens to a message whose score cannot be had: accept or "
        "defer. It is never refused."),
    ROW(breaker_failures, NUMBER, "5",
        "After so many failures in a row the score source is left alone."),
    ROW(breaker_pause, MSECS, "10s",
        "For how long. Then one message tries it again."),
    ROW(honor_pre_result, BOOL, "yes",
        "Whether a message is refused that rspamd refuses whatever its "
        "score, as a virus or GTUBE."),
    ROW(trusted_networks, TEXT, "127.0.0.0/8 ::1",
        "Clients whose mail is accepted untouched: addresses and networks, "
        "divided by blanks or commas."),
    ROW(trusted_daemons, TEXT, "ORIGINATING",
        "Values of milter_macro_daemon_name whose mail is accepted "
        "untouched, divided by blanks or commas."),
    ROW(greylist_delay, MSECS, "5m",
        "How long a greylisted message is deferred."),
    ROW(greylist_window, MSECS, "1d",
        "How long its next attempt is waited for."),
    ROW(greylist_keep, MSECS, "35d",
        "How long a sender that came back is let through at once."),

    { NULL, NULL, NULL, MP_CONF_TEXT, 0 }
#undef ROW
};
/* clang-format on */

static const char *const mpm_sources[] = {
    [MPM_SOURCE_RSPAMD] = "rspamd",
    [MPM_SOURCE_HEADER] = "header",
    [MPM_SOURCE_SPAMD] = "spamd",
    [MPM_SOURCE_NONE] = "none",
};


static enum mp_status
mpm_config_source(struct mpm_config *config, struct mp_error *err)
{
    bool known = false;

    for (unsigned int i = 0; i < sizeof(mpm_sources) / sizeof(*mpm_sources);
         i++) {
        if (strcmp(config->score_source, mpm_sources[i]) == 0) {
            config->source = (enum mpm_source) i;
            known = true;
        }
    }

    if (!known) {
        return mp_fail(err, MP_INVALID, "score_source",
                       "must be rspamd, spamd, header or none");
    }

    if (config->source == MPM_SOURCE_HEADER && config->score_header[0] == '\0')
    {
        return mp_fail(err, MP_INVALID, "score_header",
                       "is needed with score_source header");
    }

    if (strcmp(config->on_scan_error, "accept") != 0
        && strcmp(config->on_scan_error, "defer") != 0)
    {
        return mp_fail(err, MP_INVALID, "on_scan_error",
                       "must be accept or defer");
    }

    config->defer_unscored = strcmp(config->on_scan_error, "defer") == 0;

    return MP_OK;
}


/* A limit of nothing would switch off what it limits. */
static enum mp_status
mpm_config_limits(const struct mpm_config *config, struct mp_error *err)
{
    const struct {
        const char *name;
        size_t value;
    } limits[] = {
        { "redis_timeout", config->redis_timeout },
        { "scan_timeout", config->scan_timeout },
        { "scan_max_size", config->scan_max_size },
        { "scan_max_parallel", config->scan_max_parallel },
        { "breaker_failures", config->breaker_failures },
        { "breaker_pause", config->breaker_pause },
        { "greylist_window", config->greylist_window },
        { "greylist_keep", config->greylist_keep },
    };

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (limits[i].value == 0) {
            return mp_fail(err, MP_INVALID, limits[i].name,
                           "must be more than 0");
        }
    }

    if (config->greylist_window <= config->greylist_delay) {
        return mp_fail(err, MP_INVALID, "greylist_window",
                       "must be longer than greylist_delay");
    }

    return MP_OK;
}


static enum mp_status
mpm_config_check(struct mpm_config *config, struct mp_error *err)
{
    enum mp_status status;
    struct mp_error why;
    unsigned long mode;
    char *end;

    mode = strtoul(config->socket_mode, &end, 8);
    if (end == config->socket_mode || *end != '\0' || mode > 0777) {
        return mp_fail(err, MP_INVALID, "socket_mode",
                       "must be octal, as 0660");
    }

    config->mode = (unsigned int) mode;

    status = mp_cidrs_parse(&config->trusted, config->trusted_networks, &why);
    if (status != MP_OK) {
        return mp_fail(err, status, "trusted_networks", "%s", why.text);
    }

    status = mpm_config_source(config, err);
    if (status != MP_OK) {
        return status;
    }

    status = mpm_config_limits(config, err);
    if (status != MP_OK) {
        return status;
    }

    return mp_conf_node(&config->node, err);
}


enum mp_status
mpm_config_read(struct mpm_config *config_r, const char *path,
                struct mp_error *err)
{
    enum mp_status status;

    memset(config_r, 0, sizeof(*config_r));

    status = mp_conf_load(mpm_config_rows, config_r, path, err);

    return status == MP_OK ? mpm_config_check(config_r, err) : status;
}


bool
mpm_config_trusts_daemon(const struct mpm_config *config, const char *name)
{
    static const char gap[] = " \t,";
    const char *text = config->trusted_daemons;
    size_t name_len = strlen(name);

    for (text += strspn(text, gap); *text != '\0'; text += strspn(text, gap)) {
        size_t len = strcspn(text, gap);

        if (len == name_len && memcmp(text, name, len) == 0) {
            return true;
        }

        text += len;
    }

    return false;
}
