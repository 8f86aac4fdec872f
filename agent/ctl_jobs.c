/* jobs: what was asked of mailboxes, how far it is, and what went wrong. */

#include "ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_key.h"
#include "mp_record.h"

/* A record, and the answers that it lends its bytes of. */
struct ctl_job {
    struct mp_record record;
    redisReply *job;
    redisReply *progress;
};


static void
ctl_job_free(struct ctl_job *job)
{
    freeReplyObject(job->job);
    freeReplyObject(job->progress);
}


/* The caller frees job_r, whatever comes out. */
static enum mp_status
ctl_job_read(struct ctl *ctl, struct ctl_job *job_r, const char *id,
             struct mp_error *err)
{
    struct mp_keyname key;
    enum mp_status status;

    job_r->job = NULL;
    job_r->progress = NULL;

    (void) mp_key_name(&key, MP_KEY_JOB, id);
    status =
        CTL_ASK(ctl, REDIS_REPLY_ARRAY, &job_r->job, err, "HGETALL", key.text);

    if (status == MP_OK) {
        (void) mp_key_name(&key, MP_KEY_JOB_PROGRESS, id);
        status = CTL_ASK(ctl, REDIS_REPLY_ARRAY, &job_r->progress, err,
                         "HGETALL", key.text);
    }

    if (status == MP_OK) {
        status =
            mp_record_parse(&job_r->record, job_r->job, job_r->progress, err);
    }

    return status;
}


static const char *
ctl_job_target(const struct mp_job *job)
{
    return job->target[0] != '\0' ? job->target : "all";
}


/* "42 of 100" */
static void
ctl_job_done(char *text_r, size_t size, const struct mp_progress *progress)
{
    if (progress->total == 0) {
        (void) snprintf(text_r, size, "-");
        return;
    }

    (void) snprintf(text_r, size, "%" PRIu64 " of %" PRIu64, progress->done,
                    progress->total);
}


static void
ctl_job_row(struct ctl_table *table, const struct mp_record *record)
{
    const struct mp_job *job = &record->job;
    struct mp_progress total;
    char done[64];

    mp_record_total(record, &total);
    ctl_job_done(done, sizeof(done), &total);

    ctl_table_add(table, "%s", job->id);
    ctl_table_add(table, "%s", job->created_at);
    ctl_table_add(table, "%s", job->created_by);
    ctl_table_add(table, "%s%s", mp_action_table[job->action].name,
                  job->dry_run ? " (dry run)" : "");
    ctl_table_add(table, "%s", ctl_job_target(job));
    ctl_table_add(table, "%s", mp_job_state_name(total.state));
    ctl_table_add(table, "%s", done);
    ctl_table_add(table, "%" PRIu64, total.failed);
}


/* A job that cannot be read is told, and hides no other. */
static void
ctl_job_row_fault(struct ctl_table *table, const char *id,
                  const struct mp_error *err)
{
    ctl_table_add(table, "%s", id);

    for (int i = 0; i < 4; i++) {
        ctl_table_add(table, "%s", "?");
    }

    ctl_table_add(table, "cannot be read: %s %s", err->field, err->text);
    ctl_table_add(table, "%s", "?");
    ctl_table_add(table, "%s", "?");
}


static enum mp_status
ctl_jobs_add(struct ctl *ctl, const redisReply *id, struct ctl_table *table,
             struct mp_json *json, struct mp_error *err)
{
    struct ctl_job job;
    enum mp_status status;

    if (id->type != REDIS_REPLY_STRING
        || !mp_job_id_check(id->str, id->len, NULL)) {
        return MP_OK;
    }

    status = ctl_job_read(ctl, &job, id->str, err);

    if (status == MP_OK) {
        ctl_job_row(table, &job.record);
        mp_record_render(json, NULL, &job.record, false);

    } else if (status == MP_INVALID) {
        ctl_job_row_fault(table, id->str, err);
    }

    ctl_job_free(&job);

    /* the index knows jobs for longer than they live */
    return status == MP_INVALID || status == MP_NOT_FOUND ? MP_OK : status;
}


static enum mp_status
ctl_jobs_read(struct ctl *ctl, struct ctl_table *table, struct mp_json *json,
              struct mp_error *err)
{
    redisReply *ids;
    char last[16];
    enum mp_status status;

