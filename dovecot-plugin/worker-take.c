/* Counts what lanes answer, and keeps the first of what is worth a line. */

#include "lib.h"
#include "array.h"
#include "str.h"
#include "str-sanitize.h"
#include "common-wire.h"
#include "worker.h"
#include "worker-job.h"

void worker_take_init(struct worker_run *run)
{
	i_array_init(&run->errors, 4);
	i_array_init(&run->details, 4);
	i_array_init(&run->pending, 4);
}

void worker_take_deinit(struct worker_run *run)
{
	array_free(&run->errors);
	array_free(&run->details);
	array_free(&run->pending);
}

bool worker_take_is_done(const struct worker_run *run, uint32_t index)
{
	const unsigned char *bits = run->bits->data;

	return index / 8 < run->bits->used &&
	       (bits[index / 8] & (1 << (index % 8))) != 0;
}

static void worker_take_set_done(struct worker_run *run, uint32_t index)
{
	unsigned char *bits;

	if (index / 8 >= run->bits->used) {
		buffer_append_zero(run->bits, index / 8 + 1 - run->bits->used);
	}
	bits = buffer_get_modifiable_data(run->bits, NULL);
	bits[index / 8] |= 1 << (index % 8);
}

static struct mp_item *worker_take_item(struct worker_run *run,
					ARRAY_TYPE(worker_item) * items,
					uint32_t index, const char *user)
{
	struct worker_item *item;

	if (array_count(items) >= MP_ITEMS_MAX)
		return NULL;
	item = array_append_space(items);
	item->index = index;
	mp_item_init(&item->item);
	if (user != NULL) {
		i_strocpy(item->item.target,
			  str_sanitize_utf8(user, MP_JOB_TARGET_SIZE - 1),
			  sizeof(item->item.target));
	}
	run->dirty_items = TRUE;
	return &item->item;
}

static void worker_take_message(struct worker_run *run,
				const struct lane_reply *reply,
				const char *user)
{
	struct worker_item *first;
	struct mp_item *item;

	/* what is left of a user whose end was never written */
	if (array_count(&run->pending) > 0) {
		first = array_front_modifiable(&run->pending);
		if (first->index != reply->seq)
			array_clear(&run->pending);
	}
	item = worker_take_item(run, &run->pending, reply->seq, user);
	if (item == NULL)
		return;
	/* a name that is too long is cut */
	(void)i_strocpy(item->folder, reply->item.folder, sizeof(item->folder));
	item->uid = reply->item.uid;
	item->bytes = reply->item.bytes;
	mp_time_format(item->saved_at, reply->item.saved);
}

/* The items of a user who is done become details of the job. */
static void worker_take_messages(struct worker_run *run, uint32_t index)
{
	const struct worker_item *item;

	array_foreach(&run->pending, item) {
		if (item->index == index &&
		    array_count(&run->details) < MP_ITEMS_MAX)
			array_push_back(&run->details, item);
	}
	array_clear(&run->pending);
}

static void worker_take_drift(struct worker_run *run, uint32_t index,
			      const char *user,
			      const struct lane_answer *answer)
{
	struct mp_progress *p = &run->progress;
	struct mp_item *item;

	if (answer->before == answer->after)
		return;
	p->drifted++;
	p->bytes_before += answer->before;
	p->bytes_after += answer->after;
	item = worker_take_item(run, &run->details, index, user);
	if (item != NULL) {
		item->before = answer->before;
		item->after = answer->after;
	}
}

static void worker_take_failure(struct worker_run *run, uint32_t index,
				const char *user,
				const struct lane_answer *answer)
{
	struct mp_item *item;

	run->progress.failed++;
	item = worker_take_item(run, &run->errors, index, user);
	if (item != NULL) {
		(void)i_strocpy(item->text,
				answer->text == NULL ? "failed" : answer->text,
				sizeof(item->text));
	}
}

static void worker_take_answer(struct worker_job *job, uint32_t index,
			       const char *user,
			       const struct lane_answer *answer)
{
	struct worker_run *run = job->run;
	struct mp_progress *p = &run->progress;

	worker_take_set_done(run, index);
	p->done++;
	p->folders += answer->folders;
	p->messages += answer->messages;
	p->bytes += answer->bytes;

	if (answer->status == LANE_FAIL)
		worker_take_failure(run, index, user, answer);
	else if (answer->status == LANE_SKIP)
		p->skipped++;
	if (run->action.action == ACTION_RECALC && answer->status == LANE_OK)
		worker_take_drift(run, index, user, answer);
	worker_take_messages(run, index);
	if (job->usage && user != NULL)
		worker_usage_take(user, answer);
}

bool worker_take(struct worker_job *job, const char *user, const char *line)
{
	struct worker_run *run = job->run;
	struct lane_reply reply;
	const char *error;

	if (lane_wire_get_reply(line, &reply, &error) < 0 ||
	    reply.seq >= run->progress.total)
		return FALSE;
	/* who is done is done, though it were written twice */
	if (worker_take_is_done(run, reply.seq))
		return TRUE;
	if (reply.is_item)
		worker_take_message(run, &reply, user);
	else if (reply.answer.status != LANE_DROP)
		worker_take_answer(job, reply.seq, user, &reply.answer);
	return TRUE;
}

bool worker_take_lines(struct worker_job *job, const char *user,
		       const char *lines)
{
	bool ok = TRUE;

	T_BEGIN {
		const char *const *line = t_strsplit(lines, "\n");

		for (; *line != NULL; line++) {
			if (**line != '\0' && !worker_take(job, user, *line))
				ok = FALSE;
		}
	}
	T_END;
	return ok;
}
