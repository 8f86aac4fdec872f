#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "mp_error.h"
#include "mp_json.h"
#include "mp_redis.h"
#include "mp_settings_log.h"
#include "mp_time.h"

/* mailportal-ctl: one file a command, and what they share. */

struct ctl_conf {
    char *redis;
    char *redis_user;
    char *redis_password_file;
    unsigned int redis_timeout;
};

/* The options of a command line. */
struct ctl_args {
    const char *name; /* the operand, NULL for none */
    const char *role;
    const char *password_file;
    unsigned int limit;
    bool anew;
    bool json;
};

struct ctl {
    struct ctl_conf conf;
    struct ctl_args args;
    struct mp_redis *redis;
};

/* Does a command; err is filled unless MP_OK.  Output goes to stdout. */
typedef enum mp_status ctl_run(struct ctl *ctl, struct mp_error *err);

ctl_run ctl_init;
ctl_run ctl_admin_add;
ctl_run ctl_admin_list;
ctl_run ctl_admin_reset;
ctl_run ctl_admin_disable;
ctl_run ctl_admin_enable;
ctl_run ctl_admin_remove;
ctl_run ctl_nodes;
ctl_run ctl_jobs;
ctl_run ctl_versions;
ctl_run ctl_check;

/* ctl_redis.c */

/* Words end with NULL.  The caller frees *reply_r, which has the type. */
enum mp_status ctl_ask(struct ctl *ctl, int type, redisReply **reply_r,
                       struct mp_error *err, const char *const *words);

#define CTL_ANY 0 /* a reply of any type */

#define CTL_ASK(ctl, type, reply_r, err, ...)                                 \
    ctl_ask(ctl, type, reply_r, err,                                          \
            (const char *const[]){ __VA_ARGS__, NULL })

/*
 * The newest version of the settings, MP_NOT_FOUND when there is no stream;
 * the id of the lists' newest entry, "" when there is none.
 */
enum mp_status ctl_settings_head(struct ctl *ctl, struct mp_version *version_r,
                                 struct mp_error *err);
enum mp_status ctl_lists_head(struct ctl *ctl, char id_r[32],
                              struct mp_error *err);

/* ctl_check.c */

/* MP_REDIS_UNSAFE when Redis would forget transactions in a restart. */
enum mp_status ctl_replay_check(struct ctl *ctl, struct mp_error *err);

/* ctl_nodes.c */

/* Whether a node has settings or lists in force, and which one. */
enum mp_status ctl_nodes_in_force(struct ctl *ctl, bool *in_force_r,
                                  struct mp_error *err);

/* ctl_password.c */

#define CTL_PASSWORD_SIZE 256

/*
 * The password that the options ask for: of a file, or of standard input, or
 * a new random one.  password_r has a password that passes
 * mp_password_check().
 */
enum mp_status ctl_password(const struct ctl_args *args,
                            char password_r[CTL_PASSWORD_SIZE],
                            struct mp_error *err);

/* ctl_print.c */

/* A text of a stranger, without what a terminal would obey. */
void ctl_print(FILE *to, const char *text);

/* A table of cells, printed in columns; rows are added cell by cell. */
struct ctl_table {
    char **cells;
    size_t count;
    size_t room;
    size_t columns;
};

void ctl_table_init(struct ctl_table *table, size_t columns);
void ctl_table_add(struct ctl_table *table, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ctl_table_print(const struct ctl_table *table);
void ctl_table_free(struct ctl_table *table);

/* Prints a document and a newline, and frees it. */
enum mp_status ctl_print_json(struct mp_json *json, struct mp_error *err);

#endif
