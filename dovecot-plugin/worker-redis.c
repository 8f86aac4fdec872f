/* Redis in Dovecot's ioloop: hiredis' asynchronous half, with deadlines. */

#include "lib.h"
#include "fd-util.h"
#include "ioloop.h"
#include "llist.h"
#include "net.h"
#include "safe-memset.h"
#include "mp_info.h"
#include "worker-config.h"
#include "worker-redis.h"

#include <fcntl.h>
#include <unistd.h>
#include <hiredis/async.h>

#define WORKER_REDIS_BACKOFF_MIN_MSECS 50
#define WORKER_REDIS_BACKOFF_MAX_MSECS 2000
#define WORKER_REDIS_PASSWORD_MAX 512

/* a command whose reply is to come */
struct worker_redis_wait {
	struct worker_redis_wait *prev, *next;
	struct worker_redis *redis;
	unsigned int block_msecs;
	bool within; /* of a MULTI: the reply is only "QUEUED" */
	worker_redis_callback_t *callback;
	void *context;
};

struct worker_redis {
	const struct worker_config *config;
	char *name;
	void (*connected)(void *context);
	void *context;

	redisAsyncContext *async; /* NULL: waits to connect again */
	struct io *io_read, *io_write;
	struct timeout *to_deadline, *to_connect;
	struct worker_redis_wait *waits, *waits_tail;
	unsigned int backoff_msecs;
	char *problem, *told;
	bool up;
	bool doubtful; /* it may be no master any more */
};

static void worker_redis_connect(struct worker_redis *redis);

/* hiredis <-> ioloop */

static void worker_redis_readable(struct worker_redis *redis)
{
	redisAsyncHandleRead(redis->async);
}

static void worker_redis_writable(struct worker_redis *redis)
{
	redisAsyncHandleWrite(redis->async);
}

static void worker_redis_add_read(void *context)
{
	struct worker_redis *redis = context;

	if (redis->io_read == NULL && redis->async != NULL) {
		redis->io_read = io_add(redis->async->c.fd, IO_READ,
					worker_redis_readable, redis);
	}
}

static void worker_redis_del_read(void *context)
{
	struct worker_redis *redis = context;

	io_remove(&redis->io_read);
}

static void worker_redis_add_write(void *context)
{
	struct worker_redis *redis = context;

	if (redis->io_write == NULL && redis->async != NULL) {
		redis->io_write = io_add(redis->async->c.fd, IO_WRITE,
					 worker_redis_writable, redis);
	}
}

static void worker_redis_del_write(void *context)
{
	struct worker_redis *redis = context;

	io_remove(&redis->io_write);
}

static void worker_redis_cleanup(void *context)
{
	worker_redis_del_read(context);
	worker_redis_del_write(context);
}

/* The end of a connection */

static void worker_redis_tell(struct worker_redis *redis, const char *problem)
{
	i_free(redis->problem);
	redis->problem =
		i_strdup_printf("Redis %s: %s", redis->config->redis, problem);

	/* each trouble once, however long it lasts */
	if (null_strcmp(redis->told, redis->problem) != 0) {
		i_free(redis->told);
		redis->told = i_strdup(redis->problem);
		i_warning("%s", redis->problem);
	}
}

static void worker_redis_retry(struct worker_redis *redis, const char *problem)
{
	worker_redis_tell(redis, problem);

	timeout_remove(&redis->to_connect);
	redis->to_connect =
		timeout_add(redis->backoff_msecs, worker_redis_connect, redis);
	redis->backoff_msecs =
		I_MIN(redis->backoff_msecs * 2, WORKER_REDIS_BACKOFF_MAX_MSECS);
}

/* hiredis frees the context itself, or the caller does it next. */
static void worker_redis_lost(struct worker_redis *redis, const char *problem)
{
	if (redis->async == NULL)
		return;

	redis->async = NULL;
	redis->up = FALSE;
	redis->doubtful = FALSE;
	timeout_remove(&redis->to_deadline);
	worker_redis_retry(redis, problem);
}

static void worker_redis_drop(struct worker_redis *redis, const char *problem)
{
	redisAsyncContext *async = redis->async;

	if (async == NULL)
		return;
	/* first, so that nobody who is told sends on it again */
	worker_redis_lost(redis, problem);
	worker_redis_cleanup(redis);
	redisAsyncFree(async);
}

