/* The half of the follower that reads changes of the lists. */

#include "mpm_follow_private.h"

#include <stdio.h>
#include <string.h>

#include "mp_key.h"
#include "mp_list_log.h"
#include "mpm_load.h"
#include "mp_log.h"
#include "mp_stream.h"


static enum mp_status
mpm_lists_load(struct mpm_follow *follow, struct mp_error *err)
{
    struct mpm_lists *lists;
    struct mp_error why;
    unsigned int refused = 0;
    enum mp_status status;

    status = mpm_load_lists(&lists, follow->redis, mpm_follow_epoch(follow),
                            &refused, &why);
    if (mp_redis_is_away(status)) {
        return mp_fail(err, status, "", "%s", why.text);
    }

    if (status != MP_OK) {
        mp_health_bad(follow->parts.health, MPM_TROUBLE_LISTS,
                      "the lists cannot be read: %s", why.text);
        return MP_OK;
    }

    mpm_lists_drop(follow->lists);
    follow->lists = lists;
    follow->reload = false;
    follow->lists_behind = false;
    memcpy(follow->lists_seen, lists->id, sizeof(lists->id));

    mp_list_free(follow->next);
    follow->next = NULL;

    mpm_stat_count(follow->parts.stat, MPM_COUNT_RELOADS);
    mp_log(MP_LOG_NOTICE, "lists loaded: %zu white, %zu black, as of %s",
           mp_list_count(lists->list, MP_LIST_WHITE),
           mp_list_count(lists->list, MP_LIST_BLACK), lists->id);

    if (refused > 0) {
        mp_health_bad(follow->parts.health, MPM_TROUBLE_LISTS,
                      "%u members of the lists are no domains and are left "
                      "out",
                      refused);
    } else {
        mp_health_good(follow->parts.health, MPM_TROUBLE_LISTS);
    }

    mpm_follow_publish(follow, false);

    return MP_OK;
}


enum mp_status
mpm_lists_anchored(struct mpm_follow *follow, bool *anchored_r,
                   struct mp_error *err)
{
    const redisReply *entry;
    redisReply *reply;
    enum mp_status status;

    status = mp_stream_entry(follow->redis, mp_key(MP_KEY_LISTS),
                             follow->lists_seen, &reply, &entry, err);
    if (status == MP_OK) {
        *anchored_r = entry != NULL;
        freeReplyObject(reply);
    }

    return status;
}


/* Judges the id of the newest change by what is in force. */
static enum mp_status
mpm_lists_judge(struct mpm_follow *follow, const char *id,
                struct mp_error *err)
{
    enum mp_status status;
    bool anchored = true;
    int order;

    if (follow->lists == NULL || follow->reload
        || strcmp(follow->lists->epoch, mpm_follow_epoch(follow)) != 0)
    {
        return mpm_lists_load(follow, err);
    }

    order = mp_stream_id_compare(id, follow->lists_seen);

    if (order > 0) {
        status = mpm_lists_anchored(follow, &anchored, err);
        if (status != MP_OK) {
            return status;
        }

        /* trimmed, unless it was seen to be another history */
        if (!anchored && !follow->lists_behind) {
            return mpm_lists_load(follow, err);
        }
    }

    if (order < 0 || !anchored) {
        follow->lists_behind = true;
        mp_health_bad(follow->parts.health, MPM_TROUBLE_LISTS,
                      "the lists in Redis, of %s, do not follow from those "
                      "in force, of %s",
                      id, follow->lists_seen);

    } else if (follow->lists_behind) {
        follow->lists_behind = false;
        mp_health_good(follow->parts.health, MPM_TROUBLE_LISTS);
    }

    return MP_OK;
}


enum mp_status
mpm_lists_look(struct mpm_follow *follow, struct mp_error *err)
{
    const redisReply *entry;
    redisReply *reply;
    enum mp_status status;
    const char *id;

    status = mp_stream_entry(follow->redis, mp_key(MP_KEY_LISTS), NULL, &reply,
                             &entry, err);

    if (status != MP_OK) {
        if (mp_redis_is_away(status)) {
            return status;
        }

        mp_health_bad(follow->parts.health, MPM_TROUBLE_LISTS,
                      "the lists cannot be read: %s", err->text);
        return MP_OK;
    }

    id = mp_entry_id(entry);

    if (id == NULL) {
        follow->lists_behind = true;
        mp_health_bad(follow->parts.health, MPM_TROUBLE_LISTS,
                      "Redis has no lists");

    } else {
        status = mpm_lists_judge(follow, id, err);
    }

    freeReplyObject(reply);

    return status;
}


/* Adds a change to the copy that will be published. */
static void
mpm_lists_change(struct mpm_follow *follow,
                 const struct mp_list_change *change)
{
    struct mp_stream_id id = { 0, 0 };
    unsigned int refused = 0;

    if (change->op == MP_LIST_INIT) {
        follow->reload =
            follow->reload || strcmp(change->epoch, follow->lists->epoch) != 0;
        return;
    }

    if (follow->next == NULL) {
        follow->next = mp_list_copy(follow->lists->list, MP_LIST_BATCH);
    }

    if (follow->next == NULL || !mp_list_apply(follow->next, change, &refused))
    {
        mp_health_bad(follow->parts.health, MPM_TROUBLE_LISTS,
                      "no memory for the lists");
        follow->reload = true;
        return;
    }

    (void) snprintf(follow->next_id, sizeof(follow->next_id), "%s",
                    change->id);

    if (mp_stream_id_parse(&id, change->id)) {
        mpm_follow_made(follow, (int64_t) id.msecs);
    }

    if (refused > 0) {
        mpm_stat_count(follow->parts.stat, MPM_COUNT_SNAPSHOT_REFUSED);
        mp_health_bad(follow->parts.health, MPM_TROUBLE_LISTS,
                      "list change %s: %u entries are no domains", change->id,
                      refused);
    } else {
        mp_health_good(follow->parts.health, MPM_TROUBLE_LISTS);
    }
}


void
mpm_lists_take(struct mpm_follow *follow, const redisReply *entry)
{
    const char *id = mp_entry_id(entry);
    struct mp_list_change change;
    struct mp_error fault;

    if (id != NULL) {
        (void) snprintf(follow->lists_seen, sizeof(follow->lists_seen), "%s",
                        id);
    }

    if (mp_list_change_parse(&change, entry, &fault) != MP_OK) {
        mpm_follow_refused(follow, MPM_TROUBLE_LISTS,
                           id != NULL ? id : "without an id", &fault);
        return;
    }

    mpm_lists_change(follow, &change);
}
