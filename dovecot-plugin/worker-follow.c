/* Follows the settings: what is read is judged by what is in force. */

#include "lib.h"
#include "ioloop.h"
#include "str.h"
#include "strnum.h"
#include "mp_key.h"
#include "mp_time.h"
#include "worker.h"
#include "worker-beat.h"
#include "worker-file.h"
#include "worker-follow.h"
#include "worker-problem.h"
#include "worker-reply.h"

/* How long one read blocks.  It does not wake when the stream is deleted. */
#define FOLLOW_BLOCK_MSECS 1000

/* After an answer that says nothing. */
#define FOLLOW_RETRY_MSECS 1000

#define FOLLOW_FILE_MAX 1024

/* The newest version that was taken. */
struct follow_known {
	uint64_t number; /* 0 for none */
	char epoch[MP_EPOCH_SIZE];
	char hash[MP_HASH_HEX];
};

static struct {
	struct worker_redis *redis;
	struct follow_known known;
	struct mp_version next; /* to be judged by what Redis has of known */
	char *path;
	uint64_t seen; /* read up to here, be it taken or refused */
	int64_t made;  /* when the version was made that comes into force */
	bool handed;   /* known was handed on by this process */
	bool saved;    /* known is in the file */
	bool behind;   /* Redis is older, or has another history */
	bool refused;  /* the newest version is not valid */
	struct timeout *to_look;
	struct worker_problem problem;
} follow;

static void follow_look(void);
static void follow_read(void);

/* What a restart must know */

static void follow_load(void)
{
	struct follow_known *known = &follow.known;
	const char *text, *error, *const *args;

	if (worker_file_read(follow.path, FOLLOW_FILE_MAX, &text, &error) <= 0)
		return;
	args = t_strsplit(t_strcut(text, '\n'), " ");
	if (str_array_length(args) != 3 ||
	    str_to_uint64(args[0], &known->number) < 0 ||
	    strlen(args[1]) != sizeof(known->epoch) - 1 ||
	    strlen(args[2]) != sizeof(known->hash) - 1) {
		i_warning("%s is not as it was written", follow.path);
		i_zero(known);
		return;
	}
	memcpy(known->epoch, args[1], sizeof(known->epoch));
	memcpy(known->hash, args[2], sizeof(known->hash));
	follow.saved = TRUE;
}

static void follow_save(void)
{
	const struct worker_file how = {.mode = 0600, .gid = (gid_t)-1};
	const char *text, *error;

	text = t_strdup_printf("%" PRIu64 " %s %s\n", follow.known.number,
			       follow.known.epoch, follow.known.hash);
	if (worker_file_write(follow.path, &how, text, &error) == 0)
		follow.saved = TRUE;
	else {
		worker_problem_set(&follow.problem,
				   "the version of the settings is not kept: "
				   "%s",
				   error);
	}
}

/* Judging */

static void follow_in_force(uint64_t version)
{
	worker.settings = version;
	worker_beat_lag(follow.made);
	worker_beat_now();
}

static void follow_hand_on(const struct mp_version *version)
{
	follow.handed = TRUE;
	follow.made = 0;
	(void)mp_time_parse(&follow.made, version->at, strlen(version->at));
	worker_sweep_apply(version);
	worker_master_apply(version, follow_in_force);
}

/* The version in Redis is the one that we know. */
static void follow_good(const struct mp_version *version)
{
	follow.behind = FALSE;
	follow.refused = FALSE;
	if (!follow.saved)
		follow_save();
	if (follow.saved)
		worker_problem_clear(&follow.problem);
	if (!follow.handed)
		follow_hand_on(version);
	follow_read();
}

static void follow_adopt(const struct mp_version *version)
{
	follow.known.number = version->number;
	memcpy(follow.known.epoch, version->epoch, sizeof(follow.known.epoch));
	memcpy(follow.known.hash, version->hash, sizeof(follow.known.hash));
	follow.saved = FALSE;
	follow.handed = FALSE;
	follow_good(version);
}

static void follow_retry(void *context ATTR_UNUSED)
{
	timeout_remove(&follow.to_look);
	follow_look();
}

/* In place of a read, which might return at once, again and again. */
static void follow_pause(void)
{
	timeout_remove(&follow.to_look);
	follow.to_look =
		timeout_add_short(FOLLOW_RETRY_MSECS, follow_retry, NULL);
}

static void follow_behind(const char *what, uint64_t number)
{
	follow.behind = TRUE;
	worker_problem_set(&follow.problem,
			   "settings version %" PRIu64 " in Redis %s version "
			   "%" PRIu64 " in force",
			   number, what, follow.known.number);
	follow_pause();
}

static void follow_refuse(const redisReply *entry, const struct mp_error *err)
{
	const char *id = NULL;

	if (entry->type == REDIS_REPLY_ARRAY && entry->elements > 0)
		id = worker_reply_text(entry->element[0]);

	follow.refused = TRUE;
	worker_problem_set(&follow.problem,
			   "settings version %s is refused: %s%s%s",
			   id == NULL ? "" : t_strcut(id, '-'), err->field,
			   err->field[0] == '\0' ? "" : " ", err->text);
	follow_pause();
}