static void worker_redis_deadline(struct worker_redis *redis)
{
	worker_redis_drop(redis, "does not answer in time");
}

static void worker_redis_set_deadline(struct worker_redis *redis)
{
	timeout_remove(&redis->to_deadline);
	if (redis->waits == NULL || redis->async == NULL)
		return;
	redis->to_deadline = timeout_add(redis->config->redis_timeout_msecs +
						 redis->waits->block_msecs,
					 worker_redis_deadline, redis);
}

/* Commands and replies */

static void worker_redis_judge(struct worker_redis *redis,
			       const redisReply *reply, bool within)
{
	enum mp_status status;

	if (reply->type != REDIS_REPLY_ERROR)
		return;
	if (within)
		i_warning("Redis refuses a command: %s", reply->str);
	else if (strncmp(reply->str, "EXECABORT", 9) == 0)
		return; /* what was refused is judged already */

	status = mp_redis_error_status(reply->str);
	if (status == MP_REDIS_READONLY || status == MP_REDIS_AWAY)
		redis->doubtful = TRUE;
}

static void
worker_redis_reply(redisAsyncContext *async, void *data, void *context)
{
	struct worker_redis_wait *wait = context;
	struct worker_redis *redis = wait->redis;
	const redisReply *reply = data;

	if (reply == NULL && redis->async == async) {
		worker_redis_lost(
			redis, async->errstr != NULL && *async->errstr != '\0' ?
				       async->errstr :
				       "the connection ended");
	}
	DLLIST2_REMOVE(&redis->waits, &redis->waits_tail, wait);
	if (reply != NULL) {
		worker_redis_set_deadline(redis);
		worker_redis_judge(redis, reply, wait->within);
	}
	if (wait->callback != NULL)
		wait->callback(reply, wait->context);
	i_free(wait);

	if (redis->doubtful && redis->waits == NULL)
		worker_redis_drop(redis, "is no master any more");
}

static void worker_redis_put(struct worker_redis *redis, struct mp_cmd *cmd,
			     bool within, unsigned int block_msecs,
			     worker_redis_callback_t *callback, void *context)
{
	struct worker_redis_wait *wait;
	const char **argv = mp_cmd_argv(cmd);

	if (argv == NULL)
		i_fatal_status(FATAL_OUTOFMEM, "no memory");

	wait = i_new(struct worker_redis_wait, 1);
	wait->redis = redis;
	wait->within = within;
	wait->block_msecs = block_msecs;
	wait->callback = callback;
	wait->context = context;

	if (redis->async == NULL ||
	    redisAsyncCommandArgv(redis->async, worker_redis_reply, wait,
				  cmd->argc, argv, cmd->lens) != REDIS_OK) {
		i_free(wait);
		if (callback != NULL)
			callback(NULL, context);
		return;
	}
	DLLIST2_APPEND(&redis->waits, &redis->waits_tail, wait);
	if (redis->waits == wait)
		worker_redis_set_deadline(redis);
}

static void worker_redis_words(struct worker_redis *redis,
			       const char *const *words,
			       worker_redis_callback_t *callback)
{
	struct mp_cmd cmd;

	mp_cmd_init(&cmd);
	for (; *words != NULL; words++)
		mp_cmd_text(&cmd, *words);
	worker_redis_put(redis, &cmd, FALSE, 0, callback, redis);
	/* a password may have been in it */
	safe_memset(cmd.bytes, 0, cmd.used);
	mp_cmd_free(&cmd);
}

void worker_redis_send(struct worker_redis *redis, struct mp_cmd *cmds,
		       unsigned int count, unsigned int block_msecs,
		       worker_redis_callback_t *callback, void *context)
{
	static const char *const multi[] = {"MULTI", NULL};
	struct mp_cmd exec;
	unsigned int i;

	i_assert(count > 0);

	if (!redis->up) {
		if (callback != NULL)
			callback(NULL, context);
	} else if (count == 1) {
		worker_redis_put(redis, &cmds[0], FALSE, block_msecs, callback,
				 context);
	} else {
		worker_redis_words(redis, multi, NULL);
		for (i = 0; i < count; i++)
			worker_redis_put(redis, &cmds[i], TRUE, 0, NULL, NULL);
		mp_cmd_init(&exec);
		mp_cmd_text(&exec, "EXEC");
		worker_redis_put(redis, &exec, FALSE, block_msecs, callback,
				 context);
		mp_cmd_free(&exec);
	}
	for (i = 0; i < count; i++)
		mp_cmd_free(&cmds[i]);
}

