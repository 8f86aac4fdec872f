#ifndef WORKER_LANES_H
#define WORKER_LANES_H

/*
 * The connections to lanes, each of which is a process.  They are made when
 * there is work, and end when there was none for a while.
 */

struct worker_job;

void worker_lanes_init(void);
void worker_lanes_deinit(void);

/* There may be something to do. */
void worker_lanes_wake(void);

/* What lanes have of this job and did not begin is dropped. */
void worker_lanes_cancel(const struct worker_job *job);

/* Nothing is begun any more; calls back when the lanes are through. */
void worker_lanes_stop(void (*stopped)(void));

unsigned int worker_lanes_max(void);
unsigned int worker_lanes_connected(void);
unsigned int worker_lanes_busy(void);

/* Why there is no lane, for the operator; NULL for none */
const char *worker_lanes_problem(void);

#endif
