/*
 * Begins the node's own work: clearing once a day, and at once when the
 * settings of it change; usage, now and then.  When each last began is in a
 * file, so that neither a restart nor a night's sleep makes a difference.
 */

#include "lib.h"
#include "ioloop.h"
#include "strnum.h"
#include "worker.h"
#include "worker-beat.h"
#include "worker-file.h"
#include "worker-job.h"
#include "worker-problem.h"
#include "worker-usage.h"

/* The clock may be set, or stand still while the machine sleeps. */
#define SWEEP_TICK_MSECS_MAX 1000
#define SWEEP_TICK_MSECS_MIN 100

/* Redis was away: usage is swept anew, though not at once. */
#define SWEEP_USAGE_AGAIN_SECS 30

#define SWEEP_FILE_MAX 1024
#define SWEEP_FILE_TAG "mailportal-sweep"
#define SWEEP_DUE "due"

static struct {
	char *path;
	unsigned int junk_days, trash_days; /* 0: never */
	bool due; /* the settings have changed since the last sweep */
	int64_t clear_at, usage_at; /* when the last one began, or 0 */
	int64_t usage_whole_at;	    /* when the last one began that was whole */
	char job[MP_JOB_ID_SIZE];   /* the last clearing, or "" */
	struct timeout *to_tick;
} sweep;

/* The settings, which come while the lanes of another worker still work. */
static struct {
	bool known;
	unsigned int junk_days, trash_days;
} told;

static void sweep_load(void)
{
	const char *text, *error, *const *args;
	int ret;

	ret = worker_file_read(sweep.path, SWEEP_FILE_MAX, &text, &error);
	if (ret < 0)
		i_warning("%s", error);
	if (ret <= 0)
		return;
	args = t_strsplit(t_strcut(text, '\n'), " ");
	if (str_array_length(args) != 7 ||
	    strcmp(args[0], SWEEP_FILE_TAG) != 0 ||
	    str_to_uint(args[1], &sweep.junk_days) < 0 ||
	    str_to_uint(args[2], &sweep.trash_days) < 0 ||
	    str_to_int64(args[4], &sweep.clear_at) < 0 ||
	    str_to_int64(args[5], &sweep.usage_whole_at) < 0) {
		i_warning("%s is not as it was written", sweep.path);
		sweep.junk_days = sweep.trash_days = 0;
		return;
	}
	sweep.usage_at = sweep.usage_whole_at;
	sweep.due = strcmp(args[3], SWEEP_DUE) == 0;
	if (mp_job_id_check(args[6], strlen(args[6]), NULL))
		memcpy(sweep.job, args[6], sizeof(sweep.job));
}

static void sweep_save(void)
{
	const struct worker_file how = {.mode = 0600, .gid = (gid_t)-1};
	const char *text, *error;

	text = t_strdup_printf(
		SWEEP_FILE_TAG " %u %u %s %" PRId64 " %" PRId64 " %s\n",
		sweep.junk_days, sweep.trash_days,
		sweep.due ? SWEEP_DUE : "begun", sweep.clear_at,
		sweep.usage_whole_at, sweep.job[0] == '\0' ? "-" : sweep.job);
	if (worker_file_write(sweep.path, &how, text, &error) < 0)
		i_error("%s", error);
}

/* A clock that was set back makes it due: once more does no harm. */
static bool sweep_is_due(int64_t last, int64_t now, unsigned int every_msecs)
{
	return now < last || (now - last) * 1000 >= (int64_t)every_msecs;
}

static void sweep_clear(int64_t now)
{
	struct mp_job job;

	if (sweep.junk_days == 0 && sweep.trash_days == 0)
		return;
	if (!sweep.due &&
	    !sweep_is_due(sweep.clear_at, now, worker.config.sweep_msecs))
		return;

	i_zero(&job);
	job.action = MP_ACTION_CLEAR_FOLDERS;
	job.rate = worker.config.sweep_rate;
	job.junk_days = sweep.junk_days;
	job.trash_days = sweep.trash_days;
	i_strocpy(job.created_by, MP_JOB_OWN, sizeof(job.created_by));

	/* the last one may still be at work, or end by its being cancelled */
	if (!worker_job_begin(&job))
		return;
	sweep.due = FALSE;
	sweep.clear_at = now;
	memcpy(sweep.job, job.id, sizeof(sweep.job));
	sweep_save();
	worker_beat_count("sweeps", 1);
}

static void sweep_usage(int64_t now)
{
	bool again = worker_usage_is_lost() &&
		     now - sweep.usage_at >= SWEEP_USAGE_AGAIN_SECS;

	if (!again &&
	    !sweep_is_due(sweep.usage_at, now, worker.config.usage_msecs))
		return;
	if (!worker_redis_is_up(worker.redis) || !worker_job_begin_usage())
		return;
	worker_usage_begin();
	sweep.usage_at = now;
}

/* One that a kill ends is begun anew. */
static void sweep_keep_usage(void)
{
	if (sweep.usage_whole_at != sweep.usage_at && worker_usage_is_whole()) {
		sweep.usage_whole_at = sweep.usage_at;
		sweep_save();
	}
}

static void sweep_tick(void *context ATTR_UNUSED)
{
	int64_t now = time(NULL);

	sweep_clear(now);
	sweep_keep_usage();
	sweep_usage(now);
}

/* What it deletes is not wanted any more, or something else is. */
static void sweep_cancel(void)
{
	struct worker_job *job = NULL;

	if (sweep.job[0] != '\0')
		job = worker_job_find(sweep.job);
	if (job != NULL)
		worker_job_cancel(job, MP_JOB_OWN);
}

static void sweep_apply(unsigned int junk_days, unsigned int trash_days)
{
	if (junk_days == sweep.junk_days && trash_days == sweep.trash_days)
		return;

	sweep.junk_days = junk_days;
	sweep.trash_days = trash_days;
	sweep.due = junk_days > 0 || trash_days > 0;
	sweep_save();
	sweep_cancel();
	sweep_tick(NULL);
}

void worker_sweep_apply(const struct mp_version *version)
{
	told.known = TRUE;
	told.junk_days = version->set.clearing_junk_days;
	told.trash_days = version->set.clearing_trash_days;
	if (sweep.path != NULL)
		sweep_apply(told.junk_days, told.trash_days);
}

void worker_sweep_init(void)
{
	unsigned int msecs =
		I_MIN(worker.config.sweep_msecs, worker.config.usage_msecs) / 4;

	i_zero(&sweep);
	sweep.path = i_strconcat(worker.config.state_dir, "/sweep", NULL);
	sweep_load();
	msecs = I_MAX(SWEEP_TICK_MSECS_MIN, I_MIN(msecs, SWEEP_TICK_MSECS_MAX));
	sweep.to_tick = timeout_add(msecs, sweep_tick, NULL);
	if (told.known)
		sweep_apply(told.junk_days, told.trash_days);
}

void worker_sweep_deinit(void)
{
	timeout_remove(&sweep.to_tick);
	worker_usage_deinit();
	i_free(sweep.path);
}