const char *worker_redis_error(const redisReply *reply)
{
	size_t i;

	if (reply == NULL)
		return "the connection to Redis was lost";
	if (reply->type == REDIS_REPLY_ERROR)
		return reply->str;
	if (reply->type != REDIS_REPLY_ARRAY)
		return NULL;
	for (i = 0; i < reply->elements; i++) {
		if (reply->element[i] != NULL &&
		    reply->element[i]->type == REDIS_REPLY_ERROR)
			return reply->element[i]->str;
	}
	return NULL;
}

/* The greeting: all at once, a round trip */

static bool worker_redis_role(const redisReply *reply, const char **error_r)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1 ||
	    reply->element[0] == NULL ||
	    reply->element[0]->type != REDIS_REPLY_STRING) {
		*error_r = "the answer of ROLE is not Redis's";
		return FALSE;
	}
	if (strcmp(reply->element[0]->str, "master") != 0) {
		*error_r = t_strdup_printf("this is a %.16s, not the master",
					   reply->element[0]->str);
		return FALSE;
	}
	return TRUE;
}

static bool worker_redis_info(const redisReply *reply, const char **error_r)
{
	struct mp_error err;

	if (reply->type != REDIS_REPLY_STRING) {
		*error_r = "the answer of INFO is not Redis's";
		return FALSE;
	}
	if (mp_info_check(reply->str, reply->len, &err) != MP_OK) {
		*error_r =
			err.field[0] == '\0' ?
				t_strdup(err.text) :
				t_strdup_printf("%s %s", err.field, err.text);
		return FALSE;
	}
	return TRUE;
}

static void worker_redis_greeted(const redisReply *reply, void *context)
{
	struct worker_redis *redis = context;

	if (reply != NULL && reply->type == REDIS_REPLY_ERROR)
		worker_redis_drop(redis, reply->str);
}

static void worker_redis_greeted_role(const redisReply *reply, void *context)
{
	struct worker_redis *redis = context;
	const char *error;

	if (reply == NULL)
		return;
	worker_redis_greeted(reply, redis);
	if (redis->async != NULL && !worker_redis_role(reply, &error))
		worker_redis_drop(redis, error);
}

static void worker_redis_greeted_info(const redisReply *reply, void *context)
{
	struct worker_redis *redis = context;
	const char *error;

	if (reply == NULL)
		return;
	worker_redis_greeted(reply, redis);
	if (redis->async == NULL)
		return;
	if (!worker_redis_info(reply, &error)) {
		worker_redis_drop(redis, error);
		return;
	}

	if (redis->told != NULL)
		i_info("Redis %s is there again", redis->config->redis);
	i_free(redis->told);
	i_free(redis->problem);
	redis->backoff_msecs = WORKER_REDIS_BACKOFF_MIN_MSECS;
	redis->up = TRUE;
	if (redis->connected != NULL)
		redis->connected(redis->context);
}

/* The first line; a file that was changed is read anew each time. */
static int
worker_redis_password(const char *path, char password_r[], const char **error_r)
{
	ssize_t ret = -1;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		ret = read(fd, password_r, WORKER_REDIS_PASSWORD_MAX - 1);
		i_close_fd(&fd);
	}
	if (ret < 0) {
		*error_r = t_strdup_printf("redis_password_file %s: %m", path);
		return -1;
	}
	password_r[ret] = '\0';
	password_r[strcspn(password_r, "\r\n")] = '\0';
	if (password_r[0] == '\0') {
		*error_r = t_strdup_printf("redis_password_file %s: the first "
					   "line is empty",
					   path);
		return -1;
	}
	return 0;
}

static int worker_redis_greet_auth(struct worker_redis *redis)
{
	const struct worker_config *config = redis->config;
	char password[WORKER_REDIS_PASSWORD_MAX];
	const char *words[] = {"AUTH", config->redis_user, password, NULL};
	const char *error;

	if (config->redis_password_file == NULL ||
	    *config->redis_password_file == '\0')
		return 0;
	if (words[1] == NULL || *words[1] == '\0')
		words[1] = "default";

	if (worker_redis_password(config->redis_password_file, password,
				  &error) < 0) {
		worker_redis_drop(redis, error);
		return -1;
	}
	worker_redis_words(redis, words, worker_redis_greeted);
	safe_memset(password, 0, sizeof(password));
	return 0;
}

