#include "mp_redis.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "mp_info.h"

/*
 * hiredis connects, formats and parses.  Reading and writing are done here on
 * a socket that never blocks: a deadline of hiredis is one of each read(), so
 * that a peer that sends a byte now and then would hold us for ever, and a
 * write() of hiredis to a peer that has gone is a SIGPIPE.
 */

#define MP_REDIS_READ  (64u << 10)
#define MP_REDIS_REPLY (64u << 20) /* bytes of one reply, at most */
#define MP_REDIS_QUEUE (1u << 20)  /* bytes that wait to be sent */

struct mp_redis {
    redisContext *context; /* NULL: not connected */
    size_t sent;           /* bytes of context->obuf */
    size_t taken;          /* bytes read since the last whole reply */
    unsigned int pending;  /* replies to come */
    unsigned int timeout_msecs;
    bool unchecked;
    bool unsafe;
    bool doubtful; /* no master any more: connect anew when nothing pends */
    char *socket;
    char *user;
    char *password_file;
    char *name;
};


static int64_t
mp_now_msecs(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}


static bool
mp_copy(char **copy_r, const char *text)
{
    *copy_r = text != NULL ? strdup(text) : NULL;

    return text == NULL || *copy_r != NULL;
}


struct mp_redis *
mp_redis_new(const struct mp_redis_options *options)
{
    struct mp_redis *redis = calloc(1, sizeof(*redis));

    if (redis == NULL) {
        return NULL;
    }

    redis->timeout_msecs = options->timeout_msecs;
    redis->unsafe = options->unsafe;
    redis->unchecked = options->unchecked;

    if (!mp_copy(&redis->socket, options->socket)
        || !mp_copy(&redis->user, options->user)
        || !mp_copy(&redis->password_file, options->password_file)
        || !mp_copy(&redis->name, options->name))
    {
        mp_redis_free(redis);
        return NULL;
    }

    return redis;
}


void
mp_redis_drop(struct mp_redis *redis)
{
    if (redis->context != NULL) {
        redisFree(redis->context);
    }

    redis->context = NULL;
    redis->sent = 0;
    redis->taken = 0;
    redis->pending = 0;
    redis->doubtful = false;
}


void
mp_redis_free(struct mp_redis *redis)
{
    if (redis == NULL) {
        return;
    }

    mp_redis_drop(redis);
    free(redis->socket);
    free(redis->user);
    free(redis->password_file);
    free(redis->name);
    free(redis);
}


/* Ends the connection, because nothing on it can be trusted any more. */
static enum mp_status
mp_redis_away(struct mp_redis *redis, struct mp_error *err, const char *why)
{
    enum mp_status status;

    /* why may be a text of the context */
    status = mp_fail(err, MP_REDIS_AWAY, "", "%s: %s", redis->socket, why);
    mp_redis_drop(redis);

    return status;
}


static enum mp_status
mp_redis_wait(struct mp_redis *redis, short events, int64_t deadline,
              struct mp_error *err)
{
    struct pollfd fd = { redis->context->fd, events, 0 };
    int64_t left;
    int ready;

    do {
        left = deadline - mp_now_msecs();
        if (left <= 0) {
            return mp_redis_away(redis, err, "does not answer in time");
        }

        ready = poll(&fd, 1, left > INT32_MAX ? INT32_MAX : (int) left);

    } while (ready == 0 || (ready < 0 && errno == EINTR));

    if (ready < 0) {
        return mp_redis_away(redis, err, strerror(errno));
    }

    return MP_OK;
}


/* Reads what has come, without waiting. */
static enum mp_status
mp_redis_take(struct mp_redis *redis, struct mp_error *err)
{
    char bytes[MP_REDIS_READ];
    ssize_t n;

    n = recv(redis->context->fd, bytes, sizeof(bytes), 0);

    if (n == 0) {
        return mp_redis_away(redis, err, "has closed the connection");
    }

    if (n < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
            return MP_OK;
        }

        return mp_redis_away(redis, err, strerror(errno));
    }

    redis->taken += (size_t) n;
    if (redis->taken > MP_REDIS_REPLY) {
        return mp_redis_away(redis, err, "sends an answer without end");
    }

    if (redisReaderFeed(redis->context->reader, bytes, (size_t) n) != REDIS_OK)
    {
        return mp_redis_away(redis, err, redis->context->reader->errstr);
    }

    return MP_OK;
}


