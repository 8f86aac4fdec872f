/*
 * Brings a job to where its users can be worked on: reads what the journal
 * has of it, and asks the userdb for its users if that was not done yet.  All
 * in small steps, for other jobs are under way meanwhile.
 */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "str.h"
#include "strescape.h"
#include "worker.h"
#include "worker-job.h"
#include "worker-lanes.h"

#include <stdio.h>
#include <unistd.h>

/* Lines that are read in one turn of the ioloop. */
#define WORKER_LOAD_LINES 2000

/* Dovecot's auth process may be starting anew. */
#define WORKER_LOAD_TRIES 10
#define WORKER_LOAD_RETRY_MSECS 1000

static void worker_load_list(struct worker_job *job);

static void worker_load_step(struct worker_job *job)
{
	T_BEGIN {
		job->run->load(job);
	}
	T_END;
}

/* Calls step again and again, until the next step is another. */
static void
worker_load_by(struct worker_job *job, void (*step)(struct worker_job *job))
{
	job->run->load = step;
	if (job->run->to_load == NULL) {
		job->run->to_load = timeout_add_short(0, worker_load_step, job);
	}
}

void worker_load_stop(struct worker_job *job)
{
	struct worker_run *run = job->run;

	timeout_remove(&run->to_load);
	worker_userdb_abort(&run->userdb);
	if (run->writer != NULL)
		worker_users_abort(&run->writer);
}

static void worker_load_ready(struct worker_job *job)
{
	struct worker_run *run = job->run;
	const char *error;

	timeout_remove(&run->to_load);
	worker_users_read_end(&run->users);
	run->next = 0;
	if (job->stage == WORKER_STAGE_ENDED) {
		worker_publish(job, TRUE);
		return;
	}
	if (worker_users_read(job->id, &run->users, &error) < 0) {
		worker_job_fail(job, error);
		return;
	}
	job->stage = WORKER_STAGE_RUNNING;
	run->progress.text[0] = '\0';
	run->progress.state = MP_JOB_RUNNING;
	worker_publish(job, TRUE);
	worker_job_settle(job);
	worker_lanes_wake();
}

/* Names, for items that were read from the journal */

static bool worker_load_name(ARRAY_TYPE(worker_item) * items, uint32_t index,
			     const char *user)
{
	struct worker_item *item;
	bool more = FALSE;

	array_foreach_modifiable(items, item) {
		if (item->item.target[0] != '\0')
			continue;
		if (item->index != index) {
			more = more || item->index > index;
			continue;
		}
		(void)i_strocpy(item->item.target, user,
				sizeof(item->item.target));
	}
	return more;
}

static void worker_load_names(struct worker_job *job)
{
	struct worker_run *run = job->run;
	const char *user, *error;
	bool errors, details;
	unsigned int n;

	for (n = 0; n < WORKER_LOAD_LINES; n++) {
		if (worker_users_next(run->users, &user, &error) <= 0) {
			worker_load_ready(job);
			return;
		}
		errors = worker_load_name(&run->errors, run->next, user);
		details = worker_load_name(&run->details, run->next, user);
		run->next++;
		if (!errors && !details) {
			worker_load_ready(job);
			return;
		}
	}
}

/* What was done */

static bool worker_load_end(struct worker_job *job, const char *const *fields)
{
	struct mp_progress *p = &job->run->progress;

	if (str_array_length(fields) < 4 ||
	    !mp_job_state_find(&p->state, fields[1]) ||
	    !mp_job_state_ended(p->state))
		return FALSE;
	(void)i_strocpy(p->ended_at, fields[2], sizeof(p->ended_at));
	(void)i_strocpy(p->text, fields[3], sizeof(p->text));
	p->eta = 0;
	job->stage = WORKER_STAGE_ENDED;
	job->run->end_kept = TRUE;
	return TRUE;
}

static bool worker_load_line(const char *line, void *context)
{
	struct worker_job *job = context;
	struct mp_progress *p = &job->run->progress;
	const char *const *fields;

	if (*line != 'b' && *line != 'e')
		return worker_take(job, NULL, line);
	fields = t_strsplit_tabescaped(line);
	if (strcmp(fields[0], "begun") == 0 && fields[1] != NULL) {
		(void)i_strocpy(p->started_at, fields[1],
				sizeof(p->started_at));
		return TRUE;
	}
	return strcmp(fields[0], "end") == 0 && worker_load_end(job, fields);
}

static void worker_load_replay(struct worker_job *job)
{
	struct worker_run *run = job->run;
	const char *error;

	if (run->done != NULL &&
	    worker_done_replay(run->done, WORKER_LOAD_LINES, worker_load_line,
			       job) > 0)
		return;
	array_clear(&run->pending);

	if (run->users == NULL) {
		if (job->stage == WORKER_STAGE_ENDED)
			worker_load_ready(job);
		else
			worker_load_list(job);
		return;
	}

	run->next = 0;
	worker_users_read_end(&run->users);
	if (worker_users_read(job->id, &run->users, &error) < 0) {
		worker_job_fail(job, error);
		return;
	}
	worker_load_by(job, worker_load_names);
}

/* How many there are, and whether the file is whole */

