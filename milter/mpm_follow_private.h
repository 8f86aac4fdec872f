#ifndef MPM_FOLLOW_PRIVATE_H
#define MPM_FOLLOW_PRIVATE_H

#include <pthread.h>

#include "mpm_follow.h"
#include "mpm_redis.h"
#include "mpm_trouble.h"

/* What the files of the follower share. */
struct mpm_follow {
    struct mpm_follow_parts parts;
    struct mp_redis *redis;

    /* in force, held; NULL for none yet */
    struct mpm_settings *settings;
    struct mpm_lists *lists;

    /* read up to here, be it applied or refused; a stream's id */
    uint64_t settings_seen;
    char lists_seen[MPM_ID_SIZE];

    /* changed and not yet published */
    struct mpm_settings *next_settings;
    struct mp_list *next;
    char next_id[MPM_ID_SIZE];
    int64_t next_made; /* unix milliseconds of the last change */

    bool reload; /* the stream does not lead from ours to the head */

    /* Redis is older than what is in force, or has another history */
    bool settings_behind;
    bool lists_behind;

    int64_t look_at;
    int64_t backoff;

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool started;
    bool synced; /* has caught up once */
    bool stop;
};

/* The epoch of the settings that are, or are about to be, in force. */
const char *mpm_follow_epoch(const struct mpm_follow *follow);

/* Puts what was gathered in force; news: it has just been made. */
void mpm_follow_publish(struct mpm_follow *follow, bool news);

/* When a change was made that will be published, in unix milliseconds. */
void mpm_follow_made(struct mpm_follow *follow, int64_t msecs);

/* Something that was read is not used. */
void mpm_follow_refused(struct mpm_follow *follow, enum mpm_trouble trouble,
                        const char *id, const struct mp_error *err);

/* One entry of the stream; a status other than MP_OK is Redis's failure. */
enum mp_status mpm_settings_take(struct mpm_follow *follow,
                                 const redisReply *entry,
                                 struct mp_error *err);
void mpm_lists_take(struct mpm_follow *follow, const redisReply *entry);

/* Compares the head of the stream with what is in force. */
enum mp_status mpm_settings_look(struct mpm_follow *follow,
                                 struct mp_error *err);
enum mp_status mpm_lists_look(struct mpm_follow *follow, struct mp_error *err);

/* Whether the last change that was read still stands in the stream. */
enum mp_status mpm_lists_anchored(struct mpm_follow *follow, bool *anchored_r,
                                  struct mp_error *err);

#endif