static void worker_redis_greet(struct worker_redis *redis)
{
	const char *setname[] = {"CLIENT", "SETNAME", redis->name, NULL};
	static const char *const role[] = {"ROLE", NULL};
	static const char *const info[] = {"INFO", NULL};

	if (worker_redis_greet_auth(redis) < 0)
		return;
	worker_redis_words(redis, setname, worker_redis_greeted);
	worker_redis_words(redis, role, worker_redis_greeted_role);
	worker_redis_words(redis, info, worker_redis_greeted_info);
}

/* Connecting */

static void worker_redis_on_connect(const redisAsyncContext *async, int status)
{
	struct worker_redis *redis = async->data;

	/* hiredis frees a context that did not connect, and calls nobody */
	if (status != REDIS_OK && redis->async == async)
		worker_redis_lost(redis, async->errstr);
}

static void
worker_redis_on_disconnect(const redisAsyncContext *async, int status)
{
	struct worker_redis *redis = async->data;

	if (redis->async == async) {
		worker_redis_lost(redis, status != REDIS_OK ?
						 async->errstr :
						 "the connection ended");
	}
}

static redisAsyncContext *worker_redis_open(const char *address)
{
	const char *host;
	in_port_t port;

	if (strncmp(address, "unix:", 5) == 0)
		return redisAsyncConnectUnix(address + 5);
	if (net_str2hostport(address, 0, &host, &port) < 0 || port == 0) {
		errno = EINVAL;
		return NULL;
	}
	return redisAsyncConnect(host, port);
}

static void worker_redis_connect(struct worker_redis *redis)
{
	redisAsyncContext *async;

	timeout_remove(&redis->to_connect);

	errno = ENOMEM;
	async = worker_redis_open(redis->config->redis);
	if (async == NULL) {
		worker_redis_retry(redis, strerror(errno));
		return;
	}
	if (async->err != 0) {
		worker_redis_retry(redis, async->errstr);
		redisAsyncFree(async);
		return;
	}

	redis->async = async;
	fd_close_on_exec(async->c.fd, TRUE);
	async->data = redis;
	async->ev.data = redis;
	async->ev.addRead = worker_redis_add_read;
	async->ev.delRead = worker_redis_del_read;
	async->ev.addWrite = worker_redis_add_write;
	async->ev.delWrite = worker_redis_del_write;
	async->ev.cleanup = worker_redis_cleanup;
	(void)redisAsyncSetConnectCallback(async, worker_redis_on_connect);
	(void)redisAsyncSetDisconnectCallback(async,
					      worker_redis_on_disconnect);
	worker_redis_greet(redis);
}

struct worker_redis *
worker_redis_init(const struct worker_config *config, const char *name,
		  void (*connected)(void *context), void *context)
{
	struct worker_redis *redis;

	redis = i_new(struct worker_redis, 1);
	redis->config = config;
	redis->name = i_strdup(name);
	redis->connected = connected;
	redis->context = context;
	redis->backoff_msecs = WORKER_REDIS_BACKOFF_MIN_MSECS;
	redis->problem = i_strdup_printf("Redis %s: connecting", config->redis);
	redis->to_connect = timeout_add_short(0, worker_redis_connect, redis);
	return redis;
}

void worker_redis_deinit(struct worker_redis **_redis)
{
	struct worker_redis *redis = *_redis;
	redisAsyncContext *async;

	if (redis == NULL)
		return;

	async = redis->async;
	redis->async = NULL;
	redis->up = FALSE;
	if (async != NULL) {
		worker_redis_cleanup(redis);
		redisAsyncFree(async);
	}
	*_redis = NULL;

	i_assert(redis->waits == NULL);
	timeout_remove(&redis->to_deadline);
	timeout_remove(&redis->to_connect);
	i_free(redis->problem);
	i_free(redis->told);
	i_free(redis->name);
	i_free(redis);
}

bool worker_redis_is_up(const struct worker_redis *redis)
{
	return redis->up;
}

const char *worker_redis_problem(const struct worker_redis *redis)
{
	return redis->problem != NULL ? redis->problem : "";
}
