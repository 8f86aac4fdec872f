#ifndef WORKER_JOB_H
#define WORKER_JOB_H

/*
 * A job of this node, from the queue entry to Redis' having taken its end:
 *
 *	waiting -> loading -> (listing ->) running -> ended -> told -> gone
 *
 * One that waits or is told is in the journal only.  Redis may lose its last
 * seconds: so one that is told waits anew when the connection was lost, and is
 * told once more.  What is known of the others is in struct worker_run: worker-load.c fills it, worker-schedule.c gives its users
 * away, worker-take.c counts what came of them, worker-publish.c tells Redis.
 */

#include "array-decl.h"
#include "mp_progress.h"
#include "action.h"
#include "lane-wire.h"
#include "worker-journal.h"
#include "worker-users.h"

/* Of each class so many are at work; others wait on the disk. */
#define WORKER_JOBS_MAX 8

/* In the order of urgency. */
enum worker_job_class {
	WORKER_CLASS_MAILBOX,
	WORKER_CLASS_DOMAIN,
	WORKER_CLASS_ALL,
	WORKER_CLASS_SWEEP,
	WORKER_CLASS_COUNT
};

enum worker_job_stage {
	WORKER_STAGE_WAITING,
	WORKER_STAGE_LOADING,
	WORKER_STAGE_LISTING,
	WORKER_STAGE_RUNNING,
	WORKER_STAGE_ENDED,
	WORKER_STAGE_TOLD,
};

/* A user that was taken from the list and is to be worked on later. */
struct worker_again {
	uint32_t index;
	unsigned int tries;
	uint64_t due_usecs; /* not before */
	char *user;
};

struct worker_item {
	uint32_t index;
	struct mp_item item; /* target "": that of the index */
};
ARRAY_DEFINE_TYPE(worker_item, struct worker_item);

struct worker_job;

/* How fast it was in the last seconds. */
struct worker_pace {
	uint64_t msecs;
	uint64_t done;
};
#define WORKER_PACES 8

struct worker_run {
	struct mp_job job;
	bool valid; /* FALSE: only the id of job is known */
	struct action_request action;
	struct mp_progress progress;

	struct worker_done *done;
	struct worker_users_reader *users;
	uint32_t next;	/* index of what users gives next */
	buffer_t *bits; /* a bit a user who is done */
	ARRAY(struct worker_again) again;
	unsigned int at_hand; /* users in lanes */
	uint64_t due_usecs;   /* by the rate; unix time */

	/* worker-load.c */
	struct timeout *to_load;
	void (*load)(struct worker_job *job);
	struct worker_userdb *userdb;
	struct worker_users_writer *writer;
	unsigned int tries;
	uint32_t found;
	const char *note; /* text of the end, if all goes well; or NULL */

	/* worker-take.c; pending are those of a user who is not done yet */
	ARRAY_TYPE(worker_item) errors, details, pending;

	/* worker-publish.c */
	struct timeout *to_publish;
	uint64_t published_msecs;
	bool publishing, dirty, dirty_items, ended_sent;
	bool end_kept; /* in the journal */
	struct worker_pace pace[WORKER_PACES];
	unsigned int paces;
};

struct worker_job {
	struct worker_job *prev, *next;
	char id[MP_JOB_ID_SIZE];
	enum worker_job_class class;
	enum worker_job_stage stage;
	char *cancelled_by;
	bool usage; /* a sweep that is in no list and in no journal */
	struct worker_run *run; /* NULL while it waits, or is told */
	struct timeout *to_forget;
};

/* worker-job.c */
void worker_job_init(void);
void worker_job_deinit(void);

/* Those that are at work, the most urgent and oldest first. */
struct worker_job *worker_job_first(void);
unsigned int worker_job_waiting(void);
struct worker_job *worker_job_find(const char *id);

/* The files of a new one are in the journal. */
void worker_job_add(const char *id);
void worker_job_cancel(struct worker_job *job, const char *by);

/* Redis is there: does a record say that its job is cancelled? */
void worker_job_ask_all(void);

/* Ends it if there is nothing left to do, and nobody works on it. */
void worker_job_settle(struct worker_job *job);
void worker_job_fail(struct worker_job *job, const char *text);
/* Redis has its end. */
void worker_job_told(struct worker_job *job);
/* Redis is there, perhaps without what it was told last. */
void worker_job_tell_again(void);

/* worker-load.c */
void worker_load(struct worker_job *job);
void worker_load_stop(struct worker_job *job);

/*
 * worker-take.c: takes lines of lane-wire.h about one user into the count;
 * user NULL: read from the journal.  FALSE when they are no such lines.
 */
bool worker_take(struct worker_job *job, const char *user, const char *line);
bool worker_take_lines(struct worker_job *job, const char *user,
		       const char *lines);
void worker_take_init(struct worker_run *run);
void worker_take_deinit(struct worker_run *run);
bool worker_take_is_done(const struct worker_run *run, uint32_t index);

/* worker-publish.c: soon, or at once for a change of the state */
void worker_publish(struct worker_job *job, bool at_once);
void worker_publish_stop(struct worker_job *job);
/* Redis is there, perhaps empty: everything anew. */
void worker_publish_all(void);
void worker_publish_deinit(void);

#endif
