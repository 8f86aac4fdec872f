/*
 * admin: the people who may sign in.  A change of an account ends its
 * sessions and forgets its failed sign-ins.
 */

#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <sodium.h>

#include "mp_key.h"
#include "mp_password.h"

struct ctl_admin {
    char name[65]; /* in lower case, as in the key */
    struct mp_keyname key;
};


static enum mp_status
ctl_admin_name(struct ctl_admin *admin_r, const char *name,
               struct mp_error *err)
{
    enum mp_status status = mp_admin_name_check(name, strlen(name), err);
    char *p;

    if (status != MP_OK) {
        return status;
    }

    (void) snprintf(admin_r->name, sizeof(admin_r->name), "%s", name);

    for (p = admin_r->name; *p != '\0'; p++) {
        if (*p >= 'A' && *p <= 'Z') {
            *p = (char) (*p + ('a' - 'A'));
        }
    }

    (void) mp_key_name(&admin_r->key, MP_KEY_ADMIN, admin_r->name);

    return MP_OK;
}


/*
 * Watches the account, so that what follows is done only if nobody changes it
 * meanwhile, and says whether it is there.
 */
static enum mp_status
ctl_admin_watch(struct ctl *ctl, struct ctl_admin *admin_r, bool *there_r,
                struct mp_error *err)
{
    redisReply *reply;
    enum mp_status status = ctl_admin_name(admin_r, ctl->args.name, err);

    if (status == MP_OK) {
        status = CTL_ASK(ctl, REDIS_REPLY_STATUS, &reply, err, "WATCH",
                         admin_r->key.text);
    }

    if (status != MP_OK) {
        return status;
    }

    freeReplyObject(reply);
    status = CTL_ASK(ctl, REDIS_REPLY_INTEGER, &reply, err, "EXISTS",
                     admin_r->key.text);
    if (status != MP_OK) {
        return status;
    }

    *there_r = reply->integer == 1;
    freeReplyObject(reply);

    return MP_OK;
}


static enum mp_status
ctl_admin_find(struct ctl *ctl, struct ctl_admin *admin_r,
               struct mp_error *err)
{
    bool there = false;
    enum mp_status status = ctl_admin_watch(ctl, admin_r, &there, err);

    if (status == MP_OK && !there) {
        return mp_fail(err, MP_NOT_FOUND, "name",
                       "there is no administrator %s", admin_r->name);
    }

    return status;
}


/* One MULTI of two commands; the first word of an unused one is NULL. */
static enum mp_status
ctl_admin_change(struct ctl *ctl, const char *const *first,
                 const char *const *second, struct mp_error *err)
{
    redisReply *reply;
    enum mp_status status =
        CTL_ASK(ctl, REDIS_REPLY_STATUS, &reply, err, "MULTI");

    if (status == MP_OK) {
        freeReplyObject(reply);
        status = ctl_ask(ctl, REDIS_REPLY_STATUS, &reply, err, first);
    }

    if (status == MP_OK && second[0] != NULL) {
        freeReplyObject(reply);
        status = ctl_ask(ctl, REDIS_REPLY_STATUS, &reply, err, second);
    }

    if (status == MP_OK) {
        freeReplyObject(reply);
        status = CTL_ASK(ctl, CTL_ANY, &reply, err, "EXEC");
    }

    if (status != MP_OK) {
        /* nothing of it is done: the connection ends with its MULTI */
        mp_redis_drop(ctl->redis);
        return status;
    }

    if (reply->type != REDIS_REPLY_ARRAY) {
        status = mp_fail(err, MP_CONFLICT, "name",
                         "somebody else has just changed this account");
    }

    freeReplyObject(reply);

    return status;
}


/* Deletes the session when it is one of the account. */
static enum mp_status
ctl_session_end(struct ctl *ctl, const char *key, const char *name,
                unsigned int *ended, struct mp_error *err)
{
    redisReply *reply;
    enum mp_status status =
        CTL_ASK(ctl, CTL_ANY, &reply, err, "HGET", key, "user");
    bool same;

    if (status != MP_OK) {
        return status;
    }

    same =
        reply->type == REDIS_REPLY_STRING && strcasecmp(reply->str, name) == 0;
    freeReplyObject(reply);

    if (!same) {
        return MP_OK;
    }

    status = CTL_ASK(ctl, REDIS_REPLY_INTEGER, &reply, err, "DEL", key);
    if (status == MP_OK) {
        *ended += reply->integer == 1;
        freeReplyObject(reply);
    }

    return status;
}


