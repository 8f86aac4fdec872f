/*
 * Logins from Dovecot's log into Redis.  What a batch of lines said, and how
 * far they reach, is one MULTI: a kill, or a Redis that goes, makes nobody
 * be counted twice or left out.
 */

#include "lib.h"
#include "array.h"
#include "ioloop.h"
#include "str.h"
#include "unichar.h"
#include "mp_audit.h"
#include "mp_key.h"
#include "worker.h"
#include "worker-compat.h"
#include "worker-log-file.h"
#include "worker-log-line.h"
#include "worker-problem.h"
#include "worker-reply.h"

#define LOG_LOOK_MSECS 250

/* What one MULTI brings at most, and what is read at once. */
#define LOG_BATCH_LOGINS 200
#define LOG_BATCH_BYTES (1024 * 1024)

struct log_login {
	const char *service, *user, *master, *address;
	int64_t at;
};

static struct {
	struct worker_log_file *file;
	struct timeout *to_look;
	struct worker_problem problem;
	pool_t pool;
	ARRAY(struct log_login) logins;	   /* read, and not yet in Redis */
	struct worker_log_place committed; /* as Redis has it */
	bool begun;			   /* committed is known */
	bool foreign; /* the last login was of another form */
} log_state;

static void log_look(void *context);

static void log_again(unsigned int msecs)
{
	timeout_remove(&log_state.to_look);
	log_state.to_look = timeout_add_short(msecs, log_look, NULL);
}

static void log_drop(void)
{
	array_clear(&log_state.logins);
	p_clear(log_state.pool);
}

static void log_fine(void)
{
	if (log_state.foreign) {
		worker_problem_set(&log_state.problem,
				   "login_log_format_elements is not that of "
				   "90-mailportal.conf: logins are not seen");
	} else
		worker_problem_clear(&log_state.problem);
}

/* Into Redis */

static const char *log_node(void)
{
	return t_strconcat("dovecot:", worker.config.node, NULL);
}

static void
log_key(struct mp_keyname *name_r, enum mp_key key, const char *part)
{
	if (!mp_key_name(name_r, key, part))
		i_panic("the name of a node is checked");
}

static void log_audit(struct mp_cmd *cmd, const struct log_login *login)
{
	struct mp_audit audit;

	i_zero(&audit);
	audit.actor = login->master;
	audit.what = t_strconcat(login->service, "-master-login", NULL);
	audit.target = login->user;
	audit.from = login->address;
	audit.result = mp_status_name(MP_OK);
	mp_time_format(audit.at, login->at);

	mp_cmd_init(cmd);
	mp_audit_command(cmd, &audit);
}

/* The last of each user is enough, but the first ones do no harm. */
static bool log_last_logins(struct mp_cmd *cmd)
{
	const struct log_login *login;
	struct mp_keyname key;
	bool any = FALSE;

	mp_cmd_init(cmd);
	log_key(&key, MP_KEY_LAST_LOGIN, worker.config.node);
	mp_cmd_texts(cmd, "HSET", key.text, NULL);
	array_foreach(&log_state.logins, login) {
		if (login->master != NULL)
			continue;
		mp_cmd_text(cmd, login->user);
		mp_cmd_number(cmd, login->at);
		any = TRUE;
	}
	if (!any)
		mp_cmd_free(cmd);
	return any;
}

static void log_count(struct mp_cmd *cmd, unsigned int count)
{
	struct mp_keyname key;

	log_key(&key, MP_KEY_STAT, log_node());
	mp_cmd_init(cmd);
	mp_cmd_texts(cmd, "HINCRBY", key.text, "master_logins", NULL);
	mp_cmd_number(cmd, count);
}

static void log_place(struct mp_cmd *cmd, const struct worker_log_place *place)
{
	char text[WORKER_LOG_PLACE_SIZE];
	struct mp_keyname key;

	log_key(&key, MP_KEY_LOG_PLACE, log_node());
	worker_log_place_render(text, place);
	mp_cmd_init(cmd);
	mp_cmd_texts(cmd, "SET", key.text, text, NULL);
}

/* From the last place that is known to be right. */
static void log_back(void)
{
	log_drop();
	if (log_state.begun)
		(void)worker_log_file_seek(log_state.file,
					   &log_state.committed);
	log_again(LOG_LOOK_MSECS);
}

static void log_sent(const redisReply *reply, void *context ATTR_UNUSED)
{
	const char *error = worker_redis_error(reply);

	if (log_state.file == NULL)
		return;
	if (error != NULL) {
		if (reply != NULL) {
			worker_problem_set(&log_state.problem,
					   "Redis does not take logins: %s",
					   error);
		}
		log_back();
		return;
	}
	(void)worker_log_file_tell(log_state.file, &log_state.committed);
	log_state.begun = TRUE;
	log_fine();
	log_drop();
	log_again(0);
}

static void log_send(void)
{
	const struct log_login *login;
	struct worker_log_place place;
	struct mp_cmd *cmds;
	unsigned int count = 0, masters = 0;

	/* without a file, all of one that will be made */
	(void)worker_log_file_tell(log_state.file, &place);
	cmds = t_new(struct mp_cmd, array_count(&log_state.logins) + 3);
	array_foreach(&log_state.logins, login) {
		if (login->master != NULL) {
			log_audit(&cmds[count++], login);
			masters++;
		}
	}
	if (masters > 0)
		log_count(&cmds[count++], masters);
	if (log_last_logins(&cmds[count]))
		count++;
	log_place(&cmds[count++], &place);
	worker_redis_send(worker.redis, cmds, count, 0, log_sent, NULL);
}

