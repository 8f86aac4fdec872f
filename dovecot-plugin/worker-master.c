/* Brings the master password into force: file, wait, flush. */

#include "lib.h"
#include "auth-master.h"
#include "ioloop.h"
#include "ipwd.h"
#include "time-util.h"
#include "mp_key.h"
#include "mp_time.h"
#include "worker.h"
#include "worker-compat.h"
#include "worker-file.h"
#include "worker-follow.h"
#include "worker-master-file.h"
#include "worker-problem.h"
#include "worker-reply.h"

#include <sys/stat.h>

#define MASTER_FILE_MAX 4096
#define MASTER_FILE_MODE 0640
#define MASTER_RETRY_MSECS 500
#define MASTER_FLUSH_RETRY_MSECS 2000

/* The clock may be set while the password waits for its end. */
#define MASTER_TICK_MSECS 1000

/* Dovecot looks at the file once in each second of its clock. */
#define MASTER_AFTER_SECOND_MSECS 20

/* Dovecot's auth answers at once, unless it verifies passwords. */
#define MASTER_FLUSH_MSECS 5000

static struct {
	char *path;
	struct worker_master_file file; /* as it is on disk */
	struct stat st;			/* of it, when it was made */

	/* what is wanted, and who waits for it */
	struct mp_version version; /* number 0: only what the file says */
	void (*in_force)(uint64_t version);
	bool expired;
	bool closed; /* though it is wanted otherwise */

	bool flushed; /* Dovecot has forgotten who could before */

	unsigned int turn; /* replies of an earlier one find nobody */
	void (*next)(void);
	struct timeout *to_next, *to_tick;
	struct worker_problem problem;
} master;

static void master_begin(void);
static void master_flush(void);

static void master_next(void *context ATTR_UNUSED)
{
	timeout_remove(&master.to_next);
	master.next();
}

/* In place of what was to be done next. */
static void master_after(unsigned int msecs, void (*next)(void))
{
	timeout_remove(&master.to_next);
	master.next = next;
	master.to_next = timeout_add_short(msecs, master_next, NULL);
}

/* The file */

static void master_read(void)
{
	const char *text, *error;
	int ret;

	ret = worker_file_read(master.path, MASTER_FILE_MAX, &text, &error);
	if (ret < 0)
		i_warning("%s", error);
	if (ret <= 0 || !worker_master_file_parse(&master.file, text))
		i_zero(&master.file);
}

/* Dovecot reads a file anew when its second of change is another one. */
static time_t master_mtime(void)
{
	time_t now = time(NULL);
	struct stat st;

	if (stat(master.path, &st) < 0 || st.st_mtime < now)
		return now;
	return st.st_mtime + 1;
}

static int master_write(const char *text, const char **error_r)
{
	const char *group_name = worker_compat_get()->group;
	struct worker_file how;
	struct group group;

	i_zero(&how);
	if (i_getgrnam(group_name, &group) <= 0) {
		*error_r = t_strdup_printf("there is no group %s", group_name);
		return -1;
	}
	how.mode = MASTER_FILE_MODE;
	how.gid = group.gr_gid;
	how.mtime = master_mtime();
	return worker_file_write(master.path, &how, text, error_r);
}

/* Whether the file is of this text already, and is nobody else's to read. */
static bool master_has(const char *text)
{
	const char *old, *error;
	struct stat st;

	return worker_file_read(master.path, MASTER_FILE_MAX, &old, &error) >
		       0 &&
	       strcmp(old, text) == 0 && stat(master.path, &st) == 0 &&
	       (st.st_mode & 07777) == MASTER_FILE_MODE;
}

/* How long Dovecot may still go by what it has read before. */
static unsigned int master_wait_msecs(void)
{
	struct timeval now;
	struct stat st;

	i_gettimeofday(&now);
	if (stat(master.path, &st) < 0 || st.st_ctime < now.tv_sec ||
	    st.st_ctime > now.tv_sec + 1)
		return 0;
	return (st.st_ctime + 1 - now.tv_sec) * 1000 - now.tv_usec / 1000 +
	       MASTER_AFTER_SECOND_MSECS;
}

