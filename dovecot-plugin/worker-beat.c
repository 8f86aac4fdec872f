/* The heartbeat, and counters on their way to Redis. */

#include "lib.h"
#include "ioloop.h"
#include "time-util.h"
#include "mp_heartbeat.h"
#include "mp_key.h"
#include "worker.h"
#include "worker-beat.h"
#include "worker-follow.h"
#include "worker-usage.h"

#include <stdio.h>
#include <unistd.h>

#define BEAT_COUNTERS_MAX 32

/* Changes that come together are one heartbeat. */
#define BEAT_SOON_MSECS 10

struct beat_counter {
	char name[32];
	uint64_t count;	  /* not sent yet */
	uint64_t sending; /* Redis has not confirmed it */
};

static struct {
	struct beat_counter counters[BEAT_COUNTERS_MAX];
	unsigned int count;
	bool sending;
	int64_t lag_msecs;
	struct timeout *to_beat, *to_soon;
} beat;

void worker_beat_count(const char *name, uint64_t n)
{
	struct beat_counter *counter = beat.counters;
	unsigned int i;

	for (i = 0; i < beat.count; i++, counter++) {
		if (strcmp(counter->name, name) == 0)
			break;
	}
	if (i == beat.count) {
		i_assert(beat.count < BEAT_COUNTERS_MAX);
		beat.count++;
		i_zero(counter);
		if (i_strocpy(counter->name, name, sizeof(counter->name)) < 0)
			i_unreached();
	}
	counter->count += n;
}

void worker_beat_lag(int64_t made)
{
	struct timeval now;

	/* the time is cut to seconds; the lag is at least what is left */
	i_gettimeofday(&now);
	beat.lag_msecs = (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000 -
			 (made * 1000 + 999);
	if (beat.lag_msecs < 0 || made == 0)
		beat.lag_msecs = 0;
}

/* Heartbeat */

static void beat_problems(struct mp_heartbeat *hb)
{
	const char *const problems[] = {
		worker.settings_problem, worker.master_problem,
		worker.log_problem,	 worker.queue_problem,
		worker_usage_problem(),
	};
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(problems); i++) {
		if (problems[i] == NULL)
			continue;
		(void)snprintf(hb->problem[hb->problem_count++],
			       sizeof(hb->problem[0]), "%s", problems[i]);
	}
}

static void beat_fill(struct mp_heartbeat *hb)
{
	i_zero(hb);
	(void)snprintf(hb->component, sizeof(hb->component), "dovecot");
	(void)snprintf(hb->node, sizeof(hb->node), "%s", worker.config.node);
	(void)snprintf(hb->build, sizeof(hb->build), "%s", MP_VERSION);
	hb->pid = getpid();
	hb->settings = worker.settings;
	hb->lag_msecs = beat.lag_msecs;
	hb->stale = worker_follow_is_stale();
	beat_problems(hb);
}

static void beat_send(void)
{
	struct mp_cmd cmds[2];
	struct mp_heartbeat hb;

	beat_fill(&hb);
	mp_cmd_init(&cmds[0]);
	mp_heartbeat_command(&cmds[0], &hb);
	mp_cmd_init(&cmds[1]);
	mp_heartbeat_index_command(&cmds[1], &hb, time(NULL));
	worker_redis_send(worker.redis, cmds, N_ELEMENTS(cmds), 0, NULL, NULL);
}

/* Counters */

static void beat_counted(const redisReply *reply, void *context ATTR_UNUSED)
{
	bool failed = worker_redis_error(reply) != NULL;
	unsigned int i;

	for (i = 0; i < beat.count; i++) {
		if (failed)
			beat.counters[i].count += beat.counters[i].sending;
		beat.counters[i].sending = 0;
	}
	beat.sending = FALSE;
}

static void beat_send_counters(void)
{
	struct mp_cmd cmds[BEAT_COUNTERS_MAX];
	struct mp_keyname key;
	unsigned int i, count = 0;

	if (beat.sending ||
	    !mp_key_name(&key, MP_KEY_STAT,
			 t_strconcat("dovecot:", worker.config.node, NULL)))
		return;

	for (i = 0; i < beat.count; i++) {
		struct beat_counter *counter = &beat.counters[i];

		if (counter->count == 0)
			continue;
		mp_cmd_init(&cmds[count]);
		mp_cmd_texts(&cmds[count], "HINCRBY", key.text, counter->name,
			     NULL);
		mp_cmd_number(&cmds[count++], (long long)counter->count);
		counter->sending = counter->count;
		counter->count = 0;
	}
	if (count == 0)
		return;
	beat.sending = TRUE;
	worker_redis_send(worker.redis, cmds, count, 0, beat_counted, NULL);
}

static void beat_now(void *context ATTR_UNUSED)
{
	timeout_remove(&beat.to_soon);
	if (!worker_redis_is_up(worker.redis))
		return;
	beat_send();
	beat_send_counters();
}

void worker_beat_now(void)
{
	if (beat.to_beat != NULL && beat.to_soon == NULL) {
		beat.to_soon =
			timeout_add_short(BEAT_SOON_MSECS, beat_now, NULL);
	}
}

void worker_beat_init(void)
{
	beat.to_beat = timeout_add(MP_HEARTBEAT_EVERY * 1000, beat_now, NULL);
	worker_beat_now();
}

void worker_beat_deinit(void)
{
	timeout_remove(&beat.to_beat);
	timeout_remove(&beat.to_soon);
}