/*
 * Sends what is queued.  Replies are read meanwhile: a Redis whose answers
 * nobody takes stops reading.
 */
static enum mp_status
mp_redis_flush(struct mp_redis *redis, int64_t deadline, struct mp_error *err)
{
    redisContext *c = redis->context;
    enum mp_status status;

    while (redis->sent < sdslen(c->obuf)) {
        ssize_t n = send(c->fd, c->obuf + redis->sent,
                         sdslen(c->obuf) - redis->sent, MSG_NOSIGNAL);

        if (n >= 0) {
            redis->sent += (size_t) n;
            continue;
        }

        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR
            && errno != ENOTCONN)
        {
            return mp_redis_away(redis, err, strerror(errno));
        }

        status = mp_redis_wait(redis, POLLIN | POLLOUT, deadline, err);
        if (status == MP_OK) {
            status = mp_redis_take(redis, err);
        }

        if (status != MP_OK) {
            return status;
        }
    }

    /* a password may have been in it */
    explicit_bzero(c->obuf, sdslen(c->obuf));
    sdsclear(c->obuf);
    redis->sent = 0;

    return MP_OK;
}


/*
 * Before a first command nothing may have come: it would be taken for the
 * answer.  A connection that has ended is not made anew unseen, because a
 * WATCH or a MULTI may have ended with it.
 */
static enum mp_status
mp_redis_quiet(struct mp_redis *redis, struct mp_error *err)
{
    const redisReader *reader = redis->context->reader;
    char byte;
    ssize_t n;

    if (redis->pending > 0) {
        return MP_OK;
    }

    n = recv(redis->context->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    if (n == 0) {
        return mp_redis_away(redis, err, "has closed the connection");
    }

    if (n > 0 || reader->pos < reader->len) {
        return mp_redis_away(redis, err, "has answered without a question");
    }

    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR
        && errno != ENOTCONN)
    {
        return mp_redis_away(redis, err, strerror(errno));
    }

    return MP_OK;
}


static enum mp_status
mp_redis_queue(struct mp_redis *redis, struct mp_cmd *cmd,
               struct mp_error *err)
{
    const char **argv = mp_cmd_argv(cmd);
    enum mp_status status = mp_redis_quiet(redis, err);

    if (status != MP_OK) {
        return status;
    }

    if (argv == NULL || cmd->argc == 0) {
        return mp_fail(err, MP_INTERNAL, "", "no memory for a command");
    }

    if (redisAppendCommandArgv(redis->context, (int) cmd->argc, argv,
                               cmd->lens)
        != REDIS_OK)
    {
        return mp_redis_away(redis, err, redis->context->errstr);
    }

    redis->pending++;

    return MP_OK;
}


/* The next reply, of whatever kind. */
static enum mp_status
mp_redis_next(struct mp_redis *redis, int64_t deadline, redisReply **reply_r,
              struct mp_error *err)
{
    void *reply = NULL;
    enum mp_status status = mp_redis_flush(redis, deadline, err);

    while (status == MP_OK) {
        redisReader *reader = redis->context->reader;

        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
            return mp_redis_away(redis, err, reader->errstr);
        }

        if (reply != NULL) {
            redis->pending--;
            redis->taken = 0;
            *reply_r = reply;
            return MP_OK;
        }

        status = mp_redis_wait(redis, POLLIN, deadline, err);
        if (status == MP_OK) {
            status = mp_redis_take(redis, err);
        }
    }

    return status;
}


/* An error reply becomes a status, and is freed. */
static enum mp_status
mp_redis_judge(struct mp_redis *redis, redisReply **reply_r,
               struct mp_error *err)
{
    enum mp_status status;
    redisReply *reply = *reply_r;

    if (reply->type != REDIS_REPLY_ERROR) {
        return MP_OK;
    }

    status = mp_redis_error_status(reply->str);
    (void) mp_fail(err, status, "", "%s", reply->str);
    freeReplyObject(reply);
    *reply_r = NULL;

    redis->doubtful = redis->doubtful || status == MP_REDIS_READONLY
                   || status == MP_REDIS_AWAY;

    return status;
}