/* Whom Dovecot must forget, also when a kill comes between. */
static void master_was(struct worker_master_file *file)
{
	const struct worker_master_file *old = &master.file;
	const char *was = old->was;

	if (old->name[0] != '\0' && strcmp(old->name, file->name) != 0) {
		/* two, when the one before is not forgotten yet */
		was = old->name;
		if (!master.flushed && old->was[0] != '\0' &&
		    strcmp(old->was, was) != 0)
			was = WORKER_MASTER_MANY;
	}
	if (i_strocpy(file->was, was, sizeof(file->was)) < 0)
		i_unreached();
}

/* hash NULL: nobody may sign in; FALSE: it could not be made. */
static bool master_make(struct worker_master_file *file, const char *hash,
			const struct mp_nets *nets, const char **error_r)
{
	const char *text;

	if (hash == NULL) {
		file->name[0] = '\0';
		file->expires = 0;
	}
	master_was(file);

	if (!worker_master_file_render(file, hash, nets, &text, error_r))
		return FALSE;
	if (!master_has(text) && master_write(text, error_r) < 0) {
		*error_r = t_strdup_printf("the master password is not in "
					   "force: %s",
					   *error_r);
		return FALSE;
	}
	master.file = *file;
	if (stat(master.path, &master.st) < 0)
		i_zero(&master.st);
	master.flushed = FALSE;
	return TRUE;
}

/* The auth cache */

static bool master_flush_names(const char *const *names)
{
	struct auth_master_connection *conn;
	const char *path;
	unsigned int count;
	int ret;

	path = t_strconcat(worker_compat_get()->base_dir, "/auth-master", NULL);
	conn = auth_master_init(path, 0);
	auth_master_set_timeout(conn, MASTER_FLUSH_MSECS);
	ret = auth_master_cache_flush(conn, names, &count);
	auth_master_deinit(&conn);
	return ret == 0;
}

static bool master_flush_cache(void)
{
	const struct worker_master_file *file = &master.file;
	const char *names[3];
	unsigned int count = 0;

	if (strcmp(file->was, WORKER_MASTER_MANY) == 0)
		return master_flush_names(NULL);
	if (file->name[0] != '\0')
		names[count++] = file->name;
	if (file->was[0] != '\0')
		names[count++] = file->was;
	names[count] = NULL;
	return count == 0 || master_flush_names(names);
}

static void master_flush(void)
{
	void (*in_force)(uint64_t version) = master.in_force;

	if (!master_flush_cache()) {
		worker_problem_set(&master.problem,
				   "Dovecot's auth does not forget the master "
				   "password that was in force before");
		master_after(MASTER_FLUSH_RETRY_MSECS, master_flush);
		return;
	}

	master.flushed = TRUE;
	if (master.closed) {
		master_after(MASTER_RETRY_MSECS, master_begin);
		return;
	}
	worker_problem_clear(&master.problem);
	master.in_force = NULL;
	if (master.version.number == 0)
		worker_follow_found(master.file.epoch, master.file.version);
	else if (in_force != NULL)
		in_force(master.version.number);
}

static void master_made(void)
{
	unsigned int msecs = master_wait_msecs();

	if (msecs == 0)
		master_flush();
	else
		master_after(msecs, master_flush);
}

/* The password */

/* What is wanted is not to be had: nobody signs in, and it is tried again. */
static void master_close(const char *why)
{
	struct worker_master_file file;
	const char *error;

	i_zero(&file);
	master.closed = TRUE;
	if (master_make(&file, NULL, NULL, &error)) {
		worker_problem_set(&master.problem, "%s", why);
		master_made();
	} else {
		worker_problem_set(&master.problem, "%s", error);
		master_after(MASTER_RETRY_MSECS, master_begin);
	}
}

static void master_put(const char *hash)
{
	const struct mp_settings *set = &master.version.set;
	struct worker_master_file file;
	const char *error;

	i_zero(&file);
	file.version = master.version.number;
	memcpy(file.epoch, master.version.epoch, sizeof(file.epoch));
	(void)mp_time_parse(&file.expires, set->imap_master_expires,
			    strlen(set->imap_master_expires));

	if (hash != NULL && i_strocpy(file.name, set->imap_master_username,
				      sizeof(file.name)) < 0) {
		master_close("the name of the master user is too long");
		return;
	}
	if (!master_make(&file, hash, &set->imap_master_allow_nets, &error)) {
		worker_problem_set(&master.problem, "%s", error);
		master_after(MASTER_RETRY_MSECS, master_begin);
		return;
	}
	master_made();
}