static bool
ctl_is_scan(const redisReply *reply)
{
    if (reply->elements != 2 || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[1]->type != REDIS_REPLY_ARRAY)
    {
        return false;
    }

    for (size_t i = 0; i < reply->element[1]->elements; i++) {
        if (reply->element[1]->element[i]->type != REDIS_REPLY_STRING) {
            return false;
        }
    }

    return true;
}


static enum mp_status
ctl_sessions_end(struct ctl *ctl, const struct ctl_admin *admin,
                 struct mp_error *err)
{
    struct mp_keyname pattern;
    char cursor[32] = "0";
    unsigned int ended = 0;
    redisReply *reply;
    enum mp_status status;

    (void) mp_key_name(&pattern, MP_KEY_SESSION, "*");

    do {
        status = CTL_ASK(ctl, REDIS_REPLY_ARRAY, &reply, err, "SCAN", cursor,
                         "MATCH", pattern.text, "COUNT", "1000");
        if (status != MP_OK) {
            return status;
        }

        if (!ctl_is_scan(reply)) {
            freeReplyObject(reply);
            return mp_fail(err, MP_REDIS_AWAY, "",
                           "the answer of SCAN is not Redis's");
        }

        for (size_t i = 0; status == MP_OK && i < reply->element[1]->elements;
             i++) {
            status = ctl_session_end(ctl, reply->element[1]->element[i]->str,
                                     admin->name, &ended, err);
        }

        (void) snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);
        freeReplyObject(reply);

    } while (status == MP_OK && strcmp(cursor, "0") != 0);

    if (status == MP_OK && !ctl->args.json) {
        (void) printf("sessions ended: %u\n", ended);
    }

    return status;
}


/* Whoever was locked out by wrong passwords may try again at once. */
static enum mp_status
ctl_failures_forget(struct ctl *ctl, const struct ctl_admin *admin,
                    struct mp_error *err)
{
    struct mp_keyname key;
    redisReply *reply;
    enum mp_status status;

    (void) mp_key_name(&key, MP_KEY_LOGIN_ACCOUNT, admin->name);
    status = CTL_ASK(ctl, REDIS_REPLY_INTEGER, &reply, err, "DEL", key.text);

    if (status == MP_OK) {
        freeReplyObject(reply);
    }

    return status;
}


static enum mp_status
ctl_hash_new(const struct ctl_args *args, char password_r[CTL_PASSWORD_SIZE],
             char hash_r[MP_PASSWORD_HASH], struct mp_error *err)
{
    enum mp_status status = ctl_password(args, password_r, err);

    if (status == MP_OK
        && !mp_password_hash(hash_r, password_r, strlen(password_r)))
    {
        return mp_fail(err, MP_INTERNAL, "", "no memory for argon2id");
    }

    return status;
}


/* What was done; a password only if it was made here, and only this once. */
static enum mp_status
ctl_admin_say(const struct ctl *ctl, const struct ctl_admin *admin,
              const char *role, const char *password, struct mp_error *err)
{
    bool made = ctl->args.password_file == NULL;
    struct mp_json json;

    if (ctl->args.json) {
        mp_json_init(&json);
        mp_json_object(&json, NULL);
        mp_json_text(&json, "name", admin->name);

        if (role != NULL) {
            mp_json_text(&json, "role", role);
        }

        if (made) {
            mp_json_text(&json, "password", password);
        }

        mp_json_end_object(&json);
        return ctl_print_json(&json, err);
    }

    (void) printf("name: %s\n", admin->name);

    if (role != NULL) {
        (void) printf("role: %s\n", role);
    }

    if (made) {
        (void) printf("password: %s\n", password);
    }

    return MP_OK;
}


