/*
 * Who there is: a client of Dovecot's auth process.  libdovecot has one too,
 * which waits in a loop of its own for each answer.
 */

#include "lib.h"
#include "connection.h"
#include "ioloop.h"
#include "ostream.h"
#include "str.h"
#include "str-sanitize.h"
#include "strescape.h"
#include "master-service.h"
#include "master-service-settings.h"
#include "worker-users.h"

#define WORKER_USERDB_PROTOCOL "auth-master"
#define WORKER_USERDB_MAJOR 1
#define WORKER_USERDB_MINOR 0
/* One read of so many bytes a turn of the ioloop. */
#define WORKER_USERDB_INPUT_MAX (1024 * 64)
#define WORKER_USERDB_TIMEOUT_SECS 150

struct worker_userdb {
	struct connection conn;
	const struct worker_userdb_callbacks *callbacks;
	void *context;
	struct timeout *to_failed;
	enum worker_userdb_result result;
	char *text;
};

static struct connection_list *worker_userdb_conns;

static void worker_userdb_free(struct worker_userdb *userdb)
{
	timeout_remove(&userdb->to_failed);
	connection_deinit(&userdb->conn);
	i_free(userdb->text);
	i_free(userdb);
}

static void worker_userdb_end(struct worker_userdb *userdb)
{
	const struct worker_userdb_callbacks *callbacks = userdb->callbacks;
	enum worker_userdb_result result = userdb->result;
	void *context = userdb->context;
	const char *text = t_strdup(userdb->text);

	worker_userdb_free(userdb);
	callbacks->end(result, text, context);
}

/* returns -1, so that the connection ends */
static int worker_userdb_answer(struct worker_userdb *userdb,
				enum worker_userdb_result result,
				const char *text)
{
	userdb->result = result;
	i_free(userdb->text);
	userdb->text = i_strdup(text);
	return -1;
}

static void worker_userdb_destroy(struct connection *conn)
{
	struct worker_userdb *userdb =
		container_of(conn, struct worker_userdb, conn);

	worker_userdb_end(userdb);
}

static int worker_userdb_handshake(struct connection *conn, const char *line)
{
	const char *const *fields = t_strsplit_tabescaped(line);
	unsigned int major, minor;

	if (strcmp(fields[0], "SPID") == 0)
		return conn->version_received ? 1 : -1;
	if (strcmp(fields[0], "VERSION") != 0)
		return 0;
	if (str_array_length(fields) < 3 ||
	    str_to_uint(fields[1], &major) < 0 ||
	    str_to_uint(fields[2], &minor) < 0)
		return -1;
	return connection_verify_version(conn, WORKER_USERDB_PROTOCOL, major,
					 minor) < 0 ?
		       -1 :
		       0;
}

/* What a failure says of itself, as "reason=...". */
static const char *worker_userdb_reason(const char *const *fields)
{
	for (; *fields != NULL; fields++) {
		if (strncmp(*fields, "reason=", 7) == 0)
			return t_strconcat("Dovecot's userdb: ",
					   str_sanitize(*fields + 7, 120),
					   NULL);
	}
	return "Dovecot's userdb failed: see Dovecot's log";
}

static int worker_userdb_input(struct connection *conn, const char *const *args)
{
	struct worker_userdb *userdb =
		container_of(conn, struct worker_userdb, conn);

	if (strcmp(args[0], "LIST") == 0 && str_array_length(args) >= 3 &&
	    userdb->callbacks->user != NULL) {
		userdb->callbacks->user(args[2], userdb->context);
		return 1;
	}
	if (strcmp(args[0], "DONE") == 0) {
		if (str_array_length(args) < 3 || strcmp(args[2], "fail") != 0)
			return worker_userdb_answer(userdb, WORKER_USERDB_OK,
						    NULL);
		return worker_userdb_answer(
			userdb, WORKER_USERDB_FAILED,
			"Dovecot's userdb cannot list its users: see "
			"Dovecot's log, and try doveadm user '*'");
	}
	if (strcmp(args[0], "USER") == 0)
		return worker_userdb_answer(userdb, WORKER_USERDB_OK, NULL);
	if (strcmp(args[0], "NOTFOUND") == 0) {
		return worker_userdb_answer(userdb, WORKER_USERDB_MISSING,
					    "there is no such user");
	}
	if (strcmp(args[0], "FAIL") == 0 && args[1] != NULL) {
		return worker_userdb_answer(userdb, WORKER_USERDB_FAILED,
					    worker_userdb_reason(args + 2));
	}
	/* what a later version tells besides is not for us */
	return 1;
}

