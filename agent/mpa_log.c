/*
 * Follows the logs of Postfix and Dovecot: once for their lines, and once for
 * what they tell of messages, each in one thread for both logs.
 */

#include "mpa_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mp_clock.h"
#include "mp_log.h"
#include "mpa_parts.h"

#define MPA_LOG_POLL  50   /* milliseconds until it is looked for more */
#define MPA_LOG_LOOK  1000 /* until it is asked which file has the name */
#define MPA_LOG_RETRY 1000
#define MPA_LOG_OPEN  5000 /* the helper may take so long */
#define MPA_LOG_LATER 1000 /* messages are told of when the lines are there */

#define MPA_LOG_ROTATED 4 /* of OPEN_LOG */


static const char *const mpa_log_names[] = {
    [MPA_SERVICE_POSTFIX] = "postfix",
    [MPA_SERVICE_DOVECOT] = "dovecot",
    [MPA_SERVICE_MILTER] = "milter",
};

static const char *const mpa_log_titles[] = {
    [MPA_SERVICE_POSTFIX] = "Postfix",
    [MPA_SERVICE_DOVECOT] = "Dovecot",
    [MPA_SERVICE_MILTER] = MP_MAIL_MILTER,
};

static const unsigned int mpa_log_troubles[] = {
    [MPA_SERVICE_POSTFIX] = MPA_TROUBLE_LOG_POSTFIX,
    [MPA_SERVICE_DOVECOT] = MPA_TROUBLE_LOG_DOVECOT,
    [MPA_SERVICE_MILTER] = MPA_TROUBLE_LOG_MILTER,
};


static enum mp_status
mpa_log_open(void *data, bool rotated, int *fd_r, struct mp_error *err)
{
    struct mpa_log_file *file = data;
    uint32_t arg = (uint32_t) file->service + (rotated ? MPA_LOG_ROTATED : 0);
    enum mp_status status;
    int64_t value;

    *fd_r = -1;
    status = mpa_helper_ask(file->log->agent->helper, MPA_OP_OPEN_LOG, arg,
                            MPA_LOG_OPEN, &value, fd_r, err);

    if (status == MP_OK && *fd_r < 0) {
        status = mp_fail(err, MP_INTERNAL, "", "the helper gave no file");
    }

    return status;
}


static unsigned int
mpa_log_class(void *data, const char *head, size_t len)
{
    struct mp_logline line;

    (void) data;
    mp_logline_parse(&line, head, len);

    return line.dovecot ? MPA_SERVICE_DOVECOT : MPA_SERVICE_POSTFIX;
}


/* What is wrong with a file that both readers have, one of them says. */
static bool
mpa_log_speaks(const struct mpa_log_file *file)
{
    return file->log->trace == NULL || file->service == MPA_SERVICE_MILTER;
}


static void
mpa_log_bad(struct mpa_log_file *file, const struct mp_error *err)
{
    if (!mpa_log_speaks(file)) {
        return;
    }

    mp_health_bad(file->log->agent->health, file->trouble,
                  "the log of %s is not followed: %s",
                  file->both ? "Postfix and Dovecot"
                             : mpa_log_titles[file->service],
                  err->text);
}


/* The place as Redis has it: what Redis has lost is not there. */
static enum mp_status
mpa_log_load(struct mpa_log_file *file, struct mpa_place *place_r,
             bool *found_r, struct mp_error *err)
{
    struct mp_cmd cmd;
    redisReply *reply;
    enum mp_status status;

    mp_cmd_init(&cmd);
    mp_cmd_texts(&cmd, "GET", file->place_key.text, NULL);
    status = mp_redis_do(file->log->redis, &cmd, 0, &reply, err);
    mp_cmd_free(&cmd);

    if (status == MP_OK) {
        *found_r = reply->type == REDIS_REPLY_STRING
                && mpa_place_parse(place_r, reply->str);
        freeReplyObject(reply);
    }

    return status;
}


