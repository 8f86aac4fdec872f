/*
 * Takes jobs from the stream of Redis into the journal.  An entry is
 * acknowledged when it is on the disk, or when nobody can do anything with it.
 */

#include "lib.h"
#include "ioloop.h"
#include "str.h"
#include "str-sanitize.h"
#include "mp_key.h"
#include "worker.h"
#include "worker-job.h"

#define WORKER_QUEUE_COUNT "100"
/* A stream that is deleted may leave a reader waiting: so it asks anew. */
#define WORKER_QUEUE_BLOCK_MSECS 1000
#define WORKER_QUEUE_RETRY_MSECS 1000
#define WORKER_QUEUE_CONSUMER "worker"

struct worker_queue {
	struct mp_keyname stream;
	/* entries that were given to us before; then the new ones */
	bool pending;
	bool stopped;
	char place[64]; /* of the pending ones */
	struct timeout *to_retry;
	char *problem;
};

/* fields of an entry; NULL: not there */
struct worker_queue_entry {
	const char *place;
	bool gone;
	const redisReply *op, *id, *job, *by;
};

static struct worker_queue queue;

static void worker_queue_read(void);
static void worker_queue_create(void);

static void worker_queue_tell(const char *problem)
{
	if (problem != NULL && null_strcmp(queue.problem, problem) != 0)
		i_error("%s", problem);
	i_free(queue.problem);
	queue.problem = i_strdup(problem);
	worker.queue_problem = queue.problem;
}

static void worker_queue_begin(void *context ATTR_UNUSED)
{
	queue.pending = TRUE;
	i_strocpy(queue.place, "0", sizeof(queue.place));
	timeout_remove(&queue.to_retry);
	if (!queue.stopped)
		worker_queue_create();
}

static void worker_queue_retry_now(struct worker_queue *self ATTR_UNUSED)
{
	timeout_remove(&queue.to_retry);
	if (worker_redis_is_up(worker.follow))
		worker_queue_begin(NULL);
}

static void worker_queue_retry(const char *problem)
{
	worker_queue_tell(problem);
	timeout_remove(&queue.to_retry);
	queue.to_retry = timeout_add(WORKER_QUEUE_RETRY_MSECS,
				     worker_queue_retry_now, &queue);
}

/* What an entry says */

static const redisReply *
worker_queue_field(const redisReply *fields, const char *name)
{
	size_t i;

	for (i = 0; i + 1 < fields->elements; i += 2) {
		const redisReply *key = fields->element[i];
		const redisReply *value = fields->element[i + 1];

		if (key != NULL && value != NULL &&
		    key->type == REDIS_REPLY_STRING &&
		    value->type == REDIS_REPLY_STRING &&
		    strcmp(key->str, name) == 0)
			return value;
	}
	return NULL;
}

static bool worker_queue_is(const redisReply *field, const char *text)
{
	return field != NULL && field->len == strlen(text) &&
	       memcmp(field->str, text, field->len) == 0;
}

static bool
worker_queue_entry(const redisReply *reply, struct worker_queue_entry *entry_r)
{
	const redisReply *fields;

	i_zero(entry_r);
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY ||
	    reply->elements < 2 || reply->element[0] == NULL ||
	    reply->element[0]->type != REDIS_REPLY_STRING)
		return FALSE;
	entry_r->place = reply->element[0]->str;
	fields = reply->element[1];
	/* one that was trimmed while it was pending has none */
	if (fields == NULL || fields->type != REDIS_REPLY_ARRAY) {
		entry_r->gone = TRUE;
		return TRUE;
	}
	entry_r->op = worker_queue_field(fields, "op");
	entry_r->id = worker_queue_field(fields, "id");
	entry_r->job = worker_queue_field(fields, "job");
	entry_r->by = worker_queue_field(fields, "by");
	return TRUE;
}

/* Each returns -1 when the entry must be read once more. */

static int
worker_queue_run(const char *id, const struct worker_queue_entry *entry)
{
	struct mp_job job;
	const char *error;
	size_t len;

	if (worker_job_find(id) != NULL || worker_journal_is_finished(id))
		return 0;
	/* no longer than what is surely refused when it is read */
	len = entry->job == NULL ?
		      0 :
		      I_MIN((size_t)entry->job->len, MP_JOB_JSON_MAX + 1);
	if (entry->job != NULL &&
	    mp_job_parse(&job, entry->job->str, entry->job->len, NULL) ==
		    MP_OK &&
	    !mp_job_is_for(&job, worker.config.node))
		return 0;
	/* what is wrong is found again by who reads it, and told in the job */
	if (worker_journal_put(id, "job",
			       entry->job == NULL ? "" : entry->job->str, len,
			       &error) < 0) {
		worker_queue_retry(error);
		return -1;
	}
	worker_job_add(id);
	return 0;
}

static void
worker_queue_cancel(const char *id, const struct worker_queue_entry *entry)
{
	struct worker_job *job = worker_job_find(id);
	const char *by = "nobody";

	if (entry->by != NULL && entry->by->len > 0)
		by = str_sanitize_utf8(entry->by->str, 120);
	if (job != NULL)
		worker_job_cancel(job, by);
}