enum mp_status
ctl_admin_add(struct ctl *ctl, struct mp_error *err)
{
    const char *role = ctl->args.role != NULL ? ctl->args.role : "master";
    char password[CTL_PASSWORD_SIZE], hash[MP_PASSWORD_HASH];
    char created[MP_TIME_SIZE];
    struct ctl_admin admin;
    bool there = false;
    enum mp_status status;

    if (strcmp(role, "master") != 0 && strcmp(role, "domain") != 0) {
        return mp_fail(err, MP_INVALID, "role", "must be master or domain");
    }

    role = strcmp(role, "master") == 0 ? "MasterAdmin" : "DomainAdmin";

    status = ctl_admin_watch(ctl, &admin, &there, err);
    if (status == MP_OK && there) {
        status = mp_fail(err, MP_CONFLICT, "name",
                         "there is an administrator %s already", admin.name);
    }

    if (status == MP_OK) {
        status = ctl_hash_new(&ctl->args, password, hash, err);
    }

    if (status == MP_OK) {
        const char *set[] = {
            "HSET",    admin.key.text, "role",     role, "hash", hash,
            "created", created,        "disabled", "0",  NULL
        };
        const char *add[] = { "SADD", mp_key(MP_KEY_ADMINS), admin.name,
                              NULL };

        mp_time_format(created, (int64_t) time(NULL));
        status = ctl_admin_change(ctl, set, add, err);
    }

    if (status == MP_OK) {
        status = ctl_admin_say(ctl, &admin, role, password, err);
    }

    sodium_memzero(password, sizeof(password));

    return status;
}


enum mp_status
ctl_admin_reset(struct ctl *ctl, struct mp_error *err)
{
    char password[CTL_PASSWORD_SIZE], hash[MP_PASSWORD_HASH];
    static const char *const none[] = { NULL };
    struct ctl_admin admin;
    enum mp_status status = ctl_admin_find(ctl, &admin, err);

    if (status == MP_OK) {
        status = ctl_hash_new(&ctl->args, password, hash, err);
    }

    if (status == MP_OK) {
        const char *set[] = { "HSET", admin.key.text, "hash", hash, NULL };

        status = ctl_admin_change(ctl, set, none, err);
    }

    if (status == MP_OK) {
        status = ctl_admin_say(ctl, &admin, NULL, password, err);
    }

    sodium_memzero(password, sizeof(password));

    if (status == MP_OK) {
        status = ctl_sessions_end(ctl, &admin, err);
    }

    return status == MP_OK ? ctl_failures_forget(ctl, &admin, err) : status;
}


static enum mp_status
ctl_admin_switch(struct ctl *ctl, const char *disabled, struct mp_error *err)
{
    static const char *const none[] = { NULL };
    struct ctl_admin admin;
    enum mp_status status = ctl_admin_find(ctl, &admin, err);

    if (status == MP_OK) {
        const char *set[] = { "HSET", admin.key.text, "disabled", disabled,
                              NULL };

        status = ctl_admin_change(ctl, set, none, err);
    }

    if (status != MP_OK) {
        return status;
    }

    (void) printf("name: %s\ndisabled: %s\n", admin.name,
                  disabled[0] == '1' ? "yes" : "no");

    return disabled[0] == '1' ? ctl_sessions_end(ctl, &admin, err)
                              : ctl_failures_forget(ctl, &admin, err);
}


enum mp_status
ctl_admin_disable(struct ctl *ctl, struct mp_error *err)
{
    return ctl_admin_switch(ctl, "1", err);
}


enum mp_status
ctl_admin_enable(struct ctl *ctl, struct mp_error *err)
{
    return ctl_admin_switch(ctl, "0", err);
}


enum mp_status
ctl_admin_remove(struct ctl *ctl, struct mp_error *err)
{
    struct ctl_admin admin;
    enum mp_status status = ctl_admin_find(ctl, &admin, err);

    if (status == MP_OK) {
        const char *del[] = { "DEL", admin.key.text, NULL };
        const char *rem[] = { "SREM", mp_key(MP_KEY_ADMINS), admin.name,
                              NULL };

        status = ctl_admin_change(ctl, del, rem, err);
    }

    if (status == MP_OK) {
        (void) printf("name: %s\nremoved: yes\n", admin.name);
        status = ctl_sessions_end(ctl, &admin, err);
    }

    return status == MP_OK ? ctl_failures_forget(ctl, &admin, err) : status;
}