static void worker_load_again(struct worker_job *job, const char *why)
{
	struct worker_run *run = job->run;
	const char *error;

	i_error("Job %s: %s: its users are listed again, and it begins anew",
		job->id, why);
	worker_users_read_end(&run->users);
	worker_done_close(&run->done);
	i_unlink_if_exists(worker_journal_path(job->id, "users"));
	i_unlink_if_exists(worker_journal_path(job->id, "done"));
	run->progress.total = 0;
	if (worker_done_open(job->id, &run->done, &error) < 0)
		i_error("%s", error);
	timeout_remove(&run->to_load);
	worker_load_list(job);
}

static void worker_load_count(struct worker_job *job)
{
	struct worker_run *run = job->run;
	const char *user, *error;
	unsigned int n;
	int ret = 1;

	for (n = 0; n < WORKER_LOAD_LINES && ret > 0; n++) {
		ret = worker_users_next(run->users, &user, &error);
		if (ret > 0)
			run->progress.total++;
	}
	if (ret < 0)
		worker_load_again(job, error);
	else if (ret == 0)
		worker_load_by(job, worker_load_replay);
}

void worker_load(struct worker_job *job)
{
	struct worker_run *run = job->run;
	const char *error;

	if (access(worker_journal_path(job->id, "users"), F_OK) < 0) {
		worker_load_by(job, worker_load_replay);
		return;
	}
	if (worker_users_read(job->id, &run->users, &error) < 0)
		worker_job_fail(job, error);
	else
		worker_load_by(job, worker_load_count);
}

/* The list of users */

static void worker_load_found(const char *user, void *context)
{
	struct worker_job *job = context;

	/* the userdb may give others too; what is no text is counted */
	if (mp_job_covers(&job->run->job, t_str_lcase(user))) {
		worker_users_add(job->run->writer, user);
		job->run->found++;
	}
}

static void worker_load_listed(struct worker_job *job)
{
	struct worker_run *run = job->run;
	const char *error;

	if (worker_users_close(&run->writer, &error) < 0) {
		worker_job_fail(job, error);
		return;
	}
	run->progress.total = run->found;
	worker_load_ready(job);
}

/* The mailbox of a job for several nodes is on one of them. */
static void worker_load_missing(struct worker_job *job, const char *text)
{
	struct worker_run *run = job->run;

	if (run->job.node_count > 1) {
		run->note = "there is no such user on this node";
		worker_load_listed(job);
		return;
	}
	worker_users_abort(&run->writer);
	worker_job_fail(job, text);
}

static void worker_load_away(struct worker_job *job, const char *text)
{
	struct worker_run *run = job->run;

	if (++run->tries >= WORKER_LOAD_TRIES) {
		worker_job_fail(job, text);
		return;
	}
	i_strocpy(run->progress.text, text, sizeof(run->progress.text));
	worker_publish(job, FALSE);
	run->load = worker_load_list;
	run->to_load =
		timeout_add(WORKER_LOAD_RETRY_MSECS, worker_load_step, job);
}

static void worker_load_answered(enum worker_userdb_result result,
				 const char *text, void *context)
{
	struct worker_job *job = context;
	struct worker_run *run = job->run;

	run->userdb = NULL;
	if (result == WORKER_USERDB_FAILED || result == WORKER_USERDB_AWAY)
		worker_users_abort(&run->writer);

	switch (result) {
	case WORKER_USERDB_OK:
		if (strchr(run->job.target, '@') != NULL)
			worker_load_found(run->job.target, job);
		worker_load_listed(job);
		break;
	case WORKER_USERDB_MISSING:
		worker_load_missing(job, text);
		break;
	case WORKER_USERDB_FAILED:
		worker_job_fail(job, text);
		break;
	case WORKER_USERDB_AWAY:
		worker_load_away(job, text);
		break;
	}
}

static const struct worker_userdb_callbacks worker_load_lookup_callbacks = {
	.end = worker_load_answered,
};

static const struct worker_userdb_callbacks worker_load_list_callbacks = {
	.user = worker_load_found,
	.end = worker_load_answered,
};

static void worker_load_begun(struct worker_job *job)
{
	struct worker_run *run = job->run;
	const char *error;

	mp_time_format(run->progress.started_at, ioloop_time);
	if (run->done != NULL &&
	    worker_done_append(
		    run->done,
		    t_strdup_printf("begun\t%s\n", run->progress.started_at),
		    FALSE, &error) < 0)
		i_error("%s", error);
}

static void worker_load_list(struct worker_job *job)
{
	struct worker_run *run = job->run;
	const char *target = run->job.target;
	const char *error;

	timeout_remove(&run->to_load);
	job->stage = WORKER_STAGE_LISTING;
	if (job->cancelled_by != NULL) {
		job->stage = WORKER_STAGE_RUNNING;
		worker_job_settle(job);
		return;
	}
	if (run->progress.started_at[0] == '\0')
		worker_load_begun(job);
	run->found = 0;
	if (worker_users_write(job->id, &run->writer, &error) < 0) {
		worker_job_fail(job, error);
		return;
	}

	run->progress.state = MP_JOB_RUNNING;
	if (strchr(target, '@') != NULL) {
		run->userdb = worker_userdb_lookup(
			target, &worker_load_lookup_callbacks, job);
	} else {
		run->userdb =
			worker_userdb_list(*target == '\0' ? NULL : target,
					   &worker_load_list_callbacks, job);
	}
	worker_publish(job, TRUE);
}
