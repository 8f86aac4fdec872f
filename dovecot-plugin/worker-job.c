/* The jobs of this node, and their ways from stage to stage. */

#include "lib.h"
#include "array.h"
#include "hash.h"
#include "ioloop.h"
#include "llist.h"
#include "randgen.h"
#include "str.h"
#include "strescape.h"
#include "time-util.h"
#include "mp_key.h"
#include "worker.h"
#include "worker-job.h"
#include "worker-lanes.h"
#include "worker-schedule.h"

/*
 * So long an end is kept that Redis has taken: more than it is allowed to lose
 * (appendfsync everysec), or a replica to lag behind it.
 */
#define WORKER_JOB_KEEP_MSECS (10 * 1000)

static HASH_TABLE(const char *, struct worker_job *) worker_jobs;

/* sorted by class, then by id, which is by time */
static struct worker_job *waiting, *waiting_tail;
static struct worker_job *working, *working_tail;
static struct worker_job *told, *told_tail;
static unsigned int worker_job_counts[WORKER_CLASS_COUNT];
static struct timeout *to_next;

static const char usage_id[] = "usage";

struct worker_job *worker_job_first(void)
{
	return working;
}

unsigned int worker_job_waiting(void)
{
	struct worker_job *job;
	unsigned int n = 0;

	for (job = waiting; job != NULL; job = job->next)
		n++;
	return n;
}

struct worker_job *worker_job_find(const char *id)
{
	return hash_table_lookup(worker_jobs, id);
}

/* Lists */

static bool
worker_job_before(const struct worker_job *a, const struct worker_job *b)
{
	return a->class < b->class ||
	       (a->class == b->class && strcmp(a->id, b->id) < 0);
}

/* New ones are mostly the last. */
static void worker_job_insert(struct worker_job **head,
			      struct worker_job **tail, struct worker_job *job)
{
	struct worker_job *after = *tail;

	while (after != NULL && worker_job_before(job, after))
		after = after->prev;
	if (after == NULL) {
		DLLIST2_PREPEND(head, tail, job);
		return;
	}
	DLLIST2_INSERT_AFTER(head, tail, after, job);
}

static enum worker_job_class worker_job_class(const struct mp_job *job)
{
	if (strcmp(job->created_by, MP_JOB_OWN) == 0)
		return WORKER_CLASS_SWEEP;
	if (job->target[0] == '\0')
		return WORKER_CLASS_ALL;
	return strchr(job->target, '@') != NULL ? WORKER_CLASS_MAILBOX :
						  WORKER_CLASS_DOMAIN;
}

/* Opening: from the disk into memory */

static const enum action worker_actions[MP_ACTION_COUNT] = {
	[MP_ACTION_QUOTA_RECALC] = ACTION_RECALC,
	[MP_ACTION_INDEX_REBUILD] = ACTION_RESYNC,
	[MP_ACTION_CLEAR_FOLDERS] = ACTION_CLEAR,
};

static void worker_run_action(struct worker_run *run)
{
	const struct mp_job *job = &run->job;

	run->action.action = worker_actions[job->action];
	if (job->action != MP_ACTION_CLEAR_FOLDERS)
		return;
	run->action.junk_secs = job->junk_days * 24 * 60 * 60;
	run->action.trash_secs = job->trash_days * 24 * 60 * 60;
	run->action.dry_run = job->dry_run;
}

/* What was asked, read as from a stranger; NULL, or what is wrong with it. */
static const char *worker_job_read(const char *id, struct mp_job *job_r)
{
	buffer_t *bytes = t_buffer_create(1024);
	struct mp_error err;
	const char *error;

	if (worker_journal_get(id, "job", MP_JOB_JSON_MAX + 1, bytes, &error) <=
	    0)
		return "what was asked is not on the disk any more";
	if (mp_job_parse(job_r, bytes->data, bytes->used, &err) != MP_OK) {
		return err.field[0] == '\0' ?
			       t_strdup(err.text) :
			       t_strdup_printf("%s %s", err.field, err.text);
	}
	if (strcmp(job_r->id, id) != 0)
		return "the job has another id within";
	if (strcmp(mp_action_table[job_r->action].executor, "dovecot") != 0) {
		return t_strdup_printf("%s is not done by Dovecot",
				       mp_action_table[job_r->action].name);
	}
	return NULL;
}

static struct worker_run *worker_run_new(const char *id)
{
	struct worker_run *run;

