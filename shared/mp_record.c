#include "mp_record.h"

#include <string.h>

#include "mp_key.h"
#include "mp_take.h"

static bool
mp_is_pairs(const redisReply *reply)
{
    return reply != NULL && reply->type == REDIS_REPLY_ARRAY
        && reply->elements % 2 == 0;
}


static bool
mp_is_string(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING && reply->str != NULL;
}


static const redisReply *
mp_hash_find(const redisReply *hash, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i + 1 < hash->elements; i += 2) {
        const redisReply *field = hash->element[i];

        if (mp_is_string(field) && field->len == len
            && memcmp(field->str, name, len) == 0
            && mp_is_string(hash->element[i + 1]))
        {
            return hash->element[i + 1];
        }
    }

    return NULL;
}


/* The node that is named behind the two bytes of a field's kind. */
static bool
mp_field_node(char node_r[MP_NODE_SIZE], const redisReply *field)
{
    if (!mp_is_string(field) || field->len < 3
        || field->len - 2 >= MP_NODE_SIZE || field->str[1] != ':'
        || memchr(field->str, '\0', field->len) != NULL)
    {
        return false;
    }

    memcpy(node_r, field->str + 2, field->len - 2);
    node_r[field->len - 2] = '\0';

    return mp_node_check(node_r, NULL) == MP_OK;
}


static struct mp_record_node *
mp_record_find(struct mp_record *record, const char *name)
{
    for (unsigned int i = 0; i < record->node_count; i++) {
        if (strcmp(record->node[i].name, name) == 0) {
            return &record->node[i];
        }
    }

    return NULL;
}


bool
mp_record_awaits(const struct mp_record_node *node)
{
    return !node->started || !mp_job_state_ended(node->progress.state);
}


/* NULL when there is no room for one more. */
static struct mp_record_node *
mp_record_add(struct mp_record *record, const char *name)
{
    struct mp_record_node *node = mp_record_find(record, name);

    if (node == NULL && record->node_count < MP_JOB_NODES_MAX) {
        node = &record->node[record->node_count++];
        memcpy(node->name, name, strlen(name) + 1);
    }

    return node;
}


static void
mp_record_take_progress(struct mp_record *record, const redisReply *hash)
{
    for (size_t i = 0; i + 1 < hash->elements; i += 2) {
        const redisReply *value = hash->element[i + 1];
        struct mp_progress progress;
        struct mp_record_node *node;
        char name[MP_NODE_SIZE];

        if (!mp_field_node(name, hash->element[i])
            || hash->element[i]->str[0] != 'n' || !mp_is_string(value)
            || mp_progress_parse(&progress, value->str, value->len, NULL)
                   != MP_OK)
        {
            continue;
        }

        node = mp_record_add(record, name);
        if (node != NULL) {
            node->started = true;
            node->progress = progress;
        }
    }
}


static void
mp_record_take_items(struct mp_record *record, const redisReply *hash)
{
    for (size_t i = 0; i + 1 < hash->elements; i += 2) {
        const redisReply *value = hash->element[i + 1];
        struct mp_record_node *node;
        char name[MP_NODE_SIZE];

        if (!mp_field_node(name, hash->element[i]) || !mp_is_string(value)) {
            continue;
        }

        node = mp_record_find(record, name);
        if (node == NULL || !node->started) {
            continue;
        }

        if (hash->element[i]->str[0] == 'e') {
            node->errors = value->str;
            node->errors_len = value->len;

        } else if (hash->element[i]->str[0] == 'd') {
            node->details = value->str;
            node->details_len = value->len;
        }
    }
}


static void
mp_record_take_cancel(struct mp_record *record, const redisReply *hash)
{
    const redisReply *by = mp_hash_find(hash, "cancel");

    if (by == NULL || by->len == 0 || by->len >= sizeof(record->cancelled_by)
        || memchr(by->str, '\0', by->len) != NULL)
    {
        return;
    }

    record->cancelled = true;
    memcpy(record->cancelled_by, by->str, by->len + 1);
}


static void
mp_record_give_up(struct mp_record_node *node)
{
    static const struct mp_progress none = { .state = MP_JOB_CANCELLED,
                                             .eta = -1 };

    if (!mp_record_awaits(node)) {
        return;
    }

    if (!node->started) {
        node->started = true;
        node->progress = none;
    }

    node->progress.state = MP_JOB_CANCELLED;
    node->progress.eta = -1;
    mp_cut(node->progress.text, sizeof(node->progress.text),
           "it did not answer when the job was cancelled");
}