static const char *master_secret(const redisReply *reply)
{
	const redisReply *fields = worker_reply_entry(reply);
	const char *name, *hash;

	if (fields == NULL)
		return NULL;
	name = worker_reply_field(fields, "name");
	hash = worker_reply_field(fields, "hash");
	if (name == NULL || strcmp(name, "imap_master.password") != 0 ||
	    hash == NULL || !worker_master_hash_check(hash))
		return NULL;
	return hash;
}

static void master_fetched(const redisReply *reply, void *context)
{
	const char *error, *hash;

	if (POINTER_CAST_TO(context, unsigned int) != master.turn)
		return;

	error = worker_redis_error(reply);
	if (error != NULL) {
		if (reply != NULL) {
			worker_problem_set(&master.problem,
					   "Redis does not give the master "
					   "password: %s",
					   error);
		}
		master_after(MASTER_RETRY_MSECS, master_begin);
		return;
	}
	hash = master_secret(reply);
	if (hash != NULL)
		master_put(hash);
	else {
		master_close("Redis does not have the master password of "
			     "these settings; nobody can use it");
	}
}

static void master_fetch(const char *id)
{
	struct mp_cmd cmd;

	mp_cmd_init(&cmd);
	mp_cmd_texts(&cmd, "XRANGE", mp_key(MP_KEY_SECRETS), id, id, NULL);
	worker_redis_send(worker.redis, &cmd, 1, 0, master_fetched,
			  POINTER_CAST(master.turn));
}

static int64_t master_expires(void)
{
	const char *text = master.version.set.imap_master_expires;
	int64_t expires = master.file.expires;

	if (master.version.number > 0) {
		expires = 0;
		(void)mp_time_parse(&expires, text, strlen(text));
	}
	return expires;
}

static bool master_is_expired(void)
{
	int64_t expires = master_expires();

	return expires != 0 && time(NULL) >= expires;
}

/* Until Redis says more, the file itself says what is wanted. */
static void master_begin_file(void)
{
	struct worker_master_file file = master.file;
	const char *error;

	if (master.expired && file.name[0] != '\0' &&
	    !master_make(&file, NULL, NULL, &error)) {
		worker_problem_set(&master.problem, "%s", error);
		master_after(MASTER_RETRY_MSECS, master_begin);
		return;
	}
	/* it may have been written just before a kill */
	master_made();
}

static void master_begin(void)
{
	const struct mp_settings *set = &master.version.set;

	timeout_remove(&master.to_next);
	master.turn++;
	master.expired = master_is_expired();
	master.closed = FALSE;

	if (master.version.number == 0)
		master_begin_file();
	else if (set->imap_master_enabled && !master.expired &&
		 set->imap_master_password[0] != '\0')
		master_fetch(set->imap_master_password);
	else
		master_put(NULL);
}

/* Somebody has removed it, or put another one there. */
static bool master_is_changed(void)
{
	struct stat st;

	return stat(master.path, &st) < 0 || st.st_ino != master.st.st_ino ||
	       st.st_mtime != master.st.st_mtime ||
	       st.st_size != master.st.st_size;
}

static void master_tick(void *context ATTR_UNUSED)
{
	if (master_is_expired() != master.expired ||
	    (master.version.number > 0 && master.flushed &&
	     master_is_changed()))
		master_begin();
}

void worker_master_apply(const struct mp_version *version,
			 void (*in_force)(uint64_t version))
{
	master.version = *version;
	master.in_force = in_force;
	master_begin();
}

void worker_master_init(void)
{
	i_zero(&master);
	master.problem.slot = &worker.master_problem;
	master.path =
		i_strconcat(worker.config.state_dir, "/master.passwd", NULL);
	master_read();
	master.to_tick = timeout_add(MASTER_TICK_MSECS, master_tick, NULL);
	master_after(0, master_begin);
}

void worker_master_deinit(void)
{
	master.turn++;
	timeout_remove(&master.to_next);
	timeout_remove(&master.to_tick);
	i_free(master.path);
}