/* Redis objects, or the connection is lost; another one begins by a look. */
static bool follow_failed(const redisReply *reply)
{
	const char *error = worker_redis_error(reply);

	if (error == NULL)
		return FALSE;
	if (reply != NULL) {
		follow.behind = TRUE;
		worker_problem_set(&follow.problem,
				   "Redis does not give the settings: %s",
				   error);
		follow_pause();
	}
	return TRUE;
}

/* The version that we know, as Redis has it; trimmed is as good. */
static void follow_anchored(const redisReply *reply, void *context ATTR_UNUSED)
{
	const redisReply *entry = worker_reply_one(reply);
	struct mp_version theirs;

	if (follow_failed(reply))
		return;
	if (entry == NULL || (mp_version_parse(&theirs, entry, NULL) == MP_OK &&
			      strcmp(theirs.hash, follow.known.hash) == 0))
		follow_adopt(&follow.next);
	else
		follow_behind("does not follow from", follow.next.number);
}

static void follow_anchor(void)
{
	struct mp_cmd cmd;
	const char *id;

	id = t_strdup_printf("%" PRIu64 "-0", follow.known.number);
	mp_cmd_init(&cmd);
	mp_cmd_texts(&cmd, "XRANGE", mp_key(MP_KEY_SETTINGS), id, id, NULL);
	worker_redis_send(follow.redis, &cmd, 1, 0, follow_anchored, NULL);
}

static void follow_judge(const struct mp_version *version)
{
	const struct follow_known *known = &follow.known;

	if (known->number == 0 || strcmp(known->epoch, version->epoch) != 0)
		follow_adopt(version);
	else if (version->number < known->number)
		follow_behind("is older than", version->number);
	else if (version->number > known->number) {
		follow.next = *version;
		follow_anchor();
	} else if (strcmp(known->hash, version->hash) != 0)
		follow_behind("is not the", version->number);
	else
		follow_good(version);
}

/* Reading */

static void follow_looked(const redisReply *reply, void *context ATTR_UNUSED)
{
	const redisReply *entry;
	struct mp_version version;
	struct mp_error err;

	if (follow_failed(reply))
		return;
	entry = worker_reply_one(reply);
	if (entry == NULL) {
		follow.behind = TRUE;
		worker_problem_set(&follow.problem, "Redis has no settings");
		follow_pause();
	} else if (mp_version_parse(&version, entry, &err) == MP_OK)
		follow_judge(&version);
	else
		follow_refuse(entry, &err);
}

static void follow_look(void)
{
	struct mp_cmd cmd;

	if (!worker_redis_is_up(follow.redis))
		return;
	mp_cmd_init(&cmd);
	mp_cmd_texts(&cmd, "XREVRANGE", mp_key(MP_KEY_SETTINGS), "+", "-",
		     "COUNT", "1", NULL);
	worker_redis_send(follow.redis, &cmd, 1, 0, follow_looked, NULL);
}

/* What has come is the head of the stream, or will be looked at as such. */
static void follow_woken(const redisReply *reply, void *context ATTR_UNUSED)
{
	if (!follow_failed(reply))
		follow_look();
}

static void follow_read(void)
{
	struct mp_cmd cmd;

	if (!worker_redis_is_up(follow.redis))
		return;
	mp_cmd_init(&cmd);
	mp_cmd_texts(&cmd, "XREAD", "COUNT", "1", "BLOCK", NULL);
	mp_cmd_number(&cmd, FOLLOW_BLOCK_MSECS);
	mp_cmd_texts(&cmd, "STREAMS", mp_key(MP_KEY_SETTINGS),
		     t_strdup_printf("%" PRIu64 "-0", follow.known.number),
		     NULL);
	worker_redis_send(follow.redis, &cmd, 1, FOLLOW_BLOCK_MSECS,
			  follow_woken, NULL);
}

static void follow_connected(void *context ATTR_UNUSED)
{
	timeout_remove(&follow.to_look);
	follow_look();
}

void worker_follow_found(const char *epoch, uint64_t version)
{
	const struct follow_known *known = &follow.known;

	if (version > 0 && version == known->number &&
	    strcmp(epoch, known->epoch) == 0)
		worker.settings = version;
}

bool worker_follow_is_stale(void)
{
	return !worker_redis_is_up(follow.redis) || follow.behind ||
	       follow.refused;
}

void worker_follow_init(void)
{
	i_zero(&follow);
	follow.problem.slot = &worker.settings_problem;
	follow.path = i_strconcat(worker.config.state_dir, "/settings", NULL);
	follow_load();
	follow.redis = worker_redis_init(&worker.config, "mailportal-settings",
					 follow_connected, NULL);
}

void worker_follow_deinit(void)
{
	worker_redis_deinit(&follow.redis);
	timeout_remove(&follow.to_look);
	i_free(follow.path);
}