/* The first line; rotated files are read anew with each connection. */
static enum mp_status
mp_password_read(char *password_r, size_t size, const char *path,
                 struct mp_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0) {
        return mp_fail(err, MP_FORBIDDEN, "redis_password_file", "%s: %s",
                       path, strerror(errno));
    }

    do {
        n = read(fd, password_r, size - 1);
    } while (n < 0 && errno == EINTR);

    (void) close(fd);

    if (n < 0) {
        return mp_fail(err, MP_FORBIDDEN, "redis_password_file", "%s: %s",
                       path, strerror(errno));
    }

    password_r[n] = '\0';
    password_r[strcspn(password_r, "\r\n")] = '\0';

    if (password_r[0] == '\0') {
        return mp_fail(err, MP_FORBIDDEN, "redis_password_file",
                       "%s: the first line is empty", path);
    }

    return MP_OK;
}


/* Words end with a NULL, or fill the array. */
static enum mp_status
mp_redis_queue_words(struct mp_redis *redis, const char *const words[3],
                     struct mp_error *err)
{
    struct mp_cmd cmd;
    enum mp_status status;

    mp_cmd_init(&cmd);

    for (unsigned int i = 0; i < 3 && words[i] != NULL; i++) {
        mp_cmd_text(&cmd, words[i]);
    }

    status = mp_redis_queue(redis, &cmd, err);

    /* a password may have been in it */
    if (cmd.bytes != NULL) {
        explicit_bzero(cmd.bytes, cmd.used);
    }

    mp_cmd_free(&cmd);

    return status;
}


static enum mp_status
mp_redis_queue_auth(struct mp_redis *redis, struct mp_error *err)
{
    char password[512];
    const char *words[3] = { "AUTH", redis->user, password };
    enum mp_status status;

    if (redis->password_file == NULL) {
        return MP_OK;
    }

    if (redis->user == NULL) {
        words[1] = "default";
    }

    status = mp_password_read(password, sizeof(password), redis->password_file,
                              err);
    if (status == MP_OK) {
        status = mp_redis_queue_words(redis, words, err);
    }

    explicit_bzero(password, sizeof(password));

    return status;
}


/* All at once: a handshake of one round trip. */
static enum mp_status
mp_redis_greet(struct mp_redis *redis, struct mp_error *err)
{
    const char *setname[3] = { "CLIENT", "SETNAME",
                               redis->name != NULL ? redis->name
                                                   : "mailportal" };
    static const char *const role[3] = { "ROLE", NULL, NULL };
    static const char *const info[3] = { "INFO", NULL, NULL };
    enum mp_status status = mp_redis_queue_auth(redis, err);

    if (status == MP_OK) {
        status = mp_redis_queue_words(redis, setname, err);
    }

    if (status == MP_OK) {
        status = mp_redis_queue_words(redis, role, err);
    }

    if (status == MP_OK) {
        status = mp_redis_queue_words(redis, info, err);
    }

    return status;
}


static enum mp_status
mp_role_check(const redisReply *role, struct mp_error *err)
{
    if (role->type != REDIS_REPLY_ARRAY || role->elements < 1
        || role->element[0] == NULL
        || role->element[0]->type != REDIS_REPLY_STRING)
    {
        return mp_fail(err, MP_REDIS_AWAY, "",
                       "the answer of ROLE is not Redis's");
    }

    if (strcmp(role->element[0]->str, "master") != 0) {
        return mp_fail(err, MP_REDIS_READONLY, "",
                       "this Redis is a %.16s, not the master",
                       role->element[0]->str);
    }

    return MP_OK;
}


static enum mp_status
mp_info_reply_check(const redisReply *info, struct mp_error *err)
{
    if (info->type != REDIS_REPLY_STRING) {
        return mp_fail(err, MP_REDIS_AWAY, "",
                       "the answer of INFO is not Redis's");
    }

    return mp_info_check(info->str, info->len, err);
}


/* Takes the replies of the greeting; the last two tell what this Redis is. */
static enum mp_status
mp_redis_greeted(struct mp_redis *redis, int64_t deadline,
                 struct mp_error *err)
{
    enum mp_status status = MP_OK;

    while (status == MP_OK && redis->pending > 0) {
        redisReply *reply = NULL;

        status = mp_redis_next(redis, deadline, &reply, err);
        if (status == MP_OK) {
            status = mp_redis_judge(redis, &reply, err);
        }

        if (status == MP_OK && redis->pending < 2 && !redis->unchecked) {
            status = redis->pending == 1 ? mp_role_check(reply, err)
                                         : mp_info_reply_check(reply, err);
        }

        freeReplyObject(reply);
    }