static void worker_userdb_timeout(struct connection *conn)
{
	struct worker_userdb *userdb =
		container_of(conn, struct worker_userdb, conn);

	(void)worker_userdb_answer(userdb, WORKER_USERDB_FAILED,
				   "Dovecot's userdb does not answer");
	worker_userdb_end(userdb);
}

static const struct connection_settings worker_userdb_set_client = {
	.dont_send_version = TRUE,
	.service_name_in = WORKER_USERDB_PROTOCOL,
	.service_name_out = WORKER_USERDB_PROTOCOL,
	.major_version = WORKER_USERDB_MAJOR,
	.minor_version = WORKER_USERDB_MINOR,
	.input_max_size = WORKER_USERDB_INPUT_MAX,
	.output_max_size = SIZE_MAX,
	.input_idle_timeout_secs = WORKER_USERDB_TIMEOUT_SECS,
	.client = TRUE,
};

static const struct connection_vfuncs worker_userdb_vfuncs = {
	.destroy = worker_userdb_destroy,
	.handshake_line = worker_userdb_handshake,
	.input_args = worker_userdb_input,
	.idle_timeout = worker_userdb_timeout,
};

static struct worker_userdb *
worker_userdb_ask(const char *request,
		  const struct worker_userdb_callbacks *callbacks,
		  void *context)
{
	const char *path = t_strconcat(
		master_service_settings_get(master_service)->base_dir,
		"/auth-userdb", NULL);
	struct worker_userdb *userdb;

	if (worker_userdb_conns == NULL) {
		worker_userdb_conns = connection_list_init(
			&worker_userdb_set_client, &worker_userdb_vfuncs);
	}
	userdb = i_new(struct worker_userdb, 1);
	userdb->callbacks = callbacks;
	userdb->context = context;
	connection_init_client_unix(worker_userdb_conns, &userdb->conn, path);
	/* until told otherwise */
	(void)worker_userdb_answer(userdb, WORKER_USERDB_AWAY,
				   "Dovecot's auth process is not there");

	if (connection_client_connect(&userdb->conn) < 0) {
		userdb->to_failed =
			timeout_add_short(0, worker_userdb_end, userdb);
		return userdb;
	}
	o_stream_nsend_str(userdb->conn.output,
			   t_strdup_printf("VERSION\t%u\t%u\n%s\n",
					   WORKER_USERDB_MAJOR,
					   WORKER_USERDB_MINOR, request));
	return userdb;
}

struct worker_userdb *
worker_userdb_list(const char *domain,
		   const struct worker_userdb_callbacks *callbacks,
		   void *context)
{
	string_t *request = t_str_new(128);

	str_append(request, "LIST\t1");
	if (domain != NULL) {
		str_append(request, "\tuser=*@");
		str_append_tabescaped(request, domain);
	}
	str_append(request, "\tservice=mailportal");
	return worker_userdb_ask(str_c(request), callbacks, context);
}

struct worker_userdb *
worker_userdb_lookup(const char *user,
		     const struct worker_userdb_callbacks *callbacks,
		     void *context)
{
	string_t *request = t_str_new(128);

	str_append(request, "USER\t1\t");
	str_append_tabescaped(request, user);
	str_append(request, "\tservice=mailportal");
	return worker_userdb_ask(str_c(request), callbacks, context);
}

void worker_userdb_abort(struct worker_userdb **_userdb)
{
	struct worker_userdb *userdb = *_userdb;

	*_userdb = NULL;
	if (userdb != NULL)
		worker_userdb_free(userdb);
}

void worker_userdb_deinit(void)
{
	if (worker_userdb_conns != NULL)
		connection_list_deinit(&worker_userdb_conns);
}