static bool log_place_equal(const struct worker_log_place *a,
			    const struct worker_log_place *b)
{
	return a->inode == b->inode && a->offset == b->offset &&
	       a->check == b->check;
}

/* Redis may have gone back since, or have taken what it did not confirm. */
static void log_got_place(const redisReply *reply, void *context ATTR_UNUSED)
{
	struct worker_log_place place;
	const char *text;

	if (log_state.file == NULL)
		return;
	if (worker_redis_error(reply) != NULL) {
		log_back();
		return;
	}
	text = worker_reply_text(reply);
	if (text == NULL || !worker_log_place_parse(&place, text) ||
	    (log_state.begun &&
	     log_place_equal(&place, &log_state.committed))) {
		log_send();
		return;
	}

	log_drop();
	if (!worker_log_file_seek(log_state.file, &place) && place.inode != 0) {
		i_warning("the log that was read last is gone: logins may "
			  "be missing");
	}
	log_state.committed = place;
	log_state.begun = TRUE;
	log_again(0);
}

static void log_get_place(void)
{
	struct mp_keyname key;
	struct mp_cmd cmd;

	log_key(&key, MP_KEY_LOG_PLACE, log_node());
	mp_cmd_init(&cmd);
	mp_cmd_texts(&cmd, "GET", key.text, NULL);
	worker_redis_send(worker.redis, &cmd, 1, 0, log_got_place, NULL);
}

/* Out of the log */

static const char *log_text(const struct worker_log_text *text)
{
	buffer_t *valid = t_buffer_create(text->len + 1);

	if (uni_utf8_get_valid_data((const unsigned char *)text->bytes,
				    text->len, valid)) {
		buffer_set_used_size(valid, 0);
		buffer_append(valid, text->bytes, text->len);
	}
	return p_strndup(log_state.pool, valid->data, valid->used);
}

static void log_add(const struct worker_log_login *login)
{
	struct log_login *new;

	/* of a name that Dovecot cut, nobody knows whose it is */
	if (login->cut && login->master.len == 0)
		return;

	new = array_append_space(&log_state.logins);
	new->service = login->service;
	new->user = log_text(&login->user);
	new->address = log_text(&login->address);
	new->at = worker_log_time(&login->time, time(NULL));
	if (login->master.len > 0)
		new->master = log_text(&login->master);
}

static void log_line(const char *line, size_t len)
{
	struct worker_log_login login;

	switch (worker_log_line_parse(line, len, &login)) {
	case WORKER_LOG_OTHER:
		break;
	case WORKER_LOG_LOGIN:
		log_state.foreign = FALSE;
		log_add(&login);
		break;
	case WORKER_LOG_FOREIGN:
		log_state.foreign = TRUE;
		break;
	}
}

/* TRUE when there may be more. */
static bool log_collect(void)
{
	const char *line, *error;
	size_t len, bytes = 0;
	int ret = 1;

	while (array_count(&log_state.logins) < LOG_BATCH_LOGINS &&
	       bytes < LOG_BATCH_BYTES) {
		ret = worker_log_file_next(log_state.file, &line, &len, &error);
		if (ret <= 0)
			break;
		log_line(line, len);
		bytes += len + 1;
	}
	if (ret < 0)
		worker_problem_set(&log_state.problem, "%s", error);
	else
		log_fine();
	return ret > 0;
}

static void log_look(void *context ATTR_UNUSED)
{
	bool more;

	timeout_remove(&log_state.to_look);

	/* the log waits on the disk */
	if (!worker_redis_is_up(worker.redis)) {
		log_again(LOG_LOOK_MSECS);
		return;
	}
	if (!log_state.begun) {
		log_get_place();
		return;
	}
	more = log_collect();
	if (array_count(&log_state.logins) > 0)
		log_get_place();
	else
		log_again(more ? 0 : LOG_LOOK_MSECS);
}

/* The file, or NULL */
static const char *log_path(void)
{
	const char *path = worker.config.log_file;

	if (strcmp(path, "none") == 0)
		return NULL;
	if (strcmp(path, "auto") == 0)
		path = worker_compat_get()->info_log;
	if (path[0] == '/' && !str_begins(path, "/dev/"))
		return path;

	worker_problem_set(&log_state.problem,
			   "no login is seen: Dovecot does not log to a file; "
			   "put log_file into worker.conf");
	return NULL;
}

void worker_log_init(void)
{
	const char *path;

	i_zero(&log_state);
	log_state.problem.slot = &worker.log_problem;

	path = log_path();
	if (path == NULL)
		return;
	log_state.pool = pool_alloconly_create("logins", 8192);
	i_array_init(&log_state.logins, LOG_BATCH_LOGINS);
	log_state.file = worker_log_file_init(path);
	log_again(0);
}

void worker_log_deinit(void)
{
	timeout_remove(&log_state.to_look);
	worker_log_file_deinit(&log_state.file);
	if (log_state.pool != NULL) {
		array_free(&log_state.logins);
		pool_unref(&log_state.pool);
	}
}
