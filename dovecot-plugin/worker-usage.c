/*
 * Usage of mailboxes into Redis, as the sweep goes on.  When it was at all
 * users, those that it did not meet are gone; each value says of which sweep
 * it is.
 */

#include "lib.h"
#include "hash.h"
#include "ioloop.h"
#include "lane-wire.h"
#include "mp_json.h"
#include "mp_key.h"
#include "mp_time.h"
#include "worker.h"
#include "worker-beat.h"
#include "worker-problem.h"
#include "worker-reply.h"
#include "worker-usage.h"

/* Mailboxes of one HSET, and how long the first of them waits. */
#define USAGE_BATCH 200
#define USAGE_BATCH_MSECS 500

/* Fields that HSCAN looks at in one go. */
#define USAGE_SCAN "500"

struct usage_totals {
	uint64_t mailboxes, used, failed, bytes, messages, sieve;
};

static struct {
	char at[MP_TIME_SIZE]; /* of the sweep */
	struct usage_totals totals;
	pool_t pool;
	HASH_TABLE(char *, char *) failed; /* their old values stay */
	struct mp_cmd batch;
	unsigned int batched;
	bool lost;	   /* Redis did not take all */
	bool whole;	   /* the totals are in Redis */
	unsigned int turn; /* replies of an earlier sweep find nobody */
	struct timeout *to_batch;
	const char *text;
	struct worker_problem problem;
} usage;

static void usage_key(struct mp_keyname *name_r, enum mp_key key)
{
	if (!mp_key_name(name_r, key, worker.config.node))
		i_panic("the name of a node is checked");
}

const char *worker_usage_problem(void)
{
	return usage.text;
}

bool worker_usage_is_lost(void)
{
	return usage.lost;
}

bool worker_usage_is_whole(void)
{
	return usage.whole;
}

/* Redis went, and comes again: the sweep is of no use any more. */
static bool usage_failed(const redisReply *reply)
{
	const char *error = worker_redis_error(reply);

	if (error == NULL)
		return FALSE;
	usage.lost = TRUE;
	if (reply != NULL) {
		worker_problem_set(&usage.problem,
				   "Redis does not take the usage: %s", error);
	}
	return TRUE;
}

/* One by one */

static void usage_sent(const redisReply *reply, void *context)
{
	if (POINTER_CAST_TO(context, unsigned int) == usage.turn)
		(void)usage_failed(reply);
}

static void usage_flush(void *context ATTR_UNUSED)
{
	timeout_remove(&usage.to_batch);
	if (usage.batched == 0)
		return;
	usage.batched = 0;
	worker_redis_send(worker.redis, &usage.batch, 1, 0, usage_sent,
			  POINTER_CAST(usage.turn));
}

static void usage_put(const char *user, const char *json, size_t len)
{
	struct mp_keyname key;

	if (usage.batched == 0) {
		usage_key(&key, MP_KEY_USAGE);
		mp_cmd_init(&usage.batch);
		mp_cmd_texts(&usage.batch, "HSET", key.text, NULL);
		usage.to_batch =
			timeout_add_short(USAGE_BATCH_MSECS, usage_flush, NULL);
	}
	mp_cmd_text(&usage.batch, user);
	mp_cmd_add(&usage.batch, json, len);
	if (++usage.batched == USAGE_BATCH)
		usage_flush(NULL);
}

/* What is known of a user who cannot be looked at is kept. */
static void usage_take_failed(const char *user)
{
	char *name = p_strdup(usage.pool, user);

	usage.totals.failed++;
	hash_table_update(usage.failed, name, name);
}

void worker_usage_take(const char *user, const struct lane_answer *answer)
{
	struct usage_totals *totals = &usage.totals;
	struct mp_json json;

	if (usage.pool == NULL || answer->status == LANE_DROP)
		return;
	totals->mailboxes++;
	if (answer->status == LANE_FAIL) {
		usage_take_failed(user);
		return;
	}
	if (answer->messages > 0)
		totals->used++;
	totals->bytes += answer->bytes;
	totals->messages += answer->messages;
	totals->sieve += answer->sieve;

	mp_json_init(&json);
	mp_json_object(&json, NULL);
	mp_json_number(&json, "bytes", (int64_t)answer->bytes);
	mp_json_number(&json, "messages", (int64_t)answer->messages);
	mp_json_number(&json, "limit", (int64_t)answer->limit);
	mp_json_number(&json, "sieve", (int64_t)answer->sieve);
	mp_json_text(&json, "at", usage.at);
	mp_json_end_object(&json);
	if (json.ok)
		usage_put(user, json.bytes, json.len);
	mp_json_free(&json);
}

/* At the end */

static void usage_end(const redisReply *reply, void *context)
{
	if (POINTER_CAST_TO(context, unsigned int) == usage.turn &&
	    !usage_failed(reply)) {
		usage.whole = TRUE;
		worker_problem_clear(&usage.problem);
	}
}

