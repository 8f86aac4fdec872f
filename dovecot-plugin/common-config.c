/* Reads worker.conf. */

#include "lib.h"
#include "istream.h"
#include "str.h"
#include "mp_conf.h"
#include "mp_heartbeat.h"
#include "worker-config.h"

#include <unistd.h>

#define WORKER_CONFIG_MAX (1024 * 1024)
#define WORKER_LANES_MAX 256

/* clang-format off */
static const struct mp_conf_row worker_config_rows[] = {
#define ROW(name, field, type, dflt, doc)				\
	{ name, dflt, doc, MP_CONF_##type,				\
	  offsetof(struct worker_config, field) }

	ROW("node", node, TEXT, "",
	    "Name of this node in the portal. Empty takes the host name."),
	ROW("redis", redis, TEXT, "unix:/run/redis/redis.sock",
	    "Redis: unix:/path or address:port."),
	ROW("redis_user", redis_user, TEXT, "mp-dovecot",
	    "User of Redis."),
	ROW("redis_password_file", redis_password_file, TEXT, "",
	    "File whose first line is the password. Empty signs in without "
	    "one."),
	ROW("redis_timeout", redis_timeout_msecs, MSECS, "1s",
	    "How long an answer of Redis may take. No mail waits for it."),
	ROW("state_dir", state_dir, TEXT, "/var/lib/mailportal-worker",
	    "Jobs under way, locks and the master password file."),
	ROW("log_file", log_file, TEXT, "auto",
	    "Dovecot's log, from which logins are read: a path, none, or "
	    "auto for what Dovecot is configured with."),
	ROW("junk_folder", junk_name, TEXT, "Junk",
	    "The Junk folder of users without a folder marked \\Junk."),
	ROW("trash_folder", trash_name, TEXT, "Trash",
	    "The Trash folder of users without a folder marked \\Trash."),
	ROW("lanes", lanes, NUMBER, "0",
	    "Users that are worked on at once. 0 is one more than there "
	    "are processors."),
	ROW("lane_users", lane_users, NUMBER, "1000",
	    "A lane is replaced by a new process after so many users. 0 "
	    "never replaces it."),
	ROW("sweep_every", sweep_msecs, MSECS, "1d",
	    "From one clearing of Junk and Trash to the next."),
	ROW("sweep_rate", sweep_rate, NUMBER, "20",
	    "Users a second in the worker's own sweeps."),
	ROW("usage_every", usage_msecs, MSECS, "1h",
	    "From one look at the usage of all mailboxes to the next."),

	{ NULL, NULL, NULL, MP_CONF_TEXT, 0 }
#undef ROW
};
/* clang-format on */

const char *worker_config_arg(int *argc, char **argv)
{
	const char *path;

	if (*argc < 3 || strcmp(argv[1], "-c") != 0)
		return WORKER_CONFIG_PATH;
	path = argv[2];
	*argc -= 2;
	/* and the NULL at the end */
	memmove(argv + 1, argv + 3, sizeof(*argv) * *argc);
	return path;
}

static int
worker_config_load(const char *path, buffer_t *bytes, const char **error_r)
{
	struct istream *input;
	const unsigned char *data;
	size_t size;
	int ret = 0;

	input = i_stream_create_file(path, IO_BLOCK_SIZE);
	while (i_stream_read_more(input, &data, &size) > 0) {
		buffer_append(bytes, data, size);
		i_stream_skip(input, size);
		if (bytes->used > WORKER_CONFIG_MAX)
			break;
	}
	if (input->stream_errno != 0) {
		*error_r = t_strdup_printf("%s: %s", path,
					   strerror(input->stream_errno));
		ret = -1;
	} else if (bytes->used > WORKER_CONFIG_MAX) {
		*error_r = t_strdup_printf("%s: is too large", path);
		ret = -1;
	}
	i_stream_unref(&input);
	return ret;
}

static enum mp_status
worker_config_node(struct worker_config *config, struct mp_error *err)
{
	char host[256];

	if (config->node[0] == '\0') {
		if (gethostname(host, sizeof(host)) < 0) {
			return mp_fail(err, MP_INVALID, "node", "is needed: %s",
				       strerror(errno));
		}
		host[sizeof(host) - 1] = '\0';
		free(config->node);
		config->node = strdup(host);
		if (config->node == NULL)
			i_fatal_status(FATAL_OUTOFMEM, "no memory");
	}
	return mp_node_check(config->node, err);
}

static enum mp_status
worker_config_check(struct worker_config *config, struct mp_error *err)
{
	const struct {
		const char *name;
		unsigned int value;
	} more_than_0[] = {
		{"redis_timeout", config->redis_timeout_msecs},
		{"sweep_every", config->sweep_msecs},
		{"sweep_rate", config->sweep_rate},
		{"usage_every", config->usage_msecs},
	};
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(more_than_0); i++) {
		if (more_than_0[i].value == 0) {
			return mp_fail(err, MP_INVALID, more_than_0[i].name,
				       "must be more than 0");
		}
	}
	if (config->lanes > WORKER_LANES_MAX) {
		return mp_fail(err, MP_INVALID, "lanes",
			       "must not be more than %u", WORKER_LANES_MAX);
	}
	if (config->state_dir[0] != '/') {
		return mp_fail(err, MP_INVALID, "state_dir",
			       "must be a whole path, from / on");
	}
	if (config->log_file[0] != '/' &&
	    strcmp(config->log_file, "auto") != 0 &&
	    strcmp(config->log_file, "none") != 0) {
		return mp_fail(err, MP_INVALID, "log_file",
			       "must be a whole path, auto or none");
	}
	return worker_config_node(config, err);
}

int worker_config_read(const char *path, struct worker_config *config_r,
		       const char **error_r)
{
	buffer_t *bytes = t_buffer_create(4096);
	enum mp_status status;
	struct mp_error err;

	i_zero(config_r);
	if (path != NULL && worker_config_load(path, bytes, error_r) < 0)
		return -1;

	status = mp_conf_default(worker_config_rows, config_r, &err);
	if (status == MP_OK) {
		status = mp_conf_parse(worker_config_rows, config_r,
				       bytes->data, bytes->used, &err);
	}
	if (status == MP_OK)
		status = worker_config_check(config_r, &err);
	if (status != MP_OK) {
		worker_config_free(config_r);
		*error_r = t_strdup_printf(
			"%s: %s%s%s", path == NULL ? "" : path, err.field,
			err.field[0] == '\0' ? "" : ": ", err.text);
		return -1;
	}
	return 0;
}

void worker_config_free(struct worker_config *config)
{
	mp_conf_free(worker_config_rows, config);
	i_zero(config);
}