/* Nodes that the job was not to wait for when somebody cancelled it. */
static void
mp_record_take_gone(struct mp_record *record, const redisReply *hash)
{
    const redisReply *gone = mp_hash_find(hash, "gone");
    size_t start = 0;

    if (gone == NULL || !record->cancelled) {
        return;
    }

    while (start < gone->len) {
        const char *name = gone->str + start;
        size_t len = strcspn(name, " ");

        for (unsigned int i = 0; i < record->node_count; i++) {
            if (strlen(record->node[i].name) == len
                && memcmp(record->node[i].name, name, len) == 0)
            {
                mp_record_give_up(&record->node[i]);
            }
        }

        start += len + 1;
    }
}


enum mp_status
mp_record_parse(struct mp_record *record_r, const redisReply *job,
                const redisReply *progress, struct mp_error *err)
{
    const redisReply *text;
    enum mp_status status;

    memset(record_r, 0, sizeof(*record_r));

    if (!mp_is_pairs(job)) {
        return mp_fail(err, MP_INVALID, "", "is not the record of a job");
    }

    text = mp_hash_find(job, "job");
    if (text == NULL) {
        return mp_fail(err, MP_NOT_FOUND, "", "there is no such job");
    }

    status = mp_job_parse(&record_r->job, text->str, text->len, err);
    if (status != MP_OK) {
        return status;
    }

    mp_record_take_cancel(record_r, job);

    for (unsigned int i = 0; i < record_r->job.node_count; i++) {
        (void) mp_record_add(record_r, record_r->job.node[i]);
    }

    if (mp_is_pairs(progress)) {
        mp_record_take_progress(record_r, progress);
        mp_record_take_items(record_r, progress);
    }

    mp_record_take_gone(record_r, job);

    return MP_OK;
}


bool
mp_record_gone_command(struct mp_cmd *cmd, const struct mp_record *record)
{
    char names[MP_JOB_NODES_MAX * (MP_NODE_SIZE + 1)];
    struct mp_keyname key;
    size_t len = 0;

    for (unsigned int i = 0; i < record->node_count; i++) {
        const struct mp_record_node *node = &record->node[i];
        size_t size = strlen(node->name);

        if (node->silent_since == 0) {
            continue;
        }

        if (len > 0) {
            names[len++] = ' ';
        }

        memcpy(names + len, node->name, size);
        len += size;
    }

    if (len == 0) {
        return false;
    }

    (void) mp_key_name(&key, MP_KEY_JOB, record->job.id);
    mp_cmd_texts(cmd, "HSET", key.text, "gone", NULL);
    mp_cmd_add(cmd, names, len);

    return true;
}


/* How many nodes are in each state, and how many have not told anything. */
struct mp_record_census {
    unsigned int in[MP_JOB_CANCELLED + 1];
    unsigned int silent;
};


static struct mp_record_census
mp_record_count(const struct mp_record *record)
{
    struct mp_record_census census = { .silent = 0 };

    for (unsigned int i = 0; i < record->node_count; i++) {
        const struct mp_record_node *node = &record->node[i];

        if (node->started) {
            census.in[node->progress.state]++;
        } else {
            census.silent++;
        }
    }

    return census;
}


/*
 * A mailbox that none of Dovecot's nodes has, or a backup that none has made;
 * each has done what it could.
 */
static bool
mp_record_has_nobody(const struct mp_record *record)
{
    const struct mp_action_row *row = &mp_action_table[record->job.action];
    bool backup = record->job.action == MP_ACTION_RADICALE_BACKUP;

    if (!backup
        && (strchr(record->job.target, '@') == NULL
            || strcmp(row->executor, "dovecot") != 0))
    {
        return false;
    }

    for (unsigned int i = 0; i < record->node_count; i++) {
        const struct mp_progress *progress = &record->node[i].progress;

        if (progress->total > 0
            && !(backup && progress->state == MP_JOB_FAILED)) {
            return false;
        }
    }

    return true;
}