    (void) snprintf(last, sizeof(last), "%u", ctl->args.limit - 1);
    status = CTL_ASK(ctl, REDIS_REPLY_ARRAY, &ids, err, "ZREVRANGE",
                     mp_key(MP_KEY_JOB_INDEX), "0", last);

    if (status != MP_OK) {
        return status;
    }

    for (size_t i = 0; status == MP_OK && i < ids->elements; i++) {
        status = ctl_jobs_add(ctl, ids->element[i], table, json, err);
    }

    freeReplyObject(ids);

    return status;
}


static void
ctl_jobs_head(struct ctl_table *table)
{
    static const char *const names[] = {
        "JOB", "CREATED", "BY", "ACTION", "TARGET", "STATE", "DONE", "FAILED"
    };

    ctl_table_init(table, sizeof(names) / sizeof(*names));

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        ctl_table_add(table, "%s", names[i]);
    }
}


static enum mp_status
ctl_jobs_list(struct ctl *ctl, struct mp_error *err)
{
    struct ctl_table table;
    struct mp_json json;
    enum mp_status status;

    ctl_jobs_head(&table);
    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_array(&json, "jobs");

    status = ctl_jobs_read(ctl, &table, &json, err);

    mp_json_end_array(&json);
    mp_json_end_object(&json);

    if (status == MP_OK && ctl->args.json) {
        status = ctl_print_json(&json, err);
    } else {
        mp_json_free(&json);
    }

    if (status == MP_OK && !ctl->args.json) {
        ctl_table_print(&table);
    }

    ctl_table_free(&table);

    return status;
}


/* A name and what is behind it, unless that is "". */
static void
ctl_job_line(struct ctl_table *table, const char *name, const char *text)
{
    if (text[0] != '\0') {
        ctl_table_add(table, "%s", name);
        ctl_table_add(table, "%s", text);
    }
}


static void
ctl_job_asked(struct ctl_table *table, const struct mp_record *record)
{
    const struct mp_job *job = &record->job;
    char text[512];

    ctl_job_line(table, "job", job->id);
    ctl_job_line(table, "action", mp_action_table[job->action].name);
    ctl_job_line(table, "target", ctl_job_target(job));

    if (job->rate != 0) {
        (void) snprintf(text, sizeof(text), "%" PRIu32 " users a second",
                        job->rate);
        ctl_job_line(table, "at most", text);
    }

    if (job->junk_days != 0) {
        (void) snprintf(text, sizeof(text), "of more than %" PRIu32 " days",
                        job->junk_days);
        ctl_job_line(table, "junk", text);
    }

    if (job->trash_days != 0) {
        (void) snprintf(text, sizeof(text), "of more than %" PRIu32 " days",
                        job->trash_days);
        ctl_job_line(table, "trash", text);
    }

    ctl_job_line(table, "dry run", job->dry_run ? "nothing is removed" : "");
    (void) snprintf(text, sizeof(text), "%s by %s", job->created_at,
                    job->created_by);
    ctl_job_line(table, "created", text);
    ctl_job_line(table, "cancelled by", record->cancelled_by);
}


static void
ctl_job_reached(struct ctl_table *table, const struct mp_progress *total)
{
    char text[256];

    ctl_job_line(table, "state", mp_job_state_name(total->state));
    ctl_job_line(table, "started", total->started_at);
    ctl_job_line(table, "next try", total->next_at);
    ctl_job_line(table, "ended", total->ended_at);

    if (total->eta >= 0) {
        (void) snprintf(text, sizeof(text), "about %" PRId64 " seconds",
                        total->eta);
        ctl_job_line(table, "left", text);
    }

    (void) snprintf(text, sizeof(text),
                    "%" PRIu64 " of %" PRIu64 " done, %" PRIu64
                    " of these failed, %" PRIu64 " had no mailbox yet",
                    total->done, total->total, total->failed, total->skipped);
    ctl_job_line(table, "users", total->total != 0 ? text : "");
}


/* What came out; nothing for the actions of the agent. */
static void
ctl_job_result(struct ctl_table *table, const struct mp_job *job,
               const struct mp_progress *total)
{
    char text[256] = "";

    if (job->action == MP_ACTION_QUOTA_RECALC) {
        (void) snprintf(text, sizeof(text),
                        "%" PRIu64 " were wrong: %" PRIu64
                        " bytes before, %" PRIu64 " after",
                        total->drifted, total->bytes_before,
                        total->bytes_after);

    } else if (job->action == MP_ACTION_INDEX_REBUILD) {
        (void) snprintf(text, sizeof(text),
                        "%" PRIu64 " folders, %" PRIu64 " messages",
                        total->folders, total->messages);

    } else if (job->action == MP_ACTION_CLEAR_FOLDERS) {
        (void) snprintf(text, sizeof(text),
                        "%" PRIu64 " messages, %" PRIu64 " bytes %s",
                        total->messages, total->bytes,
                        job->dry_run ? "would go" : "are gone");
    }

    ctl_job_line(table, "result", text);
}


