#ifndef MP_RECORD_H
#define MP_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include <hiredis/hiredis.h>

#include "mp_error.h"
#include "mp_job.h"
#include "mp_json.h"
#include "mp_progress.h"

struct mp_record_node {
    char name[MP_NODE_SIZE];
    bool started;         /* progress is of it; otherwise it is queued there */
    int64_t silent_since; /* by the caller, when it is awaited; or 0 */
    struct mp_progress progress;
    const char *errors; /* JSON for mp_items_parse(), unread; or NULL */
    size_t errors_len;
    const char *details;
    size_t details_len;
};

/*
 * A job and how far each node is with it, as Redis has them.  It lends bytes
 * of the replies that it was parsed from.
 */
struct mp_record {
    struct mp_job job;
    bool cancelled; /* somebody wants it to end */
    char cancelled_by[128];
    bool silence_known;      /* the caller knows who is there */
    unsigned int node_count; /* of the job, and those that began */
    struct mp_record_node node[MP_JOB_NODES_MAX];
};

/* Whether it has not come to its end there. */
bool mp_record_awaits(const struct mp_record_node *node);

/*
 * HSET of the nodes that are silent and that a job, which somebody cancels,
 * is not to wait for any more: each is cancelled from then on.  cmd, which is
 * initialised, stays empty when there are none; then it is false.
 */
bool mp_record_gone_command(struct mp_cmd *cmd,
                            const struct mp_record *record);

/*
 * Reads the answers of HGETALL of MP_KEY_JOB and of MP_KEY_JOB_PROGRESS; the
 * latter may be empty or NULL.  MP_NOT_FOUND: there is no such job.  A field
 * that is not valid is MP_INVALID in "job", and otherwise left out.
 */
enum mp_status mp_record_parse(struct mp_record *record_r,
                               const redisReply *job,
                               const redisReply *progress,
                               struct mp_error *err);

/*
 * Of all nodes together.  Cancelled: somebody wants it, no node is at work
 * or has it before it, and one did not finish.  Failed: all nodes, or none had
 * that mailbox or anything to back up.
 */
enum mp_job_state mp_record_state(const struct mp_record *record);

/*
 * The progress of all nodes together: that state, sums, and the eta of the
 * slowest node, if each knows its own.
 */
void mp_record_total(const struct mp_record *record,
                     struct mp_progress *total_r);

/*
 * The object of /jobs/{id}.  Not full: as in the list of /jobs, without
 * nodes, errors and result.items.  What there is not is null: a target of
 * all, a rate without limit, days of a folder that is left alone.  silent is
 * there when it is known.
 */
void mp_record_render(struct mp_json *json, const char *key,
                      const struct mp_record *record, bool full);

#endif