enum mp_job_state
mp_record_state(const struct mp_record *record)
{
    struct mp_record_census census = mp_record_count(record);
    unsigned int waiting = census.silent + census.in[MP_JOB_QUEUED];
    unsigned int total = record->node_count;

    if (census.in[MP_JOB_RUNNING] > 0) {
        return MP_JOB_RUNNING;
    }

    /* who has it before it will say how it ended, and who is silent will not
     * begin */
    if (record->cancelled && census.in[MP_JOB_QUEUED] == 0
        && (total == 0 || census.silent > 0))
    {
        return MP_JOB_CANCELLED;
    }

    if (waiting == total) {
        return MP_JOB_QUEUED;
    }

    if (waiting > 0) {
        return MP_JOB_RUNNING;
    }

    if (census.in[MP_JOB_CANCELLED] > 0) {
        return MP_JOB_CANCELLED;
    }

    if (census.in[MP_JOB_FAILED] == total || mp_record_has_nobody(record)) {
        return MP_JOB_FAILED;
    }

    return census.in[MP_JOB_DONE] == total ? MP_JOB_DONE
                                           : MP_JOB_DONE_WITH_FAILURES;
}


/* Times of one form sort as texts do. */
static void
mp_record_add_times(struct mp_progress *all, const struct mp_progress *one)
{
    if (one->started_at[0] != '\0'
        && (all->started_at[0] == '\0'
            || strcmp(one->started_at, all->started_at) < 0))
    {
        memcpy(all->started_at, one->started_at, MP_TIME_SIZE);
    }

    if (strcmp(one->ended_at, all->ended_at) > 0) {
        memcpy(all->ended_at, one->ended_at, MP_TIME_SIZE);
    }

    if (one->next_at[0] != '\0'
        && (all->next_at[0] == '\0' || strcmp(one->next_at, all->next_at) < 0))
    {
        memcpy(all->next_at, one->next_at, MP_TIME_SIZE);
    }
}


static void
mp_record_add_counts(struct mp_progress *all, const struct mp_progress *one)
{
    all->total += one->total;
    all->done += one->done;
    all->failed += one->failed;
    all->skipped += one->skipped;
    all->drifted += one->drifted;
    all->bytes_before += one->bytes_before;
    all->bytes_after += one->bytes_after;
    all->folders += one->folders;
    all->messages += one->messages;
    all->bytes += one->bytes;
}


/* The job takes as long as its slowest node, if each knows how long. */
static int64_t
mp_record_eta(const struct mp_record *record)
{
    int64_t eta = -1;

    for (unsigned int i = 0; i < record->node_count; i++) {
        const struct mp_record_node *node = &record->node[i];

        if (!mp_record_awaits(node)) {
            continue;
        }

        if (!node->started || node->progress.eta < 0) {
            return -1;
        }

        if (node->progress.eta > eta) {
            eta = node->progress.eta;
        }
    }

    return eta;
}


void
mp_record_total(const struct mp_record *record, struct mp_progress *total_r)
{
    memset(total_r, 0, sizeof(*total_r));
    total_r->state = mp_record_state(record);

    for (unsigned int i = 0; i < record->node_count; i++) {
        const struct mp_record_node *node = &record->node[i];

        if (node->started) {
            mp_record_add_counts(total_r, &node->progress);
            mp_record_add_times(total_r, &node->progress);
        }
    }

    if (mp_job_state_ended(total_r->state)) {
        total_r->eta = -1;
        total_r->next_at[0] = '\0';
        return;
    }

    total_r->eta = mp_record_eta(record);
    total_r->ended_at[0] = '\0';
}


static void
mp_json_known(struct mp_json *json, const char *key, const char *text)
{
    mp_json_text(json, key, text[0] != '\0' ? text : NULL);
}


static void
mp_json_limit(struct mp_json *json, const char *key, uint32_t limit)
{
    if (limit != 0) {
        mp_json_number(json, key, limit);
    } else {
        mp_json_null(json, key);
    }
}


/* The elements of an array of items; one that is not valid has none. */
static void
mp_record_render_items(struct mp_json *json, const char *node,
                       const char *bytes, size_t len)
{
    struct mp_item items[MP_ITEMS_MAX];
    size_t count = 0;

    if (bytes == NULL
        || mp_items_parse(items, &count, bytes, len, NULL) != MP_OK) {
        return;
    }

    for (size_t i = 0; i < count; i++) {
        mp_item_render(json, &items[i], node);
    }
}