static enum mp_status
mpa_log_begin(struct mpa_log_file *file, bool *away_r, struct mp_error *err)
{
    struct mpa_place place;
    enum mp_status status;
    bool found, lost;

    status = mpa_log_load(file, &place, &found, err);
    if (status != MP_OK) {
        *away_r = true;
        return status;
    }

    found = found && !file->lost;
    status = mpa_tail_begin(file->tail, found ? &place : NULL, &lost, err);

    if (status == MP_OK) {
        file->begun = true;
        file->anew = !found;

        if (file->lost) {
            mp_log(MP_LOG_WARNING, "Redis has lost what the log of %s told",
                   mpa_log_names[file->service]);
            file->lost = false;

            if (file->log->trace != NULL) {
                mpa_trace_forget(file->log->trace);
            }
        }

        file->missing = false;
        file->next_look = mp_clock_steady() + MPA_LOG_LOOK;

        if (lost && mpa_log_speaks(file)) {
            mp_log(MP_LOG_WARNING,
                   "lines of the log of %s may be missing: it was cut or "
                   "rotated more than once since it was read",
                   mpa_log_names[file->service]);
        }
    }

    return status;
}


static void
mpa_log_away(struct mpa_log *log)
{
    mp_redis_drop(log->redis);

    if (log->trace != NULL) {
        mpa_trace_forget(log->trace);
    }

    for (unsigned int i = 0; i < log->count; i++) {
        log->file[i].begun = false;
    }
}


/* A Redis that was emptied has no lines, and no connection of us ended. */
static enum mp_status
mpa_log_there(struct mpa_log_file *file, bool *away_r, struct mp_error *err)
{
    struct mpa_place place;
    enum mp_status status;
    bool found;

    status = mpa_log_load(file, &place, &found, err);

    if (status != MP_OK) {
        *away_r = true;
        return status;
    }

    file->lost = file->lost || (!found && !file->anew);

    return file->lost ? MP_STALE : MP_OK;
}


static enum mp_status
mpa_log_look(struct mpa_log_file *file, bool *away_r, struct mp_error *err)
{
    int64_t now = mp_clock_steady();

    if (now < file->next_look) {
        if (mpa_tail_turns(file->tail)) {
            (void) mpa_tail_look(file->tail, now, err);
        }

        return MP_OK;
    }

    file->next_look = now + MPA_LOG_LOOK;
    file->missing = mpa_tail_look(file->tail, now, err) != MP_OK;

    if (file->missing) {
        mpa_log_bad(file, err);
    }

    return mpa_log_there(file, away_r, err);
}


/* What the file has now is in Redis: only then it is well. */
static void
mpa_log_well(struct mpa_log_file *file)
{
    file->refused = false;

    if (!file->missing && mpa_log_speaks(file)) {
        mp_health_good(file->log->agent->health, file->trouble);
    }
}


static void
mpa_log_failed(struct mpa_log_file *file, bool away,
               const struct mp_error *err)
{
    struct mpa_log *log = file->log;

    mpa_log_bad(file, err);
    file->next_look = mp_clock_steady() + MPA_LOG_RETRY;

    if (!away) {
        return;
    }

    mpa_log_away(log);
    file->refused = true;

    if (log->trace != NULL) {
        mp_health_bad(log->agent->health, MPA_TROUBLE_TRACE,
                      "messages are not traced: %s", err->text);
    }
}


/* Whether there was something to do, and more is likely. */
static bool
mpa_log_turn(struct mpa_log_file *file)
{
    enum mp_status status = MP_OK;
    bool away = false;
    struct mp_error err;

    if (!file->begun) {
        if (mp_clock_steady() < file->next_look) {
            return false;
        }

        status = mpa_log_begin(file, &away, &err);
    }

    if (status == MP_OK) {
        status = mpa_log_look(file, &away, &err);
    }

    if (status == MP_OK) {
        status = mpa_log_batch(file, &away, &err);
    }

    if (status == MP_OK || status == MP_NOT_FOUND) {
        if (file->begun) {
            mpa_log_well(file);
            return status == MP_OK;
        }
    }

    file->begun = false;

    if (status == MP_STALE && !away) {
        return true;
    }

    mpa_log_failed(file, away, &err);

    return false;
}


static void
mpa_log_expire(struct mpa_log *log)
{
    struct mp_health *health = log->agent->health;
    bool refused = false;
    struct mp_error err;

    for (unsigned int i = 0; i < log->count; i++) {
        refused = refused || log->file[i].refused;
    }

    if (mpa_trace_expire(log->trace, log->redis, mp_clock_msecs(), &err)
        != MP_OK) {
        mp_health_bad(health, MPA_TROUBLE_TRACE,
                      "old messages are not removed from the trace: %s",
                      err.text);
        mpa_log_away(log);

    } else if (!refused) {
        mp_health_good(health, MPA_TROUBLE_TRACE);
    }
}


