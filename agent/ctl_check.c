/*
 * check: whether this Redis keeps what it is given, and whether its users may
 * do what they need and no more.  In words, and what to change.
 */

#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_info.h"
#include "mp_key.h"

enum ctl_level {
    CTL_FINE,
    CTL_WARNING,
    CTL_FAULT,
};

static const char *const ctl_level_names[] = { "ok", "warning", "fault" };

struct ctl_report {
    struct ctl_table table;
    struct mp_json json;
    unsigned int faults;
    unsigned int warnings;
};

/* Directives whose value must be one of the wanted. */
static const struct {
    const char *name;
    const char *wanted[2];
    enum ctl_level level; /* of anything else */
    const char *why;
} ctl_directives[] = {
    { "appendonly",
      { "yes", NULL },
      CTL_FAULT,
      "what is written is lost when Redis stops" },
    { "appendfsync",
      { "everysec", "always" },
      CTL_FAULT,
      "more than a second of writes is lost in a crash" },
    { "maxmemory-policy",
      { "noeviction", NULL },
      CTL_FAULT,
      "Redis deletes keys when its memory is full" },
    { "port",
      { "0", NULL },
      CTL_WARNING,
      "Redis listens on the network, without encryption" },
    { "enable-module-command",
      { "no", NULL },
      CTL_WARNING,
      "whoever is the operator of Redis may load code into it" },
    { "enable-debug-command",
      { "no", NULL },
      CTL_WARNING,
      "DEBUG can stop Redis and show its memory" },
    { "enable-protected-configs",
      { "no", NULL },
      CTL_WARNING,
      "CONFIG can make Redis write files anywhere" },
};

#define CTL_WORDS 8

/*
 * What a user must be able to do, and what must be refused; the key is the
 * second word, filled with part.
 */
static const struct {
    const char *user;
    bool allowed;
    const char *words[CTL_WORDS];
    int key;
    const char *part;
} ctl_rights[] = {
    /* Redis replays transactions of its append-only file as this user */
    { "default", true, { "sadd", "", "m" }, MP_KEY_BLACK, NULL },
    { "default", true, { "hset", "", "f", "v" }, MP_KEY_ADMIN, "x" },
    { "default", true, { "xack", "", "g", "1-0" }, MP_KEY_JOBS, "dovecot" },
    { "mp-api",
      true,
      { "xadd", "", "NOMKSTREAM", "2-0", "f", "v" },
      MP_KEY_SETTINGS,
      NULL },
    { "mp-api", true, { "sadd", "", "m" }, MP_KEY_BLACK, NULL },
    { "mp-api", true, { "hset", "", "f", "v" }, MP_KEY_SESSION, "x" },
    { "mp-api", true, { "hgetall", "" }, MP_KEY_ADMIN, "x" },
    { "mp-api", false, { "hset", "", "f", "v" }, MP_KEY_ADMIN, "x" },
    { "mp-api", false, { "xrange", "", "-", "+" }, MP_KEY_SECRETS, NULL },
    { "mp-api", false, { "del", "" }, MP_KEY_SETTINGS, NULL },
    { "mp-api", true, { "xadd", "", "*", "op", "run" }, MP_KEY_JOBS, "agent" },
    { "mp-api",
      true,
      { "xread", "STREAMS", "", "0" },
      MP_KEY_JOB_EVENTS,
      NULL },
    { "mp-api", false, { "xack", "", "g", "1-0" }, MP_KEY_JOBS, "dovecot" },
    { "mp-milter",
      true,
      { "xread", "STREAMS", "", "0" },
      MP_KEY_SETTINGS,
      NULL },
    { "mp-milter", true, { "sscan", "", "0" }, MP_KEY_BLACK, NULL },
    { "mp-milter", true, { "set", "", "1" }, MP_KEY_GREY, "x" },
    { "mp-milter",
      false,
      { "xadd", "", "*", "f", "v" },
      MP_KEY_SETTINGS,
      NULL },
    { "mp-milter", false, { "sadd", "", "m" }, MP_KEY_BLACK, NULL },
    { "mp-milter", false, { "hgetall", "" }, MP_KEY_ADMIN, "x" },
    { "mp-dovecot",
      true,
      { "xreadgroup", "GROUP", "g", "c", "STREAMS", "", ">" },
      MP_KEY_JOBS,
      "dovecot" },
    { "mp-dovecot",
      true,
      { "xadd", "", "*", "f", "v" },
      MP_KEY_AUDIT_IN,
      NULL },
    { "mp-dovecot", true, { "xrange", "", "-", "+" }, MP_KEY_SECRETS, NULL },
    { "mp-dovecot",
      false,
      { "xadd", "", "*", "op", "run" },
      MP_KEY_JOBS,
      "dovecot" },
    { "mp-dovecot",
      false,
      { "xadd", "", "*", "f", "v" },
      MP_KEY_SETTINGS,
      NULL },
};

