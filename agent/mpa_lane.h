#ifndef MPA_LANE_H
#define MPA_LANE_H

#include "mpa_job.h"

/*
 * The jobs of one kind on this node: those that wait, and a thread that does
 * one after the other.  Each kind has a lane, so that a test does not wait
 * for a backup.  A job that is to be tried again later waits among the others
 * and holds up none of them.
 *
 * An entry is acknowledged when its job has ended and Redis knows it, so that
 * after a crash it is read again.
 */
struct mpa_lane;

/* Jobs that a lane has before it at most; the others wait in Redis. */
#define MPA_LANE_MAX 256

enum mpa_lane_take {
    MPA_LANE_TAKEN,  /* or it was already: the entry is the lane's */
    MPA_LANE_DOUBLE, /* it has that job by another entry */
    MPA_LANE_FULL,   /* to be read again, see mpa_lane_wants() */
};

/* Starts the thread.  The caller ends it with mpa_lane_free(). */
enum mp_status mpa_lane_new(struct mpa_lane **lane_r, struct mpa *agent,
                            mpa_job_run *run, struct mp_error *err);

/*
 * The jobs end soon; what is not done by then is begun anew by the next
 * agent.  free waits for the thread; a lane that is NULL is none.
 */
void mpa_lane_quit(struct mpa_lane *lane);
void mpa_lane_free(struct mpa_lane *lane);

/* For the reader of the queue.  The texts are copied. */
enum mpa_lane_take mpa_lane_add(struct mpa_lane *lane, const char *entry,
                                const struct mp_job *job);

/* Whether it was full and has room again; true once. */
bool mpa_lane_wants(struct mpa_lane *lane);

/* Somebody wants the job to end, if it is here. */
void mpa_lane_cancel(struct mpa_lane *lane, const char *id);

/* What waits for its next attempt is tried now. */
void mpa_lane_hurry(struct mpa_lane *lane);

#endif
