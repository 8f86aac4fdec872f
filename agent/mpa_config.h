#ifndef MPA_CONFIG_H
#define MPA_CONFIG_H

#include "mp_conf.h"

/*
 * agent.conf: how this node is laid out.  What an administrator sets in the
 * portal is not here.
 */
struct mpa_config {
    char *user;
    char *groups;
    char *node;
    char *redis;
    char *redis_user;
    char *redis_password_file;
    unsigned int redis_timeout;
    char *state_dir;
    char *key_file;

    char *postfix_log;
    char *dovecot_log;
    char *milter_log;
    unsigned int trace_keep;
    unsigned int trace_messages;

    char *disks;
    unsigned int sample_every;

    char *map_dir;
    char *postfix_config;
    char *verify_map;

    char *radicale_folder;
    char *backup_dir;
    unsigned int backup_keep;
};

extern const struct mp_conf_row mpa_config_rows[];

/*
 * Reads and checks the file.  The caller frees config_r with
 * mpa_config_free(), whatever comes out.
 */
enum mp_status mpa_config_read(struct mpa_config *config_r, const char *path,
                               struct mp_error *err);
void mpa_config_free(struct mpa_config *config);

#endif