	run = i_new(struct worker_run, 1);
	i_strocpy(run->job.id, id, sizeof(run->job.id));
	run->progress.eta = -1;
	run->bits = buffer_create_dynamic(default_pool, 64);
	i_array_init(&run->again, 4);
	worker_take_init(run);
	return run;
}

static void worker_run_free(struct worker_job *job)
{
	struct worker_run *run = job->run;
	struct worker_again *again;

	if (run == NULL)
		return;
	worker_load_stop(job);
	worker_publish_stop(job);
	worker_take_deinit(run);
	array_foreach_modifiable(&run->again, again)
		i_free(again->user);
	array_free(&run->again);
	worker_users_read_end(&run->users);
	worker_done_close(&run->done);
	buffer_free(&run->bits);
	i_free(job->run);
}

/* Somebody may have cancelled it while nobody here was listening. */
static void worker_job_asked(const redisReply *reply, void *context)
{
	char *id = context;
	struct worker_job *job = worker_job_find(id);

	if (job != NULL && reply != NULL && reply->type == REDIS_REPLY_STRING)
		worker_job_cancel(job, reply->str);
	i_free(id);
}

static void worker_job_ask(const struct worker_job *job)
{
	struct mp_keyname key;
	struct mp_cmd cmd;

	if (!mp_key_name(&key, MP_KEY_JOB, job->id))
		return;
	mp_cmd_init(&cmd);
	mp_cmd_texts(&cmd, "HGET", key.text, "cancel", NULL);
	worker_redis_send(worker.redis, &cmd, 1, 0, worker_job_asked,
			  i_strdup(job->id));
}

void worker_job_ask_all(void)
{
	const struct worker_job *job;

	for (job = working; job != NULL; job = job->next) {
		if (!job->usage && job->cancelled_by == NULL)
			worker_job_ask(job);
	}
}

static void worker_job_open(struct worker_job *job)
{
	struct worker_run *run = worker_run_new(job->id);
	const char *error, *wrong = NULL;
	struct mp_job found;

	DLLIST2_REMOVE(&waiting, &waiting_tail, job);
	worker_job_insert(&working, &working_tail, job);
	worker_job_counts[job->class]++;
	job->run = run;
	job->stage = WORKER_STAGE_LOADING;

	if (job->usage) {
		run->valid = TRUE;
		run->action.action = ACTION_USAGE;
		run->job.rate = worker.config.sweep_rate;
	} else {
		wrong = worker_job_read(job->id, &found);
		run->valid = wrong == NULL;
	}
	if (run->valid && !job->usage) {
		run->job = found;
		worker_run_action(run);
	}
	if (worker_done_open(job->id, &run->done, &error) < 0)
		i_error("%s", error);

	if (wrong != NULL)
		worker_job_fail(job, wrong);
	else
		worker_load(job);
	/* without Redis, when it comes */
	if (!job->usage && worker_redis_is_up(worker.redis))
		worker_job_ask(job);
}

/* As many as there is room for; a cancelled one is at its end at once. */
static void worker_job_next(struct worker *self ATTR_UNUSED)
{
	struct worker_job *job, *next;

	timeout_remove(&to_next);
	for (job = waiting; job != NULL; job = next) {
		next = job->next;
		if (worker_job_counts[job->class] < WORKER_JOBS_MAX ||
		    job->cancelled_by != NULL)
			T_BEGIN {
				worker_job_open(job);
			}
		T_END;
	}
}

static void worker_job_next_soon(void)
{
	if (to_next == NULL)
		to_next = timeout_add_short(0, worker_job_next, &worker);
}

static void worker_job_read_cancel(struct worker_job *job)
{
	buffer_t *by = t_buffer_create(128);
	const char *error;
	int ret;

	ret = worker_journal_get(job->id, "cancel", 1024, by, &error);
	if (ret < 0)
		i_error("%s", error);
	if (ret > 0)
		job->cancelled_by = i_strdup(str_c(by));
}

void worker_job_add(const char *id)
{
	struct worker_job *job;
	struct mp_job found;

	if (worker_job_find(id) != NULL)
		return;
	job = i_new(struct worker_job, 1);
	i_strocpy(job->id, id, sizeof(job->id));
	job->usage = strcmp(id, usage_id) == 0;
	/* one that is wrong is told soon */
	job->class = WORKER_CLASS_MAILBOX;
	if (job->usage)
		job->class = WORKER_CLASS_SWEEP;
	else if (worker_job_read(id, &found) == NULL)
		job->class = worker_job_class(&found);
	worker_job_read_cancel(job);
	hash_table_insert(worker_jobs, (const char *)job->id, job);
	worker_job_insert(&waiting, &waiting_tail, job);
	worker_job_next_soon();
}

