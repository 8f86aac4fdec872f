/*
 * Any bytes as the logs of mail, a line each, and the first line as what Redis
 * has of a message: what is made of them is JSON that can be read again.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mpa_trace.h"

#define LINES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *kept;
static size_t kept_len;


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


/* Redis: it has one document, under whatever id. */
enum mp_status
mp_redis_do(struct mp_redis *redis, struct mp_cmd *cmd,
            unsigned int timeout_msecs, redisReply **reply_r,
            struct mp_error *err)
{
    redisReader *reader = redisReaderCreate();
    size_t ids = 0;
    char head[64];
    void *reply = NULL;
    int len;

    (void) redis;
    (void) timeout_msecs;
    (void) err;
    must(reader != NULL && mp_cmd_argv(cmd) != NULL);

    if (strcmp(cmd->argv[0], "ZCARD") == 0) {
        (void) redisReaderFeed(reader, ":0\r\n", 4);
    } else {
        ids = strcmp(cmd->argv[0], "HMGET") == 0 ? cmd->argc - 2 : 0;
        len = snprintf(head, sizeof(head), "*%zu\r\n", ids);
        (void) redisReaderFeed(reader, head, (size_t) len);
    }

    for (size_t i = 0; i < ids; i++) {
        len = snprintf(head, sizeof(head), "$%zu\r\n", kept_len);
        (void) redisReaderFeed(reader, head, (size_t) len);
        (void) redisReaderFeed(reader, kept, kept_len);
        (void) redisReaderFeed(reader, "\r\n", 2);
    }

    must(redisReaderGetReply(reader, &reply) == REDIS_OK && reply != NULL);
    redisReaderFree(reader);
    *reply_r = reply;

    return MP_OK;
}


/* What is older than is kept is not asked for here. */
enum mp_status
mp_redis_send(struct mp_redis *redis, struct mp_cmd *cmd, struct mp_error *err)
{
    (void) redis;
    (void) cmd;
    (void) err;
    abort();
}


enum mp_status
mp_redis_reply(struct mp_redis *redis, redisReply **reply_r,
               struct mp_error *err)
{
    (void) redis;
    (void) reply_r;
    (void) err;
    abort();
}


static void
sent(void *data, struct mp_cmd *cmd)
{
    const struct mpa_trace *trace = data;
    json_t *doc;

    must(mp_cmd_argv(cmd) != NULL);

    if (strcmp(cmd->argv[1], trace->stories_key.text) == 0) {
        must(cmd->argc == 4 && strcmp(cmd->argv[0], "HSET") == 0);
        doc = json_loadb(cmd->argv[3], cmd->lens[3], JSON_REJECT_DUPLICATES,
                         NULL);
        must(json_is_object(doc));
        json_decref(doc);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mpa_trace *trace = mpa_trace_new("mx1", 1000, 100);
    const char *at = (const char *) data, *end = at + size, *lf;

    must(trace != NULL && mpa_trace_load(trace, NULL, NULL) == MP_OK);
    kept = at;
    kept_len = 0;

    for (int i = 0; i < LINES && at < end; i++) {
        struct mp_mail_event event;
        struct mp_logline line;

        lf = memchr(at, '\n', (size_t) (end - at));
        lf = lf != NULL ? lf : end;

        if (i == 0) {
            kept_len = (size_t) (lf - at);
            /* a message that it is the document of */
            (void) json_object_set_new(trace->open, "qABC1234567",
                                       json_string("1795379305000-1"));
        }

        mp_logline_parse(&line, at, (size_t) (lf - at));
        mp_mail_event_parse(&event, &line);
        mpa_trace_want(trace, &event);
        must(mpa_trace_fetch(trace, NULL, NULL) == MP_OK);
        mpa_trace_line(trace, &line, &event, 1795379305 + i);
        at = lf + 1;
    }

    mpa_trace_commands(trace, NULL, sent, trace);
    mpa_trace_done(trace, NULL);
    mpa_trace_free(trace);

    return 0;
}
