/*
 * Gives users away: of the most urgent job first, at its rate, and no user to
 * two lanes at once.
 */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "llist.h"
#include "str.h"
#include "time-util.h"
#include "unichar.h"
#include "common-wire.h"
#include "worker.h"
#include "worker-job.h"
#include "worker-lanes.h"
#include "worker-schedule.h"

#define USECS 1000000
/* A timer is not exact: what it was late by is made good. */
#define WORKER_RATE_BURST_USECS 20000

/* What ended one lane may be ending others at this moment. */
#define WORKER_AGAIN_USECS (USECS / 2)

/* Users that are passed over in one go, because they are done. */
#define WORKER_SKIP_MAX 20000

static struct worker_task *tasks;
static struct timeout *to_wake;
static uint64_t wake_usecs;

static const char lane_ended[] =
	"the process that worked on it ended unexpectedly";

/* Rates */

static void worker_schedule_woken(struct worker *self ATTR_UNUSED)
{
	timeout_remove(&to_wake);
	worker_lanes_wake();
}

/* Of several the first one counts, which then sees to the others. */
static void worker_schedule_wake_in(uint64_t usecs)
{
	uint64_t at = i_microseconds() + usecs;

	if (to_wake != NULL && wake_usecs <= at)
		return;
	timeout_remove(&to_wake);
	wake_usecs = at;
	to_wake = timeout_add_short(usecs / 1000 + 1, worker_schedule_woken,
				    &worker);
}

/* Microseconds until the rate of the job allows a user. */
static uint64_t worker_rate_wait(const struct worker_run *run, uint64_t now)
{
	if (run->job.rate == 0 || run->due_usecs <= now)
		return 0;
	/* the clock was set back */
	if (run->due_usecs > now + 2 * USECS)
		return 0;
	return run->due_usecs - now;
}

static void worker_rate_take(struct worker_run *run, uint64_t now)
{
	uint64_t earliest = now - WORKER_RATE_BURST_USECS;

	if (run->job.rate == 0)
		return;
	if (run->due_usecs < earliest || run->due_usecs > now)
		run->due_usecs = run->due_usecs == 0 ? now : earliest;
	run->due_usecs += USECS / run->job.rate;
}

/* One user, one lane */

static bool worker_schedule_is_busy(const char *user)
{
	const struct worker_task *task;

	for (task = tasks; task != NULL; task = task->next) {
		if (strcmp(task->user, user) == 0)
			return TRUE;
	}
	return FALSE;
}

static struct worker_task *worker_task_new(struct worker_job *job,
					   uint32_t index, const char *user,
					   unsigned int tries)
{
	struct worker_task *task;

	task = i_new(struct worker_task, 1);
	task->job = job;
	task->index = index;
	task->user = i_strdup(user);
	task->tries = tries;
	DLLIST_PREPEND(&tasks, task);
	job->run->at_hand++;
	return task;
}

static void worker_task_free(struct worker_task **_task)
{
	struct worker_task *task = *_task;

	*_task = NULL;
	DLLIST_REMOVE(&tasks, task);
	task->job->run->at_hand--;
	i_free(task->user);
	i_free(task);
}

static void worker_schedule_again(struct worker_job *job, uint32_t index,
				  const char *user, unsigned int tries)
{
	struct worker_again *again;

	again = array_append_space(&job->run->again);
	again->index = index;
	again->tries = tries;
	again->user = i_strdup(user);
	if (tries > 0)
		again->due_usecs = i_microseconds() + WORKER_AGAIN_USECS;
}

static struct worker_task *
worker_schedule_take_again(struct worker_job *job, uint64_t now)
{
	struct worker_again *again;
	struct worker_task *task;
	unsigned int i;

	for (i = 0; i < array_count(&job->run->again); i++) {
		again = array_idx_modifiable(&job->run->again, i);
		if (worker_schedule_is_busy(again->user))
			continue;
		/* unless the clock was set back */
		if (again->due_usecs > now &&
		    again->due_usecs <= now + WORKER_AGAIN_USECS) {
			worker_schedule_wake_in(again->due_usecs - now);
			continue;
		}
		task = worker_task_new(job, again->index, again->user,
				       again->tries);
		i_free(again->user);
		array_delete(&job->run->again, i, 1);
		return task;
	}
	return NULL;
}

/* The next user of a job */

/* Why no lane can be asked for such a user, or NULL. */
static const char *worker_user_problem(const char *user)
{
	const char *p;

	if (strlen(user) >= MP_JOB_TARGET_SIZE)
		return "the name is too long";
	if (!uni_utf8_str_is_valid(user))
		return "the name is not valid UTF-8";
	for (p = user; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return "the name has control characters";
	}
	return *user == '\0' ? "the name is empty" : NULL;
}

/* What the worker finds out itself is in the journal as from a lane. */
static void worker_schedule_fail(struct worker_job *job, uint32_t index,
				 const char *user, const char *text)
{
	struct lane_answer answer = {.status = LANE_FAIL, .text = text};
	string_t *line = t_str_new(128);
	const char *error;

	lane_wire_put_answer(line, index, &answer);
	if (job->run->done != NULL &&
	    worker_done_append(job->run->done, str_c(line), FALSE, &error) < 0)
		i_error("%s", error);
	(void)worker_take_lines(job, user, str_c(line));
	worker_publish(job, FALSE);
}