/* Ending */

static void worker_job_log_end(struct worker_job *job)
{
	struct worker_run *run = job->run;
	const struct mp_progress *p = &run->progress;
	string_t *line = t_str_new(128);
	const char *error;

	str_printfa(line, "end\t%s\t%s\t", mp_job_state_name(p->state),
		    p->ended_at);
	str_append_tabescaped(line, p->text);
	str_append_c(line, '\n');
	if (run->done != NULL &&
	    worker_done_append(run->done, str_c(line), TRUE, &error) < 0)
		i_error("%s", error);
	else
		run->end_kept = run->done != NULL;

	i_info("Job %s (%s %s): %s: %" PRIu64 " done, %" PRIu64 " failed%s%s",
	       job->id,
	       run->valid ? mp_action_table[run->job.action].name : "unknown",
	       run->job.target[0] == '\0' ? "all" : run->job.target,
	       mp_job_state_name(p->state), p->done, p->failed,
	       p->text[0] == '\0' ? "" : ": ", p->text);

	worker_beat_count("jobs", 1);
	worker_beat_count("users_done", p->done);
	worker_beat_count("users_failed", p->failed);
}

static void worker_job_end_usage(struct worker_job *job, bool all)
{
	const char *error;

	if (all)
		worker_usage_done();
	worker_job_told(job);
	if (worker_journal_remove(usage_id, &error) < 0)
		i_error("%s", error);
}

static void worker_job_end(struct worker_job *job, enum mp_job_state state,
			   const char *text)
{
	struct worker_run *run = job->run;

	worker_load_stop(job);
	if (job->usage) {
		if (*text != '\0')
			i_warning("The usage of mailboxes: %s", text);
		worker_job_end_usage(job, state != MP_JOB_FAILED &&
						  state != MP_JOB_CANCELLED);
		return;
	}
	job->stage = WORKER_STAGE_ENDED;
	run->progress.state = state;
	run->progress.eta = 0;
	i_strocpy(run->progress.text, text, sizeof(run->progress.text));
	mp_time_format(run->progress.ended_at, ioloop_time);
	worker_users_read_end(&run->users);
	worker_job_log_end(job);
	worker_publish(job, TRUE);
}

void worker_job_fail(struct worker_job *job, const char *text)
{
	worker_job_end(job, MP_JOB_FAILED, text);
}

void worker_job_settle(struct worker_job *job)
{
	struct worker_run *run = job->run;

	if (job->stage != WORKER_STAGE_RUNNING || run->at_hand > 0)
		return;
	if (job->cancelled_by != NULL)
		worker_job_end(job, MP_JOB_CANCELLED, "");
	else if (worker_schedule_is_through(job)) {
		worker_job_end(job,
			       run->progress.failed > 0 ?
				       MP_JOB_DONE_WITH_FAILURES :
				       MP_JOB_DONE,
			       run->note != NULL ? run->note : "");
	}
}

static void worker_job_free(struct worker_job *job)
{
	timeout_remove(&job->to_forget);
	hash_table_remove(worker_jobs, (const char *)job->id);
	worker_run_free(job);
	i_free(job->cancelled_by);
	i_free(job);
}

static void worker_job_gone(struct worker_job *job)
{
	const char *error;

	if (!job->usage && worker_journal_finish(job->id, &error) < 0)
		i_error("%s", error);
	worker_job_free(job);
}

static void worker_job_forget(struct worker_job *job)
{
	timeout_remove(&job->to_forget);
	/* otherwise it is told again */
	if (worker_redis_is_up(worker.redis)) {
		DLLIST2_REMOVE(&told, &told_tail, job);
		worker_job_gone(job);
	}
}

void worker_job_told(struct worker_job *job)
{
	bool kept = job->run->valid && job->run->end_kept;

	DLLIST2_REMOVE(&working, &working_tail, job);
	worker_job_counts[job->class]--;
	worker_job_next_soon();
	/* what is not in the journal would be done again */
	if (!kept) {
		worker_job_gone(job);
		return;
	}
	worker_run_free(job);
	job->stage = WORKER_STAGE_TOLD;
	DLLIST2_APPEND(&told, &told_tail, job);
	job->to_forget =
		timeout_add(WORKER_JOB_KEEP_MSECS, worker_job_forget, job);
}