/* What nobody but the operator may do, and scripts not even the operator. */
static const struct {
    const char *user;
    const char *words[4];
} ctl_refused[] = {
    { "mp-api", { "eval", "return 1", "0", NULL } },
    { "mp-api", { "keys", "*", NULL, NULL } },
    { "mp-api", { "config", "get", "x", NULL } },
    { "mp-api", { "flushall", NULL, NULL, NULL } },
    { "mp-milter", { "eval", "return 1", "0", NULL } },
    { "mp-milter", { "flushall", NULL, NULL, NULL } },
    { "mp-dovecot", { "eval", "return 1", "0", NULL } },
    { "mp-dovecot", { "flushall", NULL, NULL, NULL } },
    { "mp-ops", { "eval", "return 1", "0", NULL } },
    { "mp-ops", { "function", "dump", NULL, NULL } },
};


static void
ctl_say(struct ctl_report *report, enum ctl_level level, const char *what,
        const char *text)
{
    ctl_table_add(&report->table, "%s", ctl_level_names[level]);
    ctl_table_add(&report->table, "%s", what);
    ctl_table_add(&report->table, "%s", text);

    mp_json_object(&report->json, NULL);
    mp_json_text(&report->json, "level", ctl_level_names[level]);
    mp_json_text(&report->json, "what", what);
    mp_json_text(&report->json, "text", text);
    mp_json_end_object(&report->json);

    report->faults += level == CTL_FAULT;
    report->warnings += level == CTL_WARNING;
}


static enum mp_status
ctl_check_role(struct ctl *ctl, struct ctl_report *report,
               struct mp_error *err)
{
    redisReply *reply;
    enum mp_status status =
        CTL_ASK(ctl, REDIS_REPLY_ARRAY, &reply, err, "ROLE");
    bool master;

    if (status != MP_OK) {
        return status;
    }

    master = reply->elements > 0
          && reply->element[0]->type == REDIS_REPLY_STRING
          && strcmp(reply->element[0]->str, "master") == 0;
    freeReplyObject(reply);

    if (master) {
        ctl_say(report, CTL_FINE, "role", "is the master");
    } else {
        ctl_say(report, CTL_FAULT, "role",
                "is a replica, which takes no writes: name the master");
    }

    return MP_OK;
}


static enum mp_status
ctl_check_info(struct ctl *ctl, struct ctl_report *report,
               struct mp_error *err)
{
    redisReply *reply;
    struct mp_error fault;
    enum mp_status status =
        CTL_ASK(ctl, REDIS_REPLY_STRING, &reply, err, "INFO");

    if (status != MP_OK) {
        return status;
    }

    status = mp_info_check(reply->str, reply->len, &fault);

    /* the directives have their own lines */
    if (status != MP_OK && strcmp(fault.field, "redis_version") == 0) {
        ctl_say(report, CTL_FAULT, fault.field, fault.text);
    } else if (status == MP_REDIS_AWAY) {
        ctl_say(report, CTL_FAULT, "loading", fault.text);
    } else if (status == MP_INVALID) {
        ctl_say(report, CTL_FAULT, "info", fault.text);
    } else {
        ctl_say(report, CTL_FINE, "redis_version", "is 7 or later");
    }

    if (strstr(reply->str, "\naof_last_write_status:err") != NULL) {
        ctl_say(report, CTL_FAULT, "aof_last_write_status",
                "Redis could not write to its disk: make room");
    }

    freeReplyObject(reply);

    return MP_OK;
}


static void
ctl_check_value(struct ctl_report *report, size_t row, const char *value)
{
    const char *const *wanted = ctl_directives[row].wanted;
    char text[256];
    bool fine;

    fine = strcmp(value, wanted[0]) == 0
        || (wanted[1] != NULL && strcmp(value, wanted[1]) == 0);

    if (fine) {
        (void) snprintf(text, sizeof(text), "is %s", value);
    } else {
        (void) snprintf(text, sizeof(text), "is %.32s: %s; set \"%s %s\"",
                        value, ctl_directives[row].why,
                        ctl_directives[row].name, wanted[0]);
    }

    ctl_say(report, fine ? CTL_FINE : ctl_directives[row].level,
            ctl_directives[row].name, text);
}


