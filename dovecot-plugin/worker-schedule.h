#ifndef WORKER_SCHEDULE_H
#define WORKER_SCHEDULE_H

/* Which user is next: the most urgent job's that may go on. */

struct worker_job;

/* A user in the hands of a lane. */
struct worker_task {
	struct worker_task *prev, *next;
	struct worker_job *job;
	uint32_t index;
	unsigned int tries; /* before this one */
	char *user;
};

/*
 * The next, or NULL: nothing is to do, or not yet by the rates; then
 * worker_lanes_wake() is called when it is time.
 */
struct worker_task *worker_schedule_take(void);

/* Would worker_schedule_take() give one?  Wakes as it does. */
bool worker_schedule_has(void);

/* Ends a task: lines of lane-wire.h say what came of it. */
void worker_schedule_done(struct worker_task **task, const char *lines);

/* The lane died; or it did not begin. */
void worker_schedule_lost(struct worker_task **task);
void worker_schedule_dropped(struct worker_task **task);

/* The worker ends: the next one sees to this user. */
void worker_schedule_forget(struct worker_task **task);

/* All users of the job were taken, and none is to be tried again. */
bool worker_schedule_is_through(const struct worker_job *job);

void worker_schedule_deinit(void);

#endif