    return status == MP_REDIS_UNSAFE && redis->unsafe ? MP_OK : status;
}


/* "unix:/path", or "address:port" with an IPv6 address in brackets */
static redisContext *
mp_redis_open(const char *socket)
{
    static const char unix_prefix[] = "unix:";
    char address[64];
    const char *colon = strrchr(socket, ':');
    size_t len;
    long port;
    char *end;

    if (strncmp(socket, unix_prefix, sizeof(unix_prefix) - 1) == 0) {
        return redisConnectUnixNonBlock(socket + sizeof(unix_prefix) - 1);
    }

    if (colon == NULL) {
        errno = EINVAL;
        return NULL;
    }

    len = (size_t) (colon - socket);
    if (len >= 2 && socket[0] == '[' && colon[-1] == ']') {
        socket++;
        len -= 2;
    }

    port = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || port < 1 || port > 65535
        || len == 0 || len >= sizeof(address))
    {
        errno = EINVAL;
        return NULL;
    }

    memcpy(address, socket, len);
    address[len] = '\0';

    return redisConnectNonBlock(address, (int) port);
}


enum mp_status
mp_redis_connect(struct mp_redis *redis, struct mp_error *err)
{
    int64_t deadline = mp_now_msecs() + redis->timeout_msecs;
    enum mp_status status;

    if (redis->doubtful && redis->pending == 0) {
        mp_redis_drop(redis);
    }

    if (redis->context != NULL) {
        return MP_OK;
    }

    redis->context = mp_redis_open(redis->socket);
    if (redis->context == NULL) {
        return mp_redis_away(redis, err, strerror(errno));
    }

    if (redis->context->err != 0) {
        return mp_redis_away(redis, err, redis->context->errstr);
    }

    (void) fcntl(redis->context->fd, F_SETFD, FD_CLOEXEC);

    if (redis->context->connection_type == REDIS_CONN_TCP) {
        (void) redisEnableKeepAlive(redis->context);
    }

    status = mp_redis_greet(redis, err);
    if (status == MP_OK) {
        status = mp_redis_greeted(redis, deadline, err);
    }

    if (status != MP_OK) {
        mp_redis_drop(redis);

        /* an answer that is none of Redis's is no answer */
        return status == MP_INVALID || status == MP_INTERNAL ? MP_REDIS_AWAY
                                                             : status;
    }

    return MP_OK;
}


enum mp_status
mp_redis_push(struct mp_redis *redis, struct mp_error *err)
{
    return mp_redis_flush(redis, mp_now_msecs() + redis->timeout_msecs, err);
}


enum mp_status
mp_redis_send(struct mp_redis *redis, struct mp_cmd *cmd, struct mp_error *err)
{
    enum mp_status status = mp_redis_connect(redis, err);

    if (status == MP_OK) {
        status = mp_redis_queue(redis, cmd, err);
    }

    if (status == MP_OK && sdslen(redis->context->obuf) > MP_REDIS_QUEUE) {
        status = mp_redis_push(redis, err);
    }

    return status;
}


static enum mp_status
mp_redis_collect(struct mp_redis *redis, unsigned int extra_msecs,
                 redisReply **reply_r, struct mp_error *err)
{
    int64_t deadline = mp_now_msecs() + redis->timeout_msecs + extra_msecs;
    enum mp_status status;

    *reply_r = NULL;

    if (redis->context == NULL || redis->pending == 0) {
        return mp_fail(err, MP_REDIS_AWAY, "", "no answer is to come");
    }

    status = mp_redis_next(redis, deadline, reply_r, err);
    if (status == MP_OK) {
        status = mp_redis_judge(redis, reply_r, err);
    }

    return status;
}


enum mp_status
mp_redis_reply(struct mp_redis *redis, redisReply **reply_r,
               struct mp_error *err)
{
    return mp_redis_collect(redis, 0, reply_r, err);
}


enum mp_status
mp_redis_do(struct mp_redis *redis, struct mp_cmd *cmd,
            unsigned int extra_msecs, redisReply **reply_r,
            struct mp_error *err)
{
    enum mp_status status;

    *reply_r = NULL;

    /* answers that nobody collected would be taken for this one's */
    if (redis->pending > 0) {
        mp_redis_drop(redis);
    }

    status = mp_redis_send(redis, cmd, err);
    if (status == MP_OK) {
        status = mp_redis_collect(redis, extra_msecs, reply_r, err);
    }

    return status;
}