static enum mp_status
ctl_check_directives(struct ctl *ctl, struct ctl_report *report,
                     struct mp_error *err)
{
    for (size_t i = 0; i < sizeof(ctl_directives) / sizeof(*ctl_directives);
         i++) {
        redisReply *reply;
        enum mp_status status =
            CTL_ASK(ctl, REDIS_REPLY_ARRAY, &reply, err, "CONFIG", "GET",
                    ctl_directives[i].name);

        if (status != MP_OK) {
            return status;
        }

        /* a Redis that does not know it has nothing to switch off */
        if (reply->elements == 2
            && reply->element[1]->type == REDIS_REPLY_STRING) {
            ctl_check_value(report, i, reply->element[1]->str);
        }

        freeReplyObject(reply);
    }

    return MP_OK;
}


/* Whether ACL DRYRUN lets the user; a user that is not there is an error. */
static enum mp_status
ctl_dryrun(struct ctl *ctl, const char *user, const char *const *words,
           size_t count, bool *allowed_r, struct mp_error *err)
{
    redisReply *reply;
    struct mp_cmd cmd;
    enum mp_status status;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "ACL", "DRYRUN", user, NULL);

    for (size_t i = 0; i < count && words[i] != NULL; i++) {
        mp_cmd_text(&cmd, words[i]);
    }

    status = mp_redis_do(ctl->redis, &cmd, 0, &reply, err);
    mp_cmd_free(&cmd);

    if (status == MP_OK) {
        *allowed_r = reply->type == REDIS_REPLY_STATUS;
        freeReplyObject(reply);
    }

    return status;
}


static void
ctl_check_right(struct ctl_report *report, const char *user,
                const char *const *words, const char *key, bool wanted)
{
    char text[512];

    (void) snprintf(text, sizeof(text), "%s %s%s%s%s",
                    wanted ? "may not" : "may", words[0],
                    key != NULL ? " " : "", key != NULL ? key : "",
                    wanted ? ", and must" : ", and must not");
    ctl_say(report, CTL_FAULT, user, text);
}


static enum mp_status
ctl_check_rights(struct ctl *ctl, struct ctl_report *report,
                 struct mp_error *err)
{
    for (size_t i = 0; i < sizeof(ctl_rights) / sizeof(*ctl_rights); i++) {
        const char *words[CTL_WORDS];
        struct mp_keyname key;
        bool allowed = false;
        enum mp_status status;

        (void) mp_key_name(&key, (enum mp_key) ctl_rights[i].key,
                           ctl_rights[i].part);

        for (size_t j = 0; j < CTL_WORDS; j++) {
            const char *word = ctl_rights[i].words[j];

            words[j] = word != NULL && word[0] == '\0' ? key.text : word;
        }

        status = ctl_dryrun(ctl, ctl_rights[i].user, words, CTL_WORDS,
                            &allowed, err);
        if (status == MP_INTERNAL) {
            ctl_say(report, CTL_FAULT, ctl_rights[i].user, err->text);
            continue;
        }

        if (status != MP_OK) {
            return status;
        }

        if (allowed != ctl_rights[i].allowed) {
            ctl_check_right(report, ctl_rights[i].user, words, key.text,
                            ctl_rights[i].allowed);
        }
    }

    return MP_OK;
}


static enum mp_status
ctl_check_refused(struct ctl *ctl, struct ctl_report *report,
                  struct mp_error *err)
{
    for (size_t i = 0; i < sizeof(ctl_refused) / sizeof(*ctl_refused); i++) {
        bool allowed = false;
        enum mp_status status = ctl_dryrun(
            ctl, ctl_refused[i].user, ctl_refused[i].words, 4, &allowed, err);

        if (status != MP_OK && status != MP_INTERNAL) {
            return status;
        }

        if (status == MP_OK && allowed) {
            ctl_check_right(report, ctl_refused[i].user, ctl_refused[i].words,
                            NULL, false);
        }
    }

    return MP_OK;
}


/*
 * Redis 7.0 replays the transactions of its append-only file in the name of
 * the default user, and leaves out, without a word to anybody, what that one
 * may not do (redis/redis issue 14541).
 */
