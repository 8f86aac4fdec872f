#ifndef MP_BACKUP_H
#define MP_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp_cmd.h"
#include "mp_error.h"
#include "mp_heartbeat.h"
#include "mp_job.h"
#include "mp_json.h"
#include "mp_time.h"

#define MP_BACKUP_NAME 128
#define MP_BACKUP_SHA  65

/* A finished backup; a plain value. */
struct mp_backup {
    char name[MP_BACKUP_NAME];
    char node[MP_NODE_SIZE];
    char target[MP_JOB_TARGET_SIZE]; /* a user, "" for all */
    char created_at[MP_TIME_SIZE];
    char sha256[MP_BACKUP_SHA]; /* of the ZIP, in hex */
    uint64_t bytes;
    uint64_t collections;
    uint64_t items;
};

/*
 * Whether a name is one of ours: "radicale-", letters, digits, dots, dashes
 * and underscores, ".zip"; so it is never a path.
 */
bool mp_backup_name_check(const char *name, size_t len);

void mp_backup_render(struct mp_json *json, const char *key,
                      const struct mp_backup *backup);
enum mp_status mp_backup_parse(struct mp_backup *backup_r, const char *bytes,
                               size_t len, struct mp_error *err);

/* XADD "op drop id <name>" to the queue of the agents. */
void mp_backup_drop_command(struct mp_cmd *cmd, const char *node,
                            const char *name);

#endif