static void *
mpa_log_run(void *arg)
{
    struct mpa_log *log = arg;

    if (log->trace != NULL) {
        (void) mpa_thread_sleep(&log->thread, MPA_LOG_LATER);
    }

    while (mpa_thread_goes_on(&log->thread)) {
        bool busy = false;

        for (unsigned int i = 0; i < log->count; i++) {
            busy = mpa_log_turn(&log->file[i]) || busy;
        }

        if (log->trace != NULL) {
            mpa_log_expire(log);
        }

        if (!busy) {
            (void) mpa_thread_sleep(&log->thread, MPA_LOG_POLL);
        }
    }

    return NULL;
}


static bool
mpa_log_add(struct mpa_log *log, enum mpa_service service, bool both)
{
    struct mpa_log_file *file = &log->file[log->count];
    struct mpa_tail_options options = {
        .open = mpa_log_open,
        .data = file,
        .first = MPA_LOG_LINES,
        .classes = both ? MPA_SERVICE_KEPT : 1,
        .class = both ? mpa_log_class : NULL,
    };
    char part[MP_NODE_SIZE + 32];

    (void) snprintf(part, sizeof(part), "agent-%s%s:%s",
                    log->trace != NULL ? "trace-" : "", mpa_log_names[service],
                    log->agent->config.node);

    file->log = log;
    file->service = service;
    file->both = both;
    file->trouble = mpa_log_troubles[service];
    file->tail = mpa_tail_new(&options);
    log->count++;

    return mp_key_name(&file->place_key, MP_KEY_LOG_PLACE, part)
        && file->tail != NULL;
}


static bool
mpa_log_files(struct mpa_log *log)
{
    const struct mpa_config *config = &log->agent->config;
    bool both = strcmp(config->postfix_log, config->dovecot_log) == 0;
    char part[MP_NODE_SIZE + 16];
    bool ok = true;

    for (unsigned int i = 0; i < MPA_SERVICE_KEPT; i++) {
        (void) snprintf(part, sizeof(part), "%s:%s", mpa_log_names[i],
                        config->node);
        ok = mp_key_name(&log->key[i], MP_KEY_LOG, part) && ok;
    }

    if (config->postfix_log[0] != '\0') {
        ok = mpa_log_add(log, MPA_SERVICE_POSTFIX, both) && ok;
    }

    if (config->dovecot_log[0] != '\0' && !both) {
        ok = mpa_log_add(log, MPA_SERVICE_DOVECOT, false) && ok;
    }

    if (config->milter_log[0] != '\0' && log->trace != NULL) {
        ok = mpa_log_add(log, MPA_SERVICE_MILTER, false) && ok;
    }

    return ok;
}


/* trace: taken over; NULL for the reader of the lines. */
static enum mp_status
mpa_log_new(struct mpa *agent, struct mpa_trace *trace, void **state_r,
            struct mp_error *err)
{
    struct mpa_log *log = calloc(1, sizeof(*log));
    int rc;

    if (log == NULL) {
        mpa_trace_free(trace);
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    *state_r = log;
    log->agent = agent;
    log->trace = trace;
    log->redis =
        mpa_redis_new(agent, trace != NULL ? "agent-trace" : "agent-log");

    if (log->redis == NULL || !mpa_log_files(log)) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    rc = mpa_thread_start(&log->thread, mpa_log_run, log);

    return rc == 0 ? MP_OK
                   : mp_fail(err, MP_INTERNAL, "", "cannot start a thread: %s",
                             strerror(rc));
}


enum mp_status
mpa_log_start(struct mpa *agent, void **state_r, struct mp_error *err)
{
    return mpa_log_new(agent, NULL, state_r, err);
}


enum mp_status
mpa_trace_start(struct mpa *agent, void **state_r, struct mp_error *err)
{
    struct mpa_trace *trace =
        mpa_trace_new(agent->config.node, agent->config.trace_keep,
                      agent->config.trace_messages);

    if (trace == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    return mpa_log_new(agent, trace, state_r, err);
}


void
mpa_log_stop(void *state)
{
    struct mpa_log *log = state;

    mpa_thread_stop(&log->thread);

    for (unsigned int i = 0; i < log->count; i++) {
        mpa_tail_free(log->file[i].tail);
    }

    mpa_trace_free(log->trace);
    mp_redis_free(log->redis);
    free(log);
}


void
mpa_trace_stop(void *state)
{
    mpa_log_stop(state);
}