enum mp_status
ctl_replay_check(struct ctl *ctl, struct mp_error *err)
{
    const struct {
        const char *words[5];
    } rows[] = {
        { { "exec" } },
        { { "sadd", mp_key(MP_KEY_BLACK), "m" } },
        { { "hset", mp_key(MP_KEY_BLACK_INFO), "f", "v" } },
        { { "xadd", mp_key(MP_KEY_LISTS), "*", "f", "v" } },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        bool allowed = false;
        enum mp_status status =
            ctl_dryrun(ctl, "default", rows[i].words, 5, &allowed, err);

        if (status != MP_OK) {
            return status;
        }

        if (!allowed) {
            return mp_fail(err, MP_REDIS_UNSAFE, "default",
                           "may not %s: a restart of Redis would leave out "
                           "what transactions wrote; set the default user "
                           "of conf/redis/users.acl",
                           rows[i].words[0]);
        }
    }

    return MP_OK;
}


/* Whoever does not sign in must be nobody. */
static enum mp_status
ctl_check_default(struct ctl *ctl, struct ctl_report *report,
                  struct mp_error *err)
{
    redisReply *reply;
    enum mp_status status =
        CTL_ASK(ctl, REDIS_REPLY_ARRAY, &reply, err, "ACL", "LIST");

    if (status != MP_OK) {
        return status;
    }

    for (size_t i = 0; i < reply->elements; i++) {
        const redisReply *line = reply->element[i];

        if (line->type != REDIS_REPLY_STRING) {
            continue;
        }

        if (strncmp(line->str, "user default on", 15) == 0) {
            ctl_say(report, CTL_FAULT, "default",
                    "is on: whoever reaches the socket needs no name; set "
                    "\"user default off\"");
        } else if (strstr(line->str, " nopass ") != NULL
                   && strstr(line->str, " on ") != NULL)
        {
            ctl_say(report, CTL_FAULT, "acl",
                    "a user needs no password (nopass)");
        }
    }

    freeReplyObject(reply);

    return MP_OK;
}


static enum mp_status
ctl_check_users(struct ctl *ctl, struct ctl_report *report,
                struct mp_error *err)
{
    unsigned int faults = report->faults;
    enum mp_status status = ctl_check_default(ctl, report, err);

    if (status == MP_OK) {
        status = ctl_replay_check(ctl, err);
    }

    if (status == MP_REDIS_UNSAFE) {
        ctl_say(report, CTL_FAULT, err->field, err->text);
        status = MP_OK;
    }

    if (status == MP_OK) {
        status = ctl_check_rights(ctl, report, err);
    }

    if (status == MP_OK) {
        status = ctl_check_refused(ctl, report, err);
    }

    if (status == MP_OK && report->faults == faults) {
        ctl_say(report, CTL_FINE, "users",
                "may do what they need, and none may run a script");
    }

    return status;
}


static enum mp_status
ctl_check_all(struct ctl *ctl, struct ctl_report *report, struct mp_error *err)
{
    enum mp_status status = ctl_check_role(ctl, report, err);

    if (status == MP_OK) {
        status = ctl_check_info(ctl, report, err);
    }

    if (status == MP_OK) {
        status = ctl_check_directives(ctl, report, err);
    }

    return status == MP_OK ? ctl_check_users(ctl, report, err) : status;
}


enum mp_status
ctl_check(struct ctl *ctl, struct mp_error *err)
{
    struct ctl_report report = { .faults = 0 };
    enum mp_status status;

    ctl_table_init(&report.table, 3);
    mp_json_init(&report.json);
    mp_json_object(&report.json, NULL);
    mp_json_array(&report.json, "checks");

    status = ctl_check_all(ctl, &report, err);

    mp_json_end_array(&report.json);
    mp_json_end_object(&report.json);

    if (status == MP_OK && ctl->args.json) {
        status = ctl_print_json(&report.json, err);
    } else {
        mp_json_free(&report.json);
    }

    if (status == MP_OK && !ctl->args.json) {
        ctl_table_print(&report.table);
    }

    ctl_table_free(&report.table);

    if (status == MP_OK && report.faults > 0) {
        return mp_fail(err, MP_REDIS_UNSAFE, "",
                       "%u fault%s: this Redis is not safe", report.faults,
                       report.faults == 1 ? "" : "s");
    }

    return status;
}
