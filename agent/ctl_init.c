/*
 * init: the first version of the settings and the first entry of the lists.
 *
 * The settings come first: their XADD of 1-0 is the lock between two inits.
 * Both carry one random epoch, by which followers tell an operator who begins
 * anew from a Redis that has lost its data.
 */

#include "ctl.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "mp_key.h"
#include "mp_list_log.h"


static void
ctl_random_hex(char *hex_r, size_t size)
{
    unsigned char bytes[64];

    randombytes_buf(bytes, sizeof(bytes));
    (void) sodium_bin2hex(hex_r, size, bytes, (size - 1) / 2);
}


/* "root (mailportal-ctl)" */
static void
ctl_actor(char *actor_r, size_t size)
{
    const struct passwd *user = getpwuid(geteuid());

    (void) snprintf(actor_r, size, "%.64s (mailportal-ctl)",
                    user != NULL ? user->pw_name : "unknown");
}


static enum mp_status
ctl_send(struct ctl *ctl, struct mp_cmd *cmd, struct mp_error *err)
{
    redisReply *reply;
    enum mp_status status = mp_redis_do(ctl->redis, cmd, 0, &reply, err);

    if (status == MP_OK) {
        freeReplyObject(reply);
    }

    return status;
}


static enum mp_status
ctl_init_settings(struct ctl *ctl, struct mp_version *version_r,
                  struct mp_error *err)
{
    struct mp_version *first = version_r;
    struct mp_cmd cmd;
    enum mp_status status;

    memset(first, 0, sizeof(*first));
    mp_settings_default(&first->set);
    ctl_random_hex(first->epoch, sizeof(first->epoch));
    ctl_random_hex(first->request_id, 33);
    ctl_actor(first->actor, sizeof(first->actor));
    mp_time_format(first->at, (int64_t) time(NULL));
    mp_version_seal(first, NULL);

    mp_cmd_init(&cmd);
    mp_version_command(&cmd, first);
    status = ctl_send(ctl, &cmd, err);
    mp_cmd_free(&cmd);

    if (status == MP_STALE) {
        /* another init was faster, and its version holds */
        return ctl_settings_head(ctl, version_r, err);
    }

    if (status == MP_OK) {
        (void) printf("settings: version 1 created, with the defaults\n");
    }

    return status;
}


static enum mp_status
ctl_init_lists(struct ctl *ctl, const struct mp_version *settings,
               struct mp_error *err)
{
    struct mp_list_change change;
    char actor[128], request_id[33], at[MP_TIME_SIZE];
    struct mp_cmd cmd;
    enum mp_status status;

    memset(&change, 0, sizeof(change));
    change.op = MP_LIST_INIT;
    change.epoch = settings->epoch;
    ctl_actor(actor, sizeof(actor));
    ctl_random_hex(request_id, sizeof(request_id));
    mp_time_format(at, (int64_t) time(NULL));

    mp_cmd_init(&cmd);
    mp_list_change_command(&cmd, &change, actor, at, request_id);
    status = ctl_send(ctl, &cmd, err);
    mp_cmd_free(&cmd);

    if (status == MP_OK) {
        (void) printf("lists: change stream created\n");
    }

    return status;
}


static enum mp_status
ctl_lists_empty(struct ctl *ctl, bool *empty_r, struct mp_error *err)
{
    redisReply *reply;
    enum mp_status status =
        CTL_ASK(ctl, REDIS_REPLY_INTEGER, &reply, err, "EXISTS",
                mp_key(MP_KEY_WHITE), mp_key(MP_KEY_BLACK));

    if (status == MP_OK) {
        *empty_r = reply->integer == 0;
        freeReplyObject(reply);
    }

    return status;
}


/*
 * Something is missing: was it never there, or has Redis lost it?  Then the
 * nodes still have it in force, or a part of it is left.
 */
static enum mp_status
ctl_init_check(struct ctl *ctl, bool settings, bool lists,
               struct mp_error *err)
{
    bool in_force, empty = true;
    enum mp_status status = ctl_nodes_in_force(ctl, &in_force, err);

    if (status == MP_OK) {
        status = ctl_lists_empty(ctl, &empty, err);
    }

    if (status != MP_OK) {
        return status;
    }

    if (in_force) {
        return mp_fail(err, MP_REGRESSED, "",
                       "nodes have settings or lists in force that this "
                       "Redis does not have: bring its data back, or use "
                       "--anew to begin with the defaults");
    }

    if ((!settings && lists) || (!lists && !empty)) {
        return mp_fail(err, MP_REGRESSED, "",
                       "this Redis has lost its %s: bring its data back, or "
                       "use --anew to begin with the defaults",
                       settings ? "lists' change stream" : "settings");
    }

    return MP_OK;
}


/* What is there; version_r and lists_r are filled if so. */
static enum mp_status
ctl_init_look(struct ctl *ctl, struct mp_version *version_r,
              bool *has_settings_r, char lists_r[32], struct mp_error *err)
{
    /*
     * The lists are looked at first: another init that runs meanwhile makes
     * them last, and must not look like lists without settings.
     */
    enum mp_status status = ctl_lists_head(ctl, lists_r, err);

    if (status == MP_OK) {
        status = ctl_settings_head(ctl, version_r, err);
        *has_settings_r = status == MP_OK;
    }

    return status == MP_NOT_FOUND ? MP_OK : status;
}


enum mp_status
ctl_init(struct ctl *ctl, struct mp_error *err)
{
    struct mp_version version;
    char lists[32];
    bool has_settings = false, has_lists;
    enum mp_status status = ctl_replay_check(ctl, err);

    if (status == MP_OK) {
        status = ctl_init_look(ctl, &version, &has_settings, lists, err);
    }

    if (status != MP_OK) {
        return status;
    }

    has_lists = lists[0] != '\0';

    if ((!has_settings || !has_lists) && !ctl->args.anew) {
        status = ctl_init_check(ctl, has_settings, has_lists, err);
        if (status != MP_OK) {
            return status;
        }
    }

    if (has_settings) {
        (void) printf("settings: version %" PRIu64 " is there\n",
                      version.number);
    } else {
        status = ctl_init_settings(ctl, &version, err);
    }

    if (status != MP_OK) {
        return status;
    }

    /* lists that outlived their settings get the new epoch */
    if (has_lists && has_settings) {
        (void) printf("lists: change %s is there\n", lists);
        return MP_OK;
    }

    return ctl_init_lists(ctl, &version, err);
}
