#ifndef MP_JOB_H
#define MP_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp_action.h"
#include "mp_cmd.h"
#include "mp_error.h"
#include "mp_heartbeat.h"
#include "mp_json.h"
#include "mp_time.h"

#define MP_JOB_ID_SIZE     25 /* 12 hex of unix msecs, 12 random, a NUL */
#define MP_JOB_TARGET_SIZE 321
#define MP_JOB_NODES_MAX   32
#define MP_JOB_RATE_MAX    10000
#define MP_JOB_JSON_MAX    16384

/* Newest jobs that the index keeps. */
#define MP_JOB_INDEX_MAX 1000

/* Entries of a queue and of the events that Redis keeps. */
#define MP_JOB_QUEUE_MAX 10000

/* Who has made a job that no administrator has: no name of one. */
#define MP_JOB_OWN "mailportal"

/*
 * What somebody wants to be done; a plain value that never changes.  It is
 * the field "job" of its record and of its entry in the queue, as JSON.
 */
struct mp_job {
    char id[MP_JOB_ID_SIZE];
    enum mp_action action;
    char target[MP_JOB_TARGET_SIZE]; /* "" all, a domain, or a mailbox */
    uint32_t rate;                   /* users a second at most, 0: no limit */
    bool dry_run;
    uint32_t junk_days; /* of clear-folders: 0 leaves the folder alone */
    uint32_t trash_days;
    unsigned int node_count; /* who is to do it; 0: every node that reads it */
    char node[MP_JOB_NODES_MAX][MP_NODE_SIZE];
    char created_by[128]; /* an administrator, or MP_JOB_OWN */
    char created_at[MP_TIME_SIZE];
    char request_id[40];
};

/* Makes an id that sorts by time; random is 6 bytes of the caller's. */
void mp_job_id(char id_r[MP_JOB_ID_SIZE], int64_t unix_msecs,
               const unsigned char random[6]);

/* Whether text is such an id; msecs_r, unless NULL, is its time. */
bool mp_job_id_check(const char *text, size_t len, int64_t *msecs_r);

/*
 * Sets the target of a job, whose action is set, from what somebody typed:
 * nothing, a domain (to its A-labels in lower case) or a mailbox (its domain
 * likewise; the local part in lower case, as Dovecot's username_format).
 * MP_INVALID, with err->field "target", when it is none of them, holds
 * control characters, blanks or wildcards, or when the action does not take
 * it.
 */
enum mp_status mp_job_put_target(struct mp_job *job, const char *text,
                                 size_t len, struct mp_error *err);

/* Whether the target covers a user; both in lower case. */
bool mp_job_covers(const struct mp_job *job, const char *user);

/* Whether node is to do it. */
bool mp_job_is_for(const struct mp_job *job, const char *node);

/* The JSON of the field "job": an object, complete in itself. */
void mp_job_render(struct mp_json *json, const struct mp_job *job);

/*
 * Reads it, as from a stranger: MP_INVALID names what is wrong.  A member
 * that is not known is wrong: it could say that less is to be done.
 */
enum mp_status mp_job_parse(struct mp_job *job_r, const char *bytes,
                            size_t len, struct mp_error *err);

/*
 * The commands that make a job, for one MULTI; cmds are initialised.  record: HSETNX of "job", and
 * its time to live; index: ZADD NX by the time of the id, and a trim;
 * queue: XADD "op run id <id> job <json>"; event: XADD "id <id>".
 */
#define MP_JOB_RECORD_CMDS 2
#define MP_JOB_INDEX_CMDS  2
void mp_job_record_commands(struct mp_cmd cmds[MP_JOB_RECORD_CMDS],
                            const struct mp_job *job);
void mp_job_index_commands(struct mp_cmd cmds[MP_JOB_INDEX_CMDS],
                           const struct mp_job *job);
void mp_job_queue_command(struct mp_cmd *cmd, const struct mp_job *job);
void mp_job_event_command(struct mp_cmd *cmd, const char *id);

/* XADD "op cancel id <id> by <by>" to the queue of the job's executor. */
void mp_job_cancel_command(struct mp_cmd *cmd, const struct mp_job *job,
                           const char *by);

#endif
