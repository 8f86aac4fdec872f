#ifndef MP_PROGRESS_H
#define MP_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp_cmd.h"
#include "mp_error.h"
#include "mp_job.h"
#include "mp_json.h"

#define MP_PROGRESS_TEXT 200

/* Items that a node keeps of a job, of each kind; the rest is counted. */
#define MP_ITEMS_MAX      100
#define MP_ITEMS_JSON_MAX (256u << 10)

enum mp_job_state {
    MP_JOB_QUEUED,
    MP_JOB_RUNNING,
    MP_JOB_DONE,
    MP_JOB_DONE_WITH_FAILURES,
    MP_JOB_FAILED, /* as a whole: text says why */
    MP_JOB_CANCELLED,
};

/* Their names, NULL at the end. */
extern const char *const mp_job_state_names[];

/* "queued", …, "done-with-failures", …; never NULL. */
const char *mp_job_state_name(enum mp_job_state state);
bool mp_job_state_find(enum mp_job_state *state_r, const char *name);
bool mp_job_state_ended(enum mp_job_state state);

/*
 * How far one node is with a job; a plain value.  Its JSON is the field
 * "n:<node>" of the key MP_KEY_JOB_PROGRESS.
 */
struct mp_progress {
    enum mp_job_state state;
    uint64_t total; /* users; known when the userdb was listed */
    uint64_t done;  /* worked on, the failed ones included */
    uint64_t failed;
    uint64_t skipped; /* of done: had no mailbox yet */
    int64_t eta;      /* seconds that are left, -1 for not known */
    char started_at[MP_TIME_SIZE]; /* "" for not yet */
    char ended_at[MP_TIME_SIZE];
    char next_at[MP_TIME_SIZE];  /* when it is tried again; "" for now */
    char text[MP_PROGRESS_TEXT]; /* why it failed, or what it waits for */

    uint64_t drifted; /* quota-recalc: users whose usage was wrong */
    uint64_t bytes_before;
    uint64_t bytes_after;
    uint64_t folders;  /* index-rebuild, clear-folders: looked at */
    uint64_t messages; /* there after index-rebuild; gone by clear-folders */
    uint64_t bytes;    /* gone, or with dry_run: would go */
};

/*
 * A thing that a job met: why a user failed (target, text), a drift (target,
 * before, after), or a message that went (target, folder, uid, saved_at,
 * bytes).  What does not apply is "" or -1 and is left out of the JSON.
 */
struct mp_item {
    char target[MP_JOB_TARGET_SIZE];
    char text[MP_PROGRESS_TEXT];
    char folder[256];
    char saved_at[MP_TIME_SIZE];
    int64_t uid;
    int64_t before;
    int64_t after;
    int64_t bytes;
};

/* An item with nothing in it. */
void mp_item_init(struct mp_item *item);

/* An object; node NULL: without the node's name. */
void mp_item_render(struct mp_json *json, const struct mp_item *item,
                    const char *node);

/*
 * A time or a text that is "" and an eta below 0 are null.  What is read back
 * may have members of a later version, and a text that is too long is cut.
 */
void mp_progress_render(struct mp_json *json, const char *key,
                        const struct mp_progress *progress);
enum mp_status mp_progress_parse(struct mp_progress *progress_r,
                                 const char *bytes, size_t len,
                                 struct mp_error *err);

/*
 * An array; rendered to JSON and read back, at most MP_ITEMS_MAX and
 * MP_ITEMS_JSON_MAX bytes: what is more is left out.  items_r has room for
 * MP_ITEMS_MAX.
 */
void mp_items_render(struct mp_json *json, const char *key,
                     const struct mp_item *items, size_t count);
enum mp_status mp_items_parse(struct mp_item *items_r, size_t *count_r,
                              const char *bytes, size_t len,
                              struct mp_error *err);

/*
 * HSET of the node's progress, errors and details in one command, so that
 * they are always of one moment, and the time to live.  errors or details
 * NULL: as they were.  They are arrays by mp_items_render().  cmds are initialised.
 */
#define MP_PROGRESS_CMDS 2
void mp_progress_commands(struct mp_cmd cmds[MP_PROGRESS_CMDS], const char *id,
                          const char *node, const struct mp_progress *progress,
                          const struct mp_json *errors,
                          const struct mp_json *details);

#endif
