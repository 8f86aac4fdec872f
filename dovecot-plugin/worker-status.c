/* What doveadm mailportal status prints, also when Redis is away. */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "write-full.h"
#include "worker.h"
#include "worker-job.h"
#include "worker-lanes.h"

#include <unistd.h>

static void
worker_status_line(string_t *text, const char *name, const char *problem)
{
	str_printfa(text, "%-10s %s\n", name,
		    problem == NULL || *problem == '\0' ? "ok" : problem);
}

static void worker_status_parts(string_t *text)
{
	const char *redis = worker_redis_problem(worker.redis);

	str_printfa(text, "%-10s %s, process %s, version " MP_VERSION "\n",
		    "worker", worker.config.node, dec2str(getpid()));
	worker_status_line(text, "redis", redis);
	/* without Redis it cannot be otherwise */
	worker_status_line(text, "queue",
			   *redis != '\0' ? "waits for Redis" :
					    worker.queue_problem);
	worker_status_line(
		text, "settings",
		worker.settings_problem != NULL ? worker.settings_problem :
		worker.settings == 0		? "none in force" :
				       t_strdup_printf("version %" PRIu64,
						       worker.settings));
	worker_status_line(text, "master", worker.master_problem);
	worker_status_line(text, "log", worker.log_problem);
	if (worker_lanes_problem() != NULL) {
		worker_status_line(text, "lanes", worker_lanes_problem());
		return;
	}
	str_printfa(text, "%-10s %u at most, %u connected, %u at work\n",
		    "lanes", worker_lanes_max(), worker_lanes_connected(),
		    worker_lanes_busy());
}

static const char *const stages[] = {
	[WORKER_STAGE_WAITING] = "waits",
	[WORKER_STAGE_LOADING] = "reads its journal",
	[WORKER_STAGE_LISTING] = "asks for its users",
	[WORKER_STAGE_RUNNING] = "runs",
	[WORKER_STAGE_ENDED] = "at its end, Redis is to be told",
	[WORKER_STAGE_TOLD] = "at its end",
};

static void worker_status_job(string_t *text, const struct worker_job *job)
{
	const struct worker_run *run = job->run;
	const struct mp_progress *p = &run->progress;

	if (job->usage) {
		str_append(text, "sweep      usage of all mailboxes");
	} else {
		str_printfa(text, "job        %s %s %s", job->id,
			    run->valid ? mp_action_table[run->job.action].name :
					 "unknown",
			    run->job.target[0] == '\0' ? "all" :
							 run->job.target);
	}
	str_printfa(text, ": %s",
		    job->cancelled_by != NULL &&
				    job->stage != WORKER_STAGE_ENDED ?
			    "is being cancelled" :
			    stages[job->stage]);
	str_printfa(text,
		    ", %" PRIu64 " of %" PRIu64 " users, %" PRIu64 " failed",
		    p->done, p->total, p->failed);
	if (job->stage == WORKER_STAGE_RUNNING && p->eta >= 0)
		str_printfa(text, ", %" PRId64 " s left", p->eta);
	if (p->text[0] != '\0')
		str_printfa(text, ", %s", p->text);
	str_append_c(text, '\n');
}

void worker_status_send(int fd, const char *waits)
{
	string_t *text = t_str_new(1024);
	const struct worker_job *job;

	if (waits != NULL) {
		worker_status_line(text, "worker", waits);
	} else {
		worker_status_parts(text);
		for (job = worker_job_first(); job != NULL; job = job->next)
			worker_status_job(text, job);
		if (worker_job_waiting() > 0) {
			str_printfa(text, "waiting    %u jobs\n",
				    worker_job_waiting());
		}
	}
	/* it fits into the socket; who does not read it is not waited for */
	(void)write_full(fd, str_data(text), str_len(text));
}