static void
ctl_job_nodes(const struct mp_record *record)
{
    struct ctl_table table;

    ctl_table_init(&table, 4);

    for (unsigned int i = 0; i < record->node_count; i++) {
        const struct mp_record_node *node = &record->node[i];
        char done[64];

        ctl_job_done(done, sizeof(done), &node->progress);
        ctl_table_add(&table, "%s", node->name);
        ctl_table_add(&table, "%s",
                      node->started ? mp_job_state_name(node->progress.state)
                                    : "not taken yet");
        ctl_table_add(&table, "%s", done);
        ctl_table_add(&table, "%s", node->progress.text);
    }

    if (table.count > 0) {
        (void) putchar('\n');
    }

    ctl_table_print(&table);
    ctl_table_free(&table);
}


/* In words, as far as it applies. */
static void
ctl_item_text(char *text_r, size_t size, const struct mp_item *item)
{
    if (item->text[0] != '\0') {
        (void) snprintf(text_r, size, "%s", item->text);

    } else if (item->before >= 0 && item->after >= 0) {
        (void) snprintf(text_r, size,
                        "%" PRId64 " bytes were counted, %" PRId64
                        " are there",
                        item->before, item->after);

    } else {
        (void) snprintf(text_r, size,
                        "%s, uid %" PRId64 ", saved %s, %" PRId64 " bytes",
                        item->folder, item->uid, item->saved_at, item->bytes);
    }
}


static void
ctl_job_items(const char *title, const struct mp_record_node *node,
              const char *bytes, size_t len)
{
    struct mp_item items[MP_ITEMS_MAX];
    struct ctl_table table;
    size_t count = 0;

    if (bytes == NULL
        || mp_items_parse(items, &count, bytes, len, NULL) != MP_OK
        || count == 0)
    {
        return;
    }

    ctl_table_init(&table, 2);

    for (size_t i = 0; i < count; i++) {
        char text[512];

        ctl_item_text(text, sizeof(text), &items[i]);
        ctl_table_add(&table, "%s", items[i].target);
        ctl_table_add(&table, "%s", text);
    }

    (void) printf("\n%s, %s:\n", title, node->name);
    ctl_table_print(&table);
    ctl_table_free(&table);
}


static void
ctl_job_print(const struct mp_record *record)
{
    struct mp_progress total;
    struct ctl_table table;

    mp_record_total(record, &total);
    ctl_table_init(&table, 2);
    ctl_job_asked(&table, record);
    ctl_job_reached(&table, &total);
    ctl_job_result(&table, &record->job, &total);
    ctl_table_print(&table);
    ctl_table_free(&table);

    ctl_job_nodes(record);

    for (unsigned int i = 0; i < record->node_count; i++) {
        const struct mp_record_node *node = &record->node[i];

        ctl_job_items("failed", node, node->errors, node->errors_len);
        ctl_job_items("found", node, node->details, node->details_len);
    }
}


static enum mp_status
ctl_job_show(struct ctl *ctl, struct mp_error *err)
{
    const char *id = ctl->args.name;
    struct mp_json json;
    struct ctl_job job;
    enum mp_status status;

    if (!mp_job_id_check(id, strlen(id), NULL)) {
        return mp_fail(err, MP_INVALID, "",
                       "the id of a job is 24 digits and letters from a to f");
    }

    status = ctl_job_read(ctl, &job, id, err);

    if (status == MP_OK && ctl->args.json) {
        mp_json_init(&json);
        mp_record_render(&json, NULL, &job.record, true);
        status = ctl_print_json(&json, err);

    } else if (status == MP_OK) {
        ctl_job_print(&job.record);
    }

    ctl_job_free(&job);

    return status;
}


enum mp_status
ctl_jobs(struct ctl *ctl, struct mp_error *err)
{
    return ctl->args.name != NULL ? ctl_job_show(ctl, err)
                                  : ctl_jobs_list(ctl, err);
}