/* A node that failed as a whole is an error that has no target. */
static void
mp_record_render_errors(struct mp_json *json, const struct mp_record *record)
{
    mp_json_array(json, "errors");

    for (unsigned int i = 0; i < record->node_count; i++) {
        const struct mp_record_node *node = &record->node[i];

        if (node->started && node->progress.state == MP_JOB_FAILED) {
            mp_json_object(json, NULL);
            mp_json_text(json, "node", node->name);
            mp_json_text(json, "text", node->progress.text);
            mp_json_end_object(json);
        }

        mp_record_render_items(json, node->name, node->errors,
                               node->errors_len);
    }

    mp_json_end_array(json);
}


static void
mp_record_render_nodes(struct mp_json *json, const struct mp_record *record)
{
    mp_json_object(json, "nodes");

    for (unsigned int i = 0; i < record->node_count; i++) {
        struct mp_progress none = { .state = MP_JOB_QUEUED, .eta = -1 };
        const struct mp_record_node *node = &record->node[i];

        mp_progress_render(json, node->name,
                           node->started ? &node->progress : &none);
    }

    mp_json_end_object(json);
}


/* Who is waited for, and says nothing. */
static void
mp_record_render_silent(struct mp_json *json, const struct mp_record *record)
{
    char at[MP_TIME_SIZE];

    if (!record->silence_known) {
        return;
    }

    mp_json_array(json, "silent");

    for (unsigned int i = 0; i < record->node_count; i++) {
        const struct mp_record_node *node = &record->node[i];

        if (node->silent_since == 0) {
            continue;
        }

        mp_time_format(at, node->silent_since);
        mp_json_object(json, NULL);
        mp_json_text(json, "node", node->name);
        mp_json_text(json, "since", at);
        mp_json_end_object(json);
    }

    mp_json_end_array(json);
}


static void
mp_record_render_result(struct mp_json *json, const struct mp_record *record,
                        const struct mp_progress *all, bool full)
{
    mp_json_object(json, "result");
    mp_json_number(json, "drifted", (int64_t) all->drifted);
    mp_json_number(json, "bytes_before", (int64_t) all->bytes_before);
    mp_json_number(json, "bytes_after", (int64_t) all->bytes_after);
    mp_json_number(json, "folders", (int64_t) all->folders);
    mp_json_number(json, "messages", (int64_t) all->messages);
    mp_json_number(json, "bytes", (int64_t) all->bytes);

    if (full) {
        mp_json_array(json, "items");

        for (unsigned int i = 0; i < record->node_count; i++) {
            const struct mp_record_node *node = &record->node[i];

            mp_record_render_items(json, node->name, node->details,
                                   node->details_len);
        }

        mp_json_end_array(json);
    }

    mp_json_end_object(json);
}


static void
mp_record_render_progress(struct mp_json *json, const struct mp_progress *all)
{
    mp_json_text(json, "state", mp_job_state_name(all->state));
    mp_json_number(json, "total", (int64_t) all->total);
    mp_json_number(json, "done", (int64_t) all->done);
    mp_json_number(json, "failed", (int64_t) all->failed);
    mp_json_number(json, "skipped", (int64_t) all->skipped);

    if (all->eta >= 0) {
        mp_json_number(json, "eta", all->eta);
    } else {
        mp_json_null(json, "eta");
    }

    mp_json_known(json, "started_at", all->started_at);
    mp_json_known(json, "ended_at", all->ended_at);
    mp_json_known(json, "next_at", all->next_at);
}


void
mp_record_render(struct mp_json *json, const char *key,
                 const struct mp_record *record, bool full)
{
    const struct mp_job *job = &record->job;
    struct mp_progress all;

    mp_record_total(record, &all);

    mp_json_object(json, key);
    mp_json_text(json, "id", job->id);
    mp_json_text(json, "action", mp_action_table[job->action].name);
    mp_json_known(json, "target", job->target);
    mp_json_limit(json, "rate", job->rate);
    mp_json_bool(json, "dry_run", job->dry_run);
    mp_json_limit(json, "junk_days", job->junk_days);
    mp_json_limit(json, "trash_days", job->trash_days);
    mp_json_text(json, "created_at", job->created_at);
    mp_json_text(json, "created_by", job->created_by);
    mp_json_known(json, "cancelled_by", record->cancelled_by);
    mp_record_render_progress(json, &all);
    mp_record_render_silent(json, record);
    mp_record_render_result(json, record, &all, full);

    if (full) {
        mp_record_render_errors(json, record);
        mp_record_render_nodes(json, record);
    }

    mp_json_end_object(json);
}
