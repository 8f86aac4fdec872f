#ifndef MPM_CONFIG_H
#define MPM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "mp_cidr.h"
#include "mp_conf.h"

enum mpm_source {
    MPM_SOURCE_RSPAMD,
    MPM_SOURCE_HEADER,
    MPM_SOURCE_SPAMD,
    MPM_SOURCE_NONE,
};

/*
 * milter.conf: how this program is wired.  What an administrator sets in the
 * portal is not here.  The rows fill the first part; mpm_config_check() makes
 * the second part of it.
 */
struct mpm_config {
    char *socket;
    char *socket_mode;
    char *socket_group;
    char *user;
    char *node;
    char *redis;
    char *redis_user;
    char *redis_password_file;
    unsigned int redis_timeout;
    char *snapshot;
    char *score_source;
    char *rspamd_url;
    char *spamd;
    char *score_header;
    unsigned int scan_timeout;
    size_t scan_max_size;
    unsigned int scan_max_parallel;
    char *on_scan_error;
    unsigned int breaker_failures;
    unsigned int breaker_pause;
    bool honor_pre_result;
    char *trusted_networks;
    char *trusted_daemons;
    unsigned int greylist_delay;
    unsigned int greylist_window;
    unsigned int greylist_keep;

    enum mpm_source source;
    unsigned int mode;
    bool defer_unscored;
    struct mp_cidrs trusted;
};

extern const struct mp_conf_row mpm_config_rows[];

/*
 * Reads the file; node is the host's name unless the file has one.  What is
 * in config_r lives as long as the program.
 */
enum mp_status mpm_config_read(struct mpm_config *config_r, const char *path,
                               struct mp_error *err);

/* Whether a name is one of trusted_daemons. */
bool mpm_config_trusts_daemon(const struct mpm_config *config,
                              const char *name);

#endif
