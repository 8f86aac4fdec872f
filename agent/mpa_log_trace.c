/* From lines of a file to the stories of messages, each told once. */

#include "mpa_log.h"

#include <string.h>

struct mpa_log_trace_out {
    struct mpa_batch *batch;
    struct mp_error *err;
};


/* The milter's own file has neither its name nor times. */
static void
mpa_log_trace_parse(const struct mpa_log_file *file,
                    const struct mpa_line *line, struct mp_logline *parsed_r,
                    struct mp_mail_event *event_r)
{
    static const char milter[] = MP_MAIL_MILTER;

    mp_logline_parse(parsed_r, line->bytes, line->len);

    if (file->service == MPA_SERVICE_MILTER) {
        memset(parsed_r, 0, sizeof(*parsed_r));
        parsed_r->process = (struct mp_span){ milter, sizeof(milter) - 1 };
        parsed_r->text = (struct mp_span){ line->bytes, line->len };
    }

    mp_mail_event_parse(event_r, parsed_r);
}


/* What the lines tell, and which stories must go for it. */
static enum mp_status
mpa_log_trace_read(struct mpa_batch *batch, redisReply **oldest_r,
                   struct mp_error *err)
{
    struct mpa_log *log = batch->file->log;
    struct mp_mail_event event;
    struct mp_logline line;
    enum mp_status status = mpa_trace_load(log->trace, log->redis, err);

    for (unsigned int i = 0; status == MP_OK && i < batch->lines; i++) {
        mpa_log_trace_parse(batch->file, &log->line[i], &line, &event);
        mpa_trace_want(log->trace, &event);
    }

    if (status == MP_OK) {
        status = mpa_trace_fetch(log->trace, log->redis, err);
    }

    for (unsigned int i = 0; status == MP_OK && i < batch->lines; i++) {
        mpa_log_trace_parse(batch->file, &log->line[i], &line, &event);
        mpa_trace_line(log->trace, &line, &event,
                       mpa_batch_time(batch, &line.time));
    }

    return status == MP_OK
             ? mpa_trace_oldest(log->trace, log->redis, oldest_r, err)
             : status;
}


static void
mpa_log_trace_out(void *data, struct mp_cmd *cmd)
{
    struct mpa_log_trace_out *out = data;
    struct mpa_batch *batch = out->batch;

    if (batch->status == MP_OK) {
        batch->status = mp_redis_send(batch->file->log->redis, cmd, out->err);
    }

    if (batch->status == MP_OK) {
        batch->sent++;
    }
}


enum mp_status
mpa_log_trace(struct mpa_batch *batch, struct mp_error *err)
{
    struct mpa_log *log = batch->file->log;
    struct mpa_log_trace_out out = { batch, err };
    redisReply *oldest = NULL;
    enum mp_status status = mpa_log_trace_read(batch, &oldest, err);

    if (status == MP_OK) {
        mp_cmd_text(&batch->cmd, "MULTI");
        mpa_batch_send(batch, err);
        mpa_trace_commands(log->trace, oldest, mpa_log_trace_out, &out);
        status = mpa_batch_end(batch, err);
    }

    if (status == MP_OK) {
        mpa_trace_done(log->trace, oldest);
    }

    freeReplyObject(oldest);

    return status;
}