static void
worker_schedule_unreadable(struct worker_job *job, const char *error)
{
	i_error("Job %s: %s", job->id, error);
	/* those in lanes are waited for, and then it ends as it is */
	job->run->next = job->run->progress.total;
	job->run->progress.failed++;
	job->run->note = "the list of its users is damaged: those after this "
			 "place were left out";
}

static struct worker_task *worker_schedule_read(struct worker_job *job)
{
	struct worker_run *run = job->run;
	const char *user, *error, *problem;
	unsigned int n;
	uint32_t index;

	for (n = 0; n < WORKER_SKIP_MAX; n++) {
		if (run->next >= run->progress.total)
			return NULL;
		if (worker_users_next(run->users, &user, &error) <= 0) {
			worker_schedule_unreadable(job, error);
			return NULL;
		}
		index = run->next++;
		if (worker_take_is_done(run, index))
			continue;
		problem = worker_user_problem(user);
		if (problem != NULL)
			worker_schedule_fail(job, index, user, problem);
		else if (worker_schedule_is_busy(user))
			worker_schedule_again(job, index, user, 0);
		else
			return worker_task_new(job, index, user, 0);
	}
	/* and on in the next turn */
	worker_lanes_wake();
	return NULL;
}

bool worker_schedule_is_through(const struct worker_job *job)
{
	return job->run->next >= job->run->progress.total &&
	       array_count(&job->run->again) == 0;
}

static bool worker_schedule_may(const struct worker_job *job)
{
	return job->stage == WORKER_STAGE_RUNNING &&
	       job->cancelled_by == NULL && !worker_schedule_is_through(job);
}

static struct worker_task *
worker_schedule_take_of(struct worker_job *job, uint64_t now)
{
	struct worker_task *task;

	task = worker_schedule_take_again(job, now);
	/* those who are busy elsewhere are few, or it would be waited for */
	if (task == NULL && array_count(&job->run->again) <= worker_lanes_max())
		task = worker_schedule_read(job);
	if (task != NULL)
		worker_rate_take(job->run, now);
	return task;
}

struct worker_task *worker_schedule_take(void)
{
	uint64_t now = i_microseconds(), wait, least = 0;
	struct worker_job *job, *next;
	struct worker_task *task = NULL;

	for (job = worker_job_first(); job != NULL && task == NULL;
	     job = next) {
		next = job->next;
		if (!worker_schedule_may(job))
			continue;
		wait = worker_rate_wait(job->run, now);
		if (wait > 0) {
			least = least == 0 ? wait : I_MIN(least, wait);
			continue;
		}
		T_BEGIN {
			task = worker_schedule_take_of(job, now);
		}
		T_END;
		/* perhaps all that was left were names that are none */
		if (task == NULL)
			worker_job_settle(job);
	}
	if (task == NULL && least > 0)
		worker_schedule_wake_in(least);
	return task;
}

bool worker_schedule_has(void)
{
	uint64_t now = i_microseconds(), wait, least = 0;
	struct worker_job *job;

	for (job = worker_job_first(); job != NULL; job = job->next) {
		if (!worker_schedule_may(job))
			continue;
		wait = worker_rate_wait(job->run, now);
		if (wait == 0)
			return TRUE;
		least = least == 0 ? wait : I_MIN(least, wait);
	}
	/* when all lanes have died, none of them comes back to ask */
	if (least > 0)
		worker_schedule_wake_in(least);
	return FALSE;
}

/* What became of it */

void worker_schedule_done(struct worker_task **task, const char *lines)
{
	struct worker_job *job = (*task)->job;

	(void)worker_take_lines(job, (*task)->user, lines);
	worker_task_free(task);
	worker_publish(job, FALSE);
	worker_job_settle(job);
}

void worker_schedule_lost(struct worker_task **_task)
{
	struct worker_task *task = *_task;
	struct worker_job *job = task->job;
	string_t *lines = t_str_new(256);

	/* it may have died between its work's end and its answer */
	if (job->run->done != NULL &&
	    worker_done_find(job->run->done, task->index, lines)) {
		worker_schedule_done(_task, str_c(lines));
		return;
	}
	if (task->tries == 0) {
		worker_schedule_again(job, task->index, task->user, 1);
	} else {
		i_error("Job %s: user %s: %s, for the second time", job->id,
			task->user, lane_ended);
		worker_schedule_fail(job, task->index, task->user, lane_ended);
	}
	worker_task_free(_task);
	worker_job_settle(job);
}

void worker_schedule_forget(struct worker_task **task)
{
	worker_task_free(task);
}

void worker_schedule_dropped(struct worker_task **_task)
{
	struct worker_task *task = *_task;
	struct worker_job *job = task->job;

	worker_schedule_again(job, task->index, task->user, task->tries);
	worker_task_free(_task);
	worker_job_settle(job);
}

void worker_schedule_deinit(void)
{
	timeout_remove(&to_wake);
	i_assert(tasks == NULL);
}