static void usage_put_totals(void)
{
	const struct usage_totals *totals = &usage.totals;
	struct mp_keyname key;
	struct mp_json json;
	struct mp_cmd cmd;

	mp_json_init(&json);
	mp_json_object(&json, NULL);
	mp_json_number(&json, "mailboxes", (int64_t)totals->mailboxes);
	mp_json_number(&json, "used", (int64_t)totals->used);
	mp_json_number(&json, "failed", (int64_t)totals->failed);
	mp_json_number(&json, "bytes", (int64_t)totals->bytes);
	mp_json_number(&json, "messages", (int64_t)totals->messages);
	mp_json_number(&json, "sieve", (int64_t)totals->sieve);
	mp_json_text(&json, "at", usage.at);
	mp_json_end_object(&json);

	usage_key(&key, MP_KEY_USAGE_TOTAL);
	mp_cmd_init(&cmd);
	mp_cmd_texts(&cmd, "SET", key.text, NULL);
	mp_cmd_add(&cmd, json.bytes, json.len);
	cmd.ok = cmd.ok && json.ok;
	worker_redis_send(worker.redis, &cmd, 1, 0, usage_end,
			  POINTER_CAST(usage.turn));
	mp_json_free(&json);
}

/* Whether the sweep that ends has met this user. */
static bool usage_is_met(const redisReply *user, const redisReply *value)
{
	const char *name = worker_reply_text(user);
	const char *json = worker_reply_text(value);
	const char *end = t_strdup_printf("\"at\":\"%s\"}", usage.at);

	if (name == NULL || json == NULL)
		return FALSE;
	return (strlen(json) >= strlen(end) &&
		strcmp(json + strlen(json) - strlen(end), end) == 0) ||
	       hash_table_lookup(usage.failed, name) != NULL;
}

/* Who is gone has no last login either. */
static void usage_remove(const redisReply *pairs)
{
	static const enum mp_key keys[] = {MP_KEY_USAGE, MP_KEY_LAST_LOGIN};
	struct mp_cmd cmds[N_ELEMENTS(keys)];
	struct mp_keyname key;
	unsigned int i, count = 0;
	size_t n;

	for (i = 0; i < N_ELEMENTS(keys); i++) {
		usage_key(&key, keys[i]);
		mp_cmd_init(&cmds[i]);
		mp_cmd_texts(&cmds[i], "HDEL", key.text, NULL);
	}
	for (n = 0; n + 1 < pairs->elements; n += 2) {
		const redisReply *user = pairs->element[n];

		if (user->type != REDIS_REPLY_STRING ||
		    usage_is_met(user, pairs->element[n + 1]))
			continue;
		for (i = 0; i < N_ELEMENTS(keys); i++)
			mp_cmd_add(&cmds[i], user->str, user->len);
		count++;
	}
	if (count > 0) {
		worker_redis_send(worker.redis, cmds, N_ELEMENTS(cmds), 0,
				  usage_sent, POINTER_CAST(usage.turn));
		return;
	}
	for (i = 0; i < N_ELEMENTS(keys); i++)
		mp_cmd_free(&cmds[i]);
}

static void usage_scan(const char *cursor);

static void usage_scanned(const redisReply *reply, void *context)
{
	const char *cursor;

	if (POINTER_CAST_TO(context, unsigned int) != usage.turn ||
	    usage_failed(reply))
		return;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
	    reply->element[1]->type != REDIS_REPLY_ARRAY)
		return;
	cursor = worker_reply_text(reply->element[0]);
	usage_remove(reply->element[1]);
	if (cursor != NULL && strcmp(cursor, "0") != 0)
		usage_scan(cursor);
	else
		usage_put_totals();
}

static void usage_scan(const char *cursor)
{
	struct mp_keyname key;
	struct mp_cmd cmd;

	usage_key(&key, MP_KEY_USAGE);
	mp_cmd_init(&cmd);
	mp_cmd_texts(&cmd, "HSCAN", key.text, cursor, "COUNT", USAGE_SCAN,
		     NULL);
	worker_redis_send(worker.redis, &cmd, 1, 0, usage_scanned,
			  POINTER_CAST(usage.turn));
}

void worker_usage_done(void)
{
	if (usage.pool == NULL)
		return;
	usage_flush(NULL);
	/* what Redis has not taken would look as if it were gone */
	if (!usage.lost)
		usage_scan("0");
}

void worker_usage_begin(void)
{
	worker_usage_deinit();
	mp_time_format(usage.at, time(NULL));
	usage.problem.slot = &usage.text;
	usage.pool = pool_alloconly_create("usage", 1024);
	hash_table_create(&usage.failed, usage.pool, 0, str_hash, strcmp);
}

void worker_usage_deinit(void)
{
	timeout_remove(&usage.to_batch);
	if (usage.batched > 0)
		mp_cmd_free(&usage.batch);
	if (usage.pool != NULL) {
		hash_table_destroy(&usage.failed);
		pool_unref(&usage.pool);
	}
	usage.batched = 0;
	usage.lost = usage.whole = FALSE;
	usage.turn++;
	i_zero(&usage.totals);
}
