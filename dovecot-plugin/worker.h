#ifndef WORKER_H
#define WORKER_H

/*
 * What the files of the worker say to each other.  The worker opens no
 * mailbox: lanes do.  Data travels one way: queue -> journal -> schedule ->
 * lanes -> journal -> publish.
 */

#include "mp_job.h"
#include "mp_settings_log.h"
#include "worker-config.h"
#include "worker-redis.h"

struct worker {
	struct worker_config config;
	struct worker_redis *redis;   /* commands */
	struct worker_redis *follow;  /* blocks in XREADGROUP and XREAD */
	uint64_t settings;	      /* version in force here */
	const char *settings_problem; /* of worker-follow; NULL for none */
	const char *master_problem;   /* of worker-master; NULL for none */
	const char *log_problem;      /* of worker-log; NULL for none */
	const char *queue_problem;    /* of worker-queue; NULL for none */
};

/* the one worker of this process */
extern struct worker worker;

/*
 * worker-follow.c: reads new versions of the settings, and hands each that is
 * valid to worker_master_apply() and worker_sweep_apply(), once.
 */
void worker_follow_init(void);
void worker_follow_deinit(void);

/*
 * worker-master.c: the master passwd-file.  _init removes what has expired,
 * also without Redis.  worker.settings rises only when the file is in force.
 */
void worker_master_init(void);
void worker_master_deinit(void);
void worker_master_apply(const struct mp_version *version,
			 void (*in_force)(uint64_t version));

/*
 * worker-sweep.c: clearing, each day and on a change; usage, now and then.
 * What is applied before _init counts from then on.
 */
void worker_sweep_init(void);
void worker_sweep_deinit(void);
void worker_sweep_apply(const struct mp_version *version);

/* worker-log.c: logins from Dovecot's log: last login, master logins */
void worker_log_init(void);
void worker_log_deinit(void);

/* worker-beat.c: heartbeat and counters every MP_HEARTBEAT_EVERY seconds */
void worker_beat_init(void);
void worker_beat_deinit(void);
void worker_beat_count(const char *counter, uint64_t n);

/* worker-queue.c: takes jobs from the stream into the journal */
void worker_queue_init(void);
void worker_queue_deinit(void);
/* Takes no more. */
void worker_queue_stop(void);

/*
 * worker-status.c: tells who asked, in lines of text, how things stand.  waits
 * is what the worker waits for before it begins, NULL when it has begun.
 */
void worker_status_send(int fd, const char *waits);

/*
 * worker-job.c: begins a job of this node's own (a sweep), which is a job in
 * the list as others are; FALSE when one of the same kind is not at its end.
 * The id, times and node of job are set here.
 */
bool worker_job_begin(struct mp_job *job);

/*
 * worker-usage.c: what the usage sweep finds, user by user, as lanes answer;
 * done when all users were seen, with the totals.
 */
struct lane_answer;
void worker_usage_take(const char *user, const struct lane_answer *answer);
void worker_usage_done(void);
/* worker-job.c: begins a sweep that is in no list; FALSE: one is running */
bool worker_job_begin_usage(void);

#endif
