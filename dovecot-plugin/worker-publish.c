/* Tells Redis how far the jobs are; what it has not taken is told again. */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "time-util.h"
#include "mp_key.h"
#include "worker.h"
#include "worker-job.h"

/* From one report on a job to the next. */
#define WORKER_PUBLISH_MSECS 200
#define WORKER_PUBLISH_RETRY_MSECS 1000

#define WORKER_PACE_MSECS 1000

static char *worker_publish_told;

static void worker_publish_later(struct worker_job *job, unsigned int msecs);

static uint64_t now_msecs(void)
{
	return i_microseconds() / 1000;
}

static const struct worker_pace *
worker_publish_pace(struct worker_run *run, uint64_t now)
{
	struct worker_pace *newest;

	if (run->paces == 0 ||
	    now - run->pace[(run->paces - 1) % WORKER_PACES].msecs >=
		    WORKER_PACE_MSECS) {
		newest = &run->pace[run->paces++ % WORKER_PACES];
		newest->msecs = now;
		newest->done = run->progress.done;
	}
	return run->paces <= WORKER_PACES ?
		       &run->pace[0] :
		       &run->pace[run->paces % WORKER_PACES];
}

/* Seconds that are left at the pace of the last seconds, -1: not known */
static int64_t worker_publish_eta(struct worker_run *run, uint64_t now)
{
	const struct worker_pace *oldest = worker_publish_pace(run, now);
	uint64_t left = run->progress.total - run->progress.done;
	uint64_t msecs = now - oldest->msecs;
	uint64_t users = run->progress.done - oldest->done;
	int64_t eta = -1;

	if (run->progress.total == 0)
		return -1;
	if (users > 0 && msecs >= WORKER_PACE_MSECS)
		eta = left * msecs / users / 1000;
	/* faster than its rate it will not be */
	if (run->job.rate > 0)
		eta = I_MAX(eta, (int64_t)(left / run->job.rate));
	return eta;
}

static void worker_publish_items(struct mp_json *json,
				 const ARRAY_TYPE(worker_item) * items)
{
	const struct worker_item *item;
	struct mp_item *copy;
	unsigned int n = 0;

	copy = t_new(struct mp_item, array_count(items) + 1);
	array_foreach(items, item)
		copy[n++] = item->item;
	mp_json_init(json);
	mp_items_render(json, NULL, copy, n);
}

static void
worker_publish_progress(struct worker_job *job, struct mp_cmd *cmds, bool all)
{
	struct worker_run *run = job->run;
	struct mp_json errors, details;

	if (all) {
		worker_publish_items(&errors, &run->errors);
		worker_publish_items(&details, &run->details);
	}
	mp_progress_commands(cmds, job->id, worker.config.node, &run->progress,
			     all ? &errors : NULL, all ? &details : NULL);
	if (all) {
		mp_json_free(&errors);
		mp_json_free(&details);
	}
}

/* Who wants it to end is in the record: also in one that was lost. */
static void worker_publish_cancel(struct worker_job *job, struct mp_cmd *cmd)
{
	struct mp_keyname key;

	(void)mp_key_name(&key, MP_KEY_JOB, job->id);
	mp_cmd_texts(cmd, "HSETNX", key.text, "cancel", job->cancelled_by,
		     NULL);
}

static void worker_published(const redisReply *reply, void *context)
{
	struct worker_job *job = context;
	struct worker_run *run = job->run;
	const char *error = worker_redis_error(reply);

	run->publishing = FALSE;
	if (error != NULL) {
		run->dirty = TRUE;
		run->dirty_items = TRUE;
		run->ended_sent = FALSE;
		/* a connection that was lost is told elsewhere */
		if (reply != NULL &&
		    null_strcmp(error, worker_publish_told) != 0) {
			i_error("Redis does not take how far jobs are: %s",
				error);
			i_free(worker_publish_told);
			worker_publish_told = i_strdup(error);
		}
		if (reply != NULL)
			worker_publish_later(job, WORKER_PUBLISH_RETRY_MSECS);
		return;
	}
	i_free(worker_publish_told);
	if (run->ended_sent)
		worker_job_told(job);
	else if (run->dirty)
		worker_publish(job, job->stage == WORKER_STAGE_ENDED);
}

static void worker_publish_send(struct worker_job *job)
{
	struct mp_cmd cmds[MP_JOB_RECORD_CMDS + MP_JOB_INDEX_CMDS +
			   MP_PROGRESS_CMDS + 2];
	struct worker_run *run = job->run;
	unsigned int i, n = 0;

	run->published_msecs = now_msecs();
	run->dirty = FALSE;
	run->publishing = TRUE;
	run->ended_sent = job->stage == WORKER_STAGE_ENDED;
	if (!run->ended_sent)
		run->progress.eta =
			worker_publish_eta(run, run->published_msecs);

	for (i = 0; i < N_ELEMENTS(cmds); i++)
		mp_cmd_init(&cmds[i]);
	if (run->valid) {
		mp_job_record_commands(cmds, &run->job);
		n += MP_JOB_RECORD_CMDS;
		mp_job_index_commands(cmds + n, &run->job);
		n += MP_JOB_INDEX_CMDS;
	}
	if (run->valid && job->cancelled_by != NULL)
		worker_publish_cancel(job, &cmds[n++]);
	worker_publish_progress(job, cmds + n,
				run->dirty_items || run->ended_sent);
	n += MP_PROGRESS_CMDS;
	mp_job_event_command(&cmds[n++], job->id);
	run->dirty_items = FALSE;

	worker_redis_send(worker.redis, cmds, n, 0, worker_published, job);
}

static void worker_publish_now(struct worker_job *job)
{
	timeout_remove(&job->run->to_publish);
	/* when Redis is there again, all is told */
	if (!job->run->publishing && worker_redis_is_up(worker.redis))
		T_BEGIN {
			worker_publish_send(job);
		}
	T_END;
}

static void worker_publish_later(struct worker_job *job, unsigned int msecs)
{
	struct worker_run *run = job->run;

	timeout_remove(&run->to_publish);
	run->to_publish = timeout_add_short(msecs, worker_publish_now, job);
}

void worker_publish(struct worker_job *job, bool at_once)
{
	struct worker_run *run = job->run;
	uint64_t passed;

	if (job->usage)
		return;
	run->dirty = TRUE;
	if (run->publishing || (run->to_publish != NULL && !at_once))
		return;
	passed = now_msecs() - run->published_msecs;
	worker_publish_later(job, at_once || passed >= WORKER_PUBLISH_MSECS ?
					  0 :
					  WORKER_PUBLISH_MSECS - passed);
}

void worker_publish_stop(struct worker_job *job)
{
	i_assert(!job->run->publishing);
	timeout_remove(&job->run->to_publish);
}

void worker_publish_all(void)
{
	struct worker_job *job;

	for (job = worker_job_first(); job != NULL; job = job->next) {
		if (job->usage || job->stage == WORKER_STAGE_LOADING)
			continue;
		job->run->dirty_items = TRUE;
		worker_publish(job, TRUE);
	}
}

void worker_publish_deinit(void)
{
	i_free(worker_publish_told);
}