void worker_job_tell_again(void)
{
	struct worker_job *job;

	while ((job = told) != NULL) {
		timeout_remove(&job->to_forget);
		DLLIST2_REMOVE(&told, &told_tail, job);
		job->stage = WORKER_STAGE_WAITING;
		worker_job_insert(&waiting, &waiting_tail, job);
		worker_job_next_soon();
	}
}

void worker_job_cancel(struct worker_job *job, const char *by)
{
	const char *error;

	if (job->cancelled_by != NULL || job->stage >= WORKER_STAGE_ENDED)
		return;
	if (!job->usage &&
	    worker_journal_put(job->id, "cancel", by, strlen(by), &error) < 0)
		i_error("%s", error);
	job->cancelled_by = i_strdup(by);

	switch (job->stage) {
	case WORKER_STAGE_WAITING:
		worker_job_next_soon();
		break;
	case WORKER_STAGE_LISTING:
		worker_job_end(job, MP_JOB_CANCELLED, "");
		break;
	case WORKER_STAGE_RUNNING:
		worker_lanes_cancel(job);
		worker_job_settle(job);
		break;
	case WORKER_STAGE_LOADING:
	case WORKER_STAGE_ENDED:
	case WORKER_STAGE_TOLD:
		break;
	}
}

/* Sweeps of this node's own */

static bool worker_job_is_like(const char *id, const struct mp_job *job)
{
	struct mp_job other;

	return strcmp(id, usage_id) != 0 &&
	       worker_job_read(id, &other) == NULL &&
	       other.action == job->action &&
	       strcmp(other.created_by, job->created_by) == 0 &&
	       strcmp(other.target, job->target) == 0 &&
	       other.dry_run == job->dry_run;
}

static bool
worker_job_has_like(const struct worker_job *list, const struct mp_job *job)
{
	bool found = FALSE;

	for (; list != NULL && !found; list = list->next)
		T_BEGIN {
			/* one that has ended may wait long to be told */
			found = list->class == WORKER_CLASS_SWEEP &&
				list->stage < WORKER_STAGE_ENDED &&
				worker_job_is_like(list->id, job);
		}
	T_END;
	return found;
}

bool worker_job_begin(struct mp_job *job)
{
	unsigned char random[6];
	struct mp_json json;
	const char *error;
	int ret;

	if (job->created_by[0] == '\0') {
		i_strocpy(job->created_by, MP_JOB_OWN, sizeof(job->created_by));
	}
	if (worker_job_has_like(waiting, job) ||
	    worker_job_has_like(working, job))
		return FALSE;

	random_fill(random, sizeof(random));
	mp_job_id(job->id, i_microseconds() / 1000, random);
	mp_time_format(job->created_at, ioloop_time);
	job->node_count = 1;
	i_strocpy(job->node[0], worker.config.node, sizeof(job->node[0]));

	mp_json_init(&json);
	mp_job_render(&json, job);
	ret = worker_journal_put(job->id, "job", json.bytes, json.len, &error);
	mp_json_free(&json);
	if (ret < 0) {
		i_error("%s", error);
		return FALSE;
	}
	worker_job_add(job->id);
	return TRUE;
}

bool worker_job_begin_usage(void)
{
	const char *error;

	if (worker_job_find(usage_id) != NULL)
		return FALSE;
	if (worker_journal_put(usage_id, "job", "", 0, &error) < 0) {
		i_error("%s", error);
		return FALSE;
	}
	worker_job_add(usage_id);
	return TRUE;
}

void worker_job_init(void)
{
	const char *const *ids;
	const char *error;

	if (worker_journal_init(&error) < 0)
		i_fatal("%s", error);
	hash_table_create(&worker_jobs, default_pool, 0, str_hash, strcmp);
	for (ids = worker_journal_ids(); *ids != NULL; ids++)
		T_BEGIN {
			worker_job_add(*ids);
		}
	T_END;
}

static void
worker_job_free_all(struct worker_job **head, struct worker_job **tail)
{
	struct worker_job *job;

	while ((job = *head) != NULL) {
		DLLIST2_REMOVE(head, tail, job);
		worker_job_free(job);
	}
}

void worker_job_deinit(void)
{
	timeout_remove(&to_next);
	worker_job_free_all(&waiting, &waiting_tail);
	worker_job_free_all(&working, &working_tail);
	worker_job_free_all(&told, &told_tail);
	worker_userdb_deinit();
	hash_table_destroy(&worker_jobs);
	worker_journal_deinit();
}