static int worker_queue_take(const struct worker_queue_entry *entry)
{
	const char *id;

	if (entry->gone)
		return 0;
	if (entry->id == NULL ||
	    !mp_job_id_check(entry->id->str, entry->id->len, NULL)) {
		i_warning("The queue of jobs: entry %s has no id of a job, and "
			  "is dropped",
			  entry->place);
		return 0;
	}
	id = t_strdup(entry->id->str);
	if (worker_queue_is(entry->op, "run"))
		return worker_queue_run(id, entry);
	if (worker_queue_is(entry->op, "cancel")) {
		worker_queue_cancel(id, entry);
		return 0;
	}
	i_warning("The queue of jobs: entry %s for job %s wants neither run "
		  "nor cancel, and is dropped",
		  entry->place, id);
	return 0;
}

/* Reading */

static void worker_queue_acknowledge(struct mp_cmd *ack)
{
	worker_redis_send(worker.follow, ack, 1, 0, NULL, NULL);
}

/* Takes entries until one cannot be kept; how many were taken. */
static int worker_queue_take_all(const redisReply *entries)
{
	struct worker_queue_entry entry;
	struct mp_cmd ack;
	unsigned int taken = 0;
	bool ok = TRUE;
	size_t i;

	mp_cmd_init(&ack);
	mp_cmd_texts(&ack, "XACK", queue.stream.text, worker.config.node, NULL);
	for (i = 0; i < entries->elements && ok; i++)
		T_BEGIN {
			if (worker_queue_entry(entries->element[i], &entry)) {
				ok = worker_queue_take(&entry) == 0;
				if (ok) {
					mp_cmd_text(&ack, entry.place);
					taken++;
				}
				if (queue.pending) {
					(void)i_strocpy(queue.place,
							entry.place,
							sizeof(queue.place));
				}
			}
		}
	T_END;
	if (taken > 0)
		worker_queue_acknowledge(&ack);
	else
		mp_cmd_free(&ack);
	return ok ? 0 : -1;
}

/* The entries of our one stream; NULL: none, or no such answer */
static const redisReply *worker_queue_entries(const redisReply *reply)
{
	const redisReply *stream;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1)
		return NULL;
	stream = reply->element[0];
	if (stream == NULL || stream->type != REDIS_REPLY_ARRAY ||
	    stream->elements != 2 || stream->element[1] == NULL ||
	    stream->element[1]->type != REDIS_REPLY_ARRAY)
		return NULL;
	return stream->element[1];
}

static void worker_queue_refused(const char *error)
{
	/* deleted, or Redis came back empty */
	if (strncmp(error, "NOGROUP", 7) == 0 ||
	    strncmp(error, "UNBLOCKED", 9) == 0) {
		worker_queue_begin(NULL);
		return;
	}
	worker_queue_retry(
		t_strconcat("The queue of jobs cannot be read: ", error, NULL));
}

static void worker_queue_got(const redisReply *reply, void *context ATTR_UNUSED)
{
	const redisReply *entries;

	if (reply == NULL || queue.stopped)
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		worker_queue_refused(reply->str);
		return;
	}
	worker_queue_tell(NULL);
	entries = worker_queue_entries(reply);
	if (entries != NULL && entries->elements > 0) {
		if (worker_queue_take_all(entries) < 0)
			return;
	} else if (queue.pending) {
		queue.pending = FALSE;
	}
	worker_queue_read();
}

static void worker_queue_read(void)
{
	struct mp_cmd cmd;

	mp_cmd_init(&cmd);
	mp_cmd_texts(&cmd, "XREADGROUP", "GROUP", worker.config.node,
		     WORKER_QUEUE_CONSUMER, "COUNT", WORKER_QUEUE_COUNT, NULL);
	if (!queue.pending) {
		mp_cmd_text(&cmd, "BLOCK");
		mp_cmd_number(&cmd, WORKER_QUEUE_BLOCK_MSECS);
	}
	mp_cmd_texts(&cmd, "STREAMS", queue.stream.text,
		     queue.pending ? queue.place : ">", NULL);
	worker_redis_send(worker.follow, &cmd, 1,
			  queue.pending ? 0 : WORKER_QUEUE_BLOCK_MSECS,
			  worker_queue_got, NULL);
}

static void
worker_queue_created(const redisReply *reply, void *context ATTR_UNUSED)
{
	if (reply == NULL || queue.stopped)
		return;
	if (reply->type == REDIS_REPLY_ERROR &&
	    strncmp(reply->str, "BUSYGROUP", 9) != 0) {
		worker_queue_retry(t_strconcat(
			"The queue of jobs cannot be followed: ", reply->str,
			NULL));
		return;
	}
	worker_queue_read();
}

static void worker_queue_create(void)
{
	struct mp_cmd cmd;

	mp_cmd_init(&cmd);
	mp_cmd_texts(&cmd, "XGROUP", "CREATE", queue.stream.text,
		     worker.config.node, "0", "MKSTREAM", NULL);
	worker_redis_send(worker.follow, &cmd, 1, 0, worker_queue_created,
			  NULL);
}

void worker_queue_init(void)
{
	(void)mp_key_name(&queue.stream, MP_KEY_JOBS, "dovecot");
	worker.follow =
		worker_redis_init(&worker.config, "mailportal-worker-queue",
				  worker_queue_begin, NULL);
}

void worker_queue_stop(void)
{
	queue.stopped = TRUE;
	timeout_remove(&queue.to_retry);
}

void worker_queue_deinit(void)
{
	worker_queue_stop();
	worker_redis_deinit(&worker.follow);
	worker.queue_problem = NULL;
	i_free(queue.problem);
}
