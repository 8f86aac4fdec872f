/* From lines of a file to lines in Redis, each exactly once. */

#include "mpa_log.h"

#include <stdio.h>
#include <string.h>

#include "mp_clock.h"

#define MPA_BATCH_PUSH 250 /* lines */


/* Most lines are of the second of the one before. */
int64_t
mpa_batch_time(struct mpa_batch *batch, const struct mp_span *time)
{
    if (batch->time_len == 0 || time->len != batch->time_len
        || memcmp(time->bytes, batch->time, time->len) != 0)
    {
        batch->time_len = time->len <= sizeof(batch->time) ? time->len : 0;
        if (batch->time_len > 0) {
            memcpy(batch->time, time->bytes, batch->time_len);
        }
        batch->at = mp_logline_time(time, batch->now);
    }

    return batch->at;
}


void
mpa_batch_send(struct mpa_batch *batch, struct mp_error *err)
{
    if (batch->status == MP_OK) {
        batch->status =
            mp_redis_send(batch->file->log->redis, &batch->cmd, err);
    }

    if (batch->status == MP_OK) {
        batch->sent++;
    }

    mp_cmd_reset(&batch->cmd);
}


static void
mpa_batch_add(struct mpa_batch *batch, const struct mpa_line *line,
              struct mp_error *err)
{
    struct mpa_log_file *file = batch->file;
    enum mpa_service service = file->service;
    struct mp_cmd *cmd = &batch->cmd;
    struct mp_logline parsed;

    mp_logline_parse(&parsed, line->bytes, line->len);

    if (file->both) {
        service = parsed.dovecot ? MPA_SERVICE_DOVECOT : MPA_SERVICE_POSTFIX;
    }

    mp_cmd_texts(cmd, "XADD", file->log->key[service].text, "*", "t", NULL);
    mp_cmd_number(cmd, mpa_batch_time(batch, &parsed.time));
    mp_cmd_text(cmd, "l");
    mp_cmd_add(cmd, line->bytes, line->len);

    if (line->whole > line->len) {
        mp_cmd_text(cmd, "n");
        mp_cmd_number(cmd, (long long) line->whole);
    }

    mpa_batch_send(batch, err);
    batch->of[service]++;
}


/* What EXEC answers: of the place at the end, the one that was before. */
static bool
mpa_batch_done(struct mpa_batch *batch, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        return false;
    }

    for (size_t i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type == REDIS_REPLY_ERROR) {
            return false;
        }
    }

    batch->file->lost =
        !batch->file->anew
        && reply->element[reply->elements - 1]->type == REDIS_REPLY_NIL;

    return true;
}


/* After a refusal the connection is ended, and with it what is left. */
static enum mp_status
mpa_batch_replies(struct mpa_batch *batch, struct mp_error *err)
{
    for (unsigned int i = 0; i < batch->sent; i++) {
        redisReply *reply;
        enum mp_status status =
            mp_redis_reply(batch->file->log->redis, &reply, err);
        bool done;

        if (status != MP_OK) {
            return status;
        }

        done = i + 1 < batch->sent || mpa_batch_done(batch, reply);
        freeReplyObject(reply);

        if (!done) {
            return mp_fail(err, MP_INTERNAL, "", "Redis did not do it");
        }
    }

    return MP_OK;
}


enum mp_status
mpa_batch_end(struct mpa_batch *batch, struct mp_error *err)
{
    struct mpa_log_file *file = batch->file;
    char text[MPA_PLACE_SIZE];
    struct mpa_place place;

    mpa_tail_place(file->tail, &place);
    mpa_place_format(text, &place);
    mp_cmd_texts(&batch->cmd, "SET", file->place_key.text, text, "GET", NULL);
    mpa_batch_send(batch, err);

    mp_cmd_text(&batch->cmd, "EXEC");
    mpa_batch_send(batch, err);

    return batch->status == MP_OK ? mpa_batch_replies(batch, err)
                                  : batch->status;
}


/* The lines that are there, in memory of their own. */
static enum mp_status
mpa_batch_read(struct mpa_batch *batch, struct mp_error *err)
{
    struct mpa_log *log = batch->file->log;
    unsigned int max = log->trace != NULL ? MPA_LOG_TRACE : MPA_LOG_BATCH;
    size_t used = 0;

    /* not more messages than are kept */
    if (log->trace != NULL && log->trace->max < max) {
        max = (unsigned int) log->trace->max;
    }

    while (batch->lines < max && used + MPA_TAIL_LINE <= sizeof(log->bytes)) {
        struct mpa_line *line = &log->line[batch->lines];
        enum mp_status status = mpa_tail_line(batch->file->tail, line, err);

        if (status != MP_OK) {
            return status;
        }

        memcpy(log->bytes + used, line->bytes, line->len);
        line->bytes = log->bytes + used;
        used += line->len;
        batch->lines++;
    }

    return MP_OK;
}


static void
mpa_batch_trim(struct mpa_batch *batch, enum mpa_service service,
               long long lines, struct mp_error *err)
{
    mp_cmd_texts(&batch->cmd, "XTRIM", batch->file->log->key[service].text,
                 "MAXLEN", "=", NULL);
    mp_cmd_number(&batch->cmd, lines);
    mpa_batch_send(batch, err);
}


static enum mp_status
mpa_batch_lines(struct mpa_batch *batch, struct mp_error *err)
{
    struct mpa_log *log = batch->file->log;

    mp_cmd_text(&batch->cmd, "MULTI");
    mpa_batch_send(batch, err);

    /* lines without a place would be there twice */
    for (unsigned int i = 0; i < MPA_SERVICE_KEPT; i++) {
        if (batch->file->anew
            && (batch->file->both || batch->file->service == i)) {
            mpa_batch_trim(batch, i, 0, err);
        }
    }

    for (unsigned int i = 0; i < batch->lines; i++) {
        mpa_batch_add(batch, &log->line[i], err);

        /* Redis reads them while we make more */
        if (i % MPA_BATCH_PUSH == MPA_BATCH_PUSH - 1 && batch->status == MP_OK)
        {
            batch->status = mp_redis_push(log->redis, err);
        }
    }

    for (unsigned int i = 0; i < MPA_SERVICE_KEPT; i++) {
        if (batch->of[i] > 0) {
            mpa_batch_trim(batch, i, MPA_LOG_LINES, err);
        }
    }

    return mpa_batch_end(batch, err);
}


enum mp_status
mpa_log_batch(struct mpa_log_file *file, bool *away_r, struct mp_error *err)
{
    struct mpa_batch batch = { .file = file };
    enum mp_status read, status = MP_OK;

    batch.now = mp_clock_msecs() / 1000;
    read = mpa_batch_read(&batch, err);

    if (batch.lines > 0) {
        mp_cmd_init(&batch.cmd);
        status = file->log->trace != NULL ? mpa_log_trace(&batch, err)
                                          : mpa_batch_lines(&batch, err);
        mp_cmd_free(&batch.cmd);
    }

    if (status != MP_OK) {
        *away_r = true;
        return status;
    }

    if (file->lost) {
        return MP_STALE;
    }

    file->anew = file->anew && batch.lines == 0;

    return batch.lines > 0 && read == MP_NOT_FOUND ? MP_OK : read;
}
