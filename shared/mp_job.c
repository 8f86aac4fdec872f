#include "mp_job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "mp_domain.h"
#include "mp_key.h"
#include "mp_take.h"

#define MP_ID_LEN    (MP_JOB_ID_SIZE - 1)
#define MP_LOCAL_MAX 64 /* RFC 5321 */
#define MP_LABEL_MAX 63
#define MP_DAYS_MAX  3650
#define MP_TIME_BITS 48

/* What an unquoted local part may hold (RFC 5322), without wildcards. */
static const char mp_local_chars[] = "abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789!#$%&'+-/=^_`{|}~.";

static const char mp_label_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

static const char *const mp_job_members[] = {
    "id",         "action",     "target",     "rate",
    "dry_run",    "junk_days",  "trash_days", "nodes",
    "created_by", "created_at", "request_id"
};

#define MP_JOB_MEMBERS (sizeof(mp_job_members) / sizeof(*mp_job_members))


void
mp_job_id(char id_r[MP_JOB_ID_SIZE], int64_t unix_msecs,
          const unsigned char random[6])
{
    uint64_t msecs = unix_msecs > 0 ? (uint64_t) unix_msecs : 0;

    (void) snprintf(id_r, MP_JOB_ID_SIZE,
                    "%012" PRIx64 "%02x%02x%02x%02x%02x%02x",
                    msecs & ((UINT64_C(1) << MP_TIME_BITS) - 1), random[0],
                    random[1], random[2], random[3], random[4], random[5]);
}


bool
mp_job_id_check(const char *text, size_t len, int64_t *msecs_r)
{
    int64_t msecs = 0;

    if (len != MP_ID_LEN) {
        return false;
    }

    for (size_t i = 0; i < len; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';

        if (!digit && !(text[i] >= 'a' && text[i] <= 'f')) {
            return false;
        }

        if (i < MP_ID_LEN / 2) {
            msecs = msecs * 16 + (digit ? text[i] - '0' : text[i] - 'a' + 10);
        }
    }

    if (msecs_r != NULL) {
        *msecs_r = msecs;
    }

    return true;
}


static char
mp_lower(char c)
{
    return (char) (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}


static enum mp_status
mp_target_domain(struct mp_domain *domain_r, const char *text, size_t len,
                 struct mp_error *err)
{
    struct mp_error fault = { "", "" };

    if (mp_domain_parse(domain_r, text, len, &fault) != MP_OK) {
        return mp_fail(err, MP_INVALID, "target", "%s", fault.text);
    }

    return MP_OK;
}


/* A name of one label, as localhost; false when it is none. */
static bool
mp_target_label(struct mp_domain *domain_r, const char *text, size_t len)
{
    if (len < 1 || len > MP_LABEL_MAX || text[0] == '-'
        || text[len - 1] == '-') {
        return false;
    }

    for (size_t i = 0; i < len; i++) {
        domain_r->text[i] = mp_lower(text[i]);

        if (memchr(mp_label_chars, domain_r->text[i],
                   sizeof(mp_label_chars) - 1)
            == NULL)
        {
            return false;
        }
    }

    domain_r->text[len] = '\0';
    domain_r->len = len;

    return true;
}


/* A mailbox, unlike a domain, may be of a host without a dot. */
static enum mp_status
mp_target_host(struct mp_domain *domain_r, const char *text, size_t len,
               struct mp_error *err)
{
    if (mp_target_label(domain_r, text, len)) {
        return MP_OK;
    }

    return mp_target_domain(domain_r, text, len, err);
}


static enum mp_status
mp_target_mailbox(char target_r[MP_JOB_TARGET_SIZE], const char *text,
                  const char *at, size_t len, struct mp_error *err)
{
    size_t local = (size_t) (at - text);
    struct mp_domain domain;
    enum mp_status status;

    if (local < 1 || local > MP_LOCAL_MAX) {
        return mp_fail(err, MP_INVALID, "target",
                       "must have 1 to %d characters before the @",
                       MP_LOCAL_MAX);
    }

    for (size_t i = 0; i < local; i++) {
        if (memchr(mp_local_chars, text[i], sizeof(mp_local_chars) - 1)
            == NULL) {
            return mp_fail(err, MP_INVALID, "target",
                           "has a character before the @ that no mailbox of "
                           "ours has");
        }
    }

    status = mp_target_host(&domain, at + 1, len - local - 1, err);
    if (status != MP_OK) {
        return status;
    }

    for (size_t i = 0; i < local; i++) {
        target_r[i] = mp_lower(text[i]);
    }

    target_r[local] = '@';
    memcpy(target_r + local + 1, domain.text, domain.len + 1);

    return MP_OK;
}


/* What is in no target, whatever it names. */
static enum mp_status
mp_target_check(const char *text, size_t len, struct mp_error *err)
{
    if (len > 4 * MP_JOB_TARGET_SIZE) {
        return mp_fail(err, MP_INVALID, "target", "is too long");
    }

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char) text[i] <= 0x20 || text[i] == 0x7f) {
            return mp_fail(err, MP_INVALID, "target",
                           "must not have blanks or control characters");
        }

        if (text[i] == '*' || text[i] == '?') {
            return mp_fail(err, MP_INVALID, "target",
                           "must not have wildcards: name a domain, a "
                           "mailbox, or nothing for all");
        }
    }

    return MP_OK;
}


/* Whether the action goes with users, one user, or nothing. */
static enum mp_status
mp_target_fits(enum mp_action action, bool mailbox, struct mp_error *err)
{
    const struct mp_action_row *row = &mp_action_table[action];

    if (strcmp(row->targets, "none") == 0) {
        return mp_fail(err, MP_INVALID, "target", "is not for %s", row->name);
    }

    if (!mailbox && strcmp(row->targets, "address") == 0) {
        return mp_fail(err, MP_INVALID, "target",
                       "of %s must be a mail address", row->name);
    }

    if (!mailbox && strcmp(row->targets, "user") == 0) {
        return mp_fail(err, MP_INVALID, "target",
                       "of %s must be a mailbox, or nothing for all",
                       row->name);
    }

    return MP_OK;
}


static enum mp_status
mp_target_empty(enum mp_action action, struct mp_error *err)
{
    const struct mp_action_row *row = &mp_action_table[action];

    return strcmp(row->targets, "address") != 0
             ? MP_OK
             : mp_fail(err, MP_INVALID, "target",
                       "of %s must be a mail address", row->name);
}


enum mp_status
mp_job_put_target(struct mp_job *job, const char *text, size_t len,
                  struct mp_error *err)
{
    const char *at = len > 0 ? memrchr(text, '@', len) : NULL;
    char target[MP_JOB_TARGET_SIZE] = "";
    struct mp_domain domain;
    enum mp_status status;

    if (len == 0) {
        job->target[0] = '\0';
        return mp_target_empty(job->action, err);
    }

    status = mp_target_check(text, len, err);
    if (status == MP_OK) {
        status = mp_target_fits(job->action, at != NULL, err);
    }

    if (status != MP_OK) {
        return status;
    }

    if (at != NULL) {
        status = mp_target_mailbox(target, text, at, len, err);

    } else {
        status = mp_target_domain(&domain, text, len, err);
        if (status == MP_OK) {
            memcpy(target, domain.text, domain.len + 1);
        }
    }

    if (status == MP_OK) {
        memcpy(job->target, target, sizeof(target));
    }

    return status;
}


bool
mp_job_covers(const struct mp_job *job, const char *user)
{
    const char *at;

    if (job->target[0] == '\0') {
        return true;
    }

    if (strchr(job->target, '@') != NULL) {
        return strcmp(job->target, user) == 0;
    }

    at = strrchr(user, '@');

    return at != NULL && strcmp(job->target, at + 1) == 0;
}


bool
mp_job_is_for(const struct mp_job *job, const char *node)
{
    for (unsigned int i = 0; i < job->node_count; i++) {
        if (strcmp(job->node[i], node) == 0) {
            return true;
        }
    }

    return job->node_count == 0;
}


void
mp_job_render(struct mp_json *json, const struct mp_job *job)
{
    mp_json_object(json, NULL);
    mp_json_text(json, "id", job->id);
    mp_json_text(json, "action", mp_action_table[job->action].name);
    mp_json_text(json, "target", job->target);
    mp_json_number(json, "rate", job->rate);
    mp_json_bool(json, "dry_run", job->dry_run);
    mp_json_number(json, "junk_days", job->junk_days);
    mp_json_number(json, "trash_days", job->trash_days);
    mp_json_array(json, "nodes");

    for (unsigned int i = 0; i < job->node_count; i++) {
        mp_json_text(json, NULL, job->node[i]);
    }

    mp_json_end_array(json);
    mp_json_text(json, "created_by", job->created_by);
    mp_json_text(json, "created_at", job->created_at);
    mp_json_text(json, "request_id", job->request_id);
    mp_json_end_object(json);
}


/*
 * A member that is not known may limit what is to be done, and a job that is
 * done without its limits cannot be undone.
 */
static const char *
mp_job_stranger(json_t *object)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        size_t i = 0;

        while (i < MP_JOB_MEMBERS && strcmp(key, mp_job_members[i]) != 0) {
            i++;
        }

        if (i == MP_JOB_MEMBERS) {
            return key;
        }
    }

    return NULL;
}


static bool
mp_job_take_nodes(struct mp_job *job, const json_t *object)
{
    const json_t *list = json_object_get(object, "nodes");

    if (!json_is_array(list) || json_array_size(list) > MP_JOB_NODES_MAX) {
        return false;
    }

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *node = json_string_value(json_array_get(list, i));

        if (node == NULL || mp_node_check(node, NULL) != MP_OK
            || (i > 0 && mp_job_is_for(job, node)))
        {
            return false;
        }

        memcpy(job->node[job->node_count++], node, strlen(node) + 1);
    }

    return true;
}


static bool
mp_job_take_action(struct mp_job *job, const json_t *object)
{
    const json_t *value = json_object_get(object, "action");

    return json_is_string(value)
        && mp_action_find(&job->action, json_string_value(value),
                          json_string_length(value));
}


/* It must be written in its one form, for it is compared with users. */
static bool
mp_job_take_target(struct mp_job *job, const json_t *object)
{
    const char *text = json_string_value(json_object_get(object, "target"));

    return text != NULL
        && mp_job_put_target(job, text, strlen(text), NULL) == MP_OK
        && strcmp(job->target, text) == 0;
}


static bool
mp_job_take_number(uint32_t *number_r, const json_t *object, const char *key,
                   uint32_t max)
{
    uint64_t number = 0;

    if (!mp_take_count(&number, object, key, max)) {
        return false;
    }

    *number_r = (uint32_t) number;

    return true;
}


/* The name of the member that is not as it must be, or NULL. */
static const char *
mp_job_fault(struct mp_job *job, const json_t *object)
{
    int64_t seconds;

    if (!mp_take_text(job->id, sizeof(job->id), object, "id")
        || !mp_job_id_check(job->id, strlen(job->id), NULL))
    {
        return "id";
    }

    if (!mp_job_take_action(job, object)) {
        return "action";
    }

    if (!mp_job_take_target(job, object)) {
        return "target";
    }

    if (!mp_job_take_number(&job->rate, object, "rate", MP_JOB_RATE_MAX)) {
        return "rate";
    }

    if (!mp_take_bool(&job->dry_run, object, "dry_run")) {
        return "dry_run";
    }

    if (!mp_job_take_number(&job->junk_days, object, "junk_days", MP_DAYS_MAX))
    {
        return "junk_days";
    }

    if (!mp_job_take_number(&job->trash_days, object, "trash_days",
                            MP_DAYS_MAX)) {
        return "trash_days";
    }

    if (!mp_job_take_nodes(job, object)) {
        return "nodes";
    }

    if (!mp_take_line(job->created_by, sizeof(job->created_by), object,
                      "created_by")
        || job->created_by[0] == '\0')
    {
        return "created_by";
    }

    if (!mp_take_text(job->created_at, sizeof(job->created_at), object,
                      "created_at")
        || !mp_time_parse(&seconds, job->created_at, strlen(job->created_at)))
    {
        return "created_at";
    }

    return mp_take_line(job->request_id, sizeof(job->request_id), object,
                        "request_id")
             ? NULL
             : "request_id";
}


/* What makes no sense together. */
static enum mp_status
mp_job_check(const struct mp_job *job, struct mp_error *err)
{
    const char *name = mp_action_table[job->action].name;

    if (job->action == MP_ACTION_CLEAR_FOLDERS) {
        if (job->junk_days == 0 && job->trash_days == 0) {
            return mp_fail(err, MP_INVALID, "junk_days",
                           "and trash_days are both 0: nothing would be "
                           "cleared");
        }

        return MP_OK;
    }

    if (job->dry_run && !mp_action_has_dry_run(job->action)) {
        return mp_fail(err, MP_INVALID, "dry_run", "is not for %s", name);
    }

    if (job->junk_days != 0) {
        return mp_fail(err, MP_INVALID, "junk_days", "is not for %s", name);
    }

    if (job->trash_days != 0) {
        return mp_fail(err, MP_INVALID, "trash_days", "is not for %s", name);
    }

    return MP_OK;
}


static enum mp_status
mp_job_take(struct mp_job *job, json_t *object, struct mp_error *err)
{
    const char *fault = mp_job_stranger(object);

    if (fault != NULL) {
        return mp_fail(err, MP_INVALID, fault, "is not known to this version");
    }

    fault = mp_job_fault(job, object);
    if (fault != NULL) {
        return mp_fail(err, MP_INVALID, fault, "is not what a job has there");
    }

    return mp_job_check(job, err);
}


enum mp_status
mp_job_parse(struct mp_job *job_r, const char *bytes, size_t len,
             struct mp_error *err)
{
    struct mp_job job;
    enum mp_status status;
    json_t *object;

    if (len > MP_JOB_JSON_MAX) {
        return mp_fail(err, MP_INVALID, "", "a job of %zu bytes is too long",
                       len);
    }

    object = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
    if (object == NULL || !json_is_object(object)) {
        json_decref(object);
        return mp_fail(err, MP_INVALID, "", "is not a JSON object");
    }

    memset(&job, 0, sizeof(job));
    status = mp_job_take(&job, object, err);
    json_decref(object);

    if (status == MP_OK) {
        *job_r = job;
    }

    return status;
}


static void
mp_job_add_json(struct mp_cmd *cmd, const struct mp_job *job)
{
    struct mp_json json;

    mp_json_init(&json);
    mp_job_render(&json, job);
    mp_cmd_add(cmd, json.bytes, json.len);
    cmd->ok = cmd->ok && json.ok;
    mp_json_free(&json);
}


void
mp_job_record_commands(struct mp_cmd cmds[MP_JOB_RECORD_CMDS],
                       const struct mp_job *job)
{
    struct mp_keyname key;

    (void) mp_key_name(&key, MP_KEY_JOB, job->id);

    mp_cmd_texts(&cmds[0], "HSETNX", key.text, "job", NULL);
    mp_job_add_json(&cmds[0], job);

    mp_cmd_texts(&cmds[1], "EXPIRE", key.text, NULL);
    mp_cmd_number(&cmds[1], mp_key_table[MP_KEY_JOB].ttl);
}


void
mp_job_index_commands(struct mp_cmd cmds[MP_JOB_INDEX_CMDS],
                      const struct mp_job *job)
{
    int64_t msecs = 0;

    (void) mp_job_id_check(job->id, strlen(job->id), &msecs);

    mp_cmd_texts(&cmds[0], "ZADD", mp_key(MP_KEY_JOB_INDEX), "NX", NULL);
    mp_cmd_number(&cmds[0], msecs);
    mp_cmd_text(&cmds[0], job->id);

    mp_cmd_texts(&cmds[1], "ZREMRANGEBYRANK", mp_key(MP_KEY_JOB_INDEX), "0",
                 NULL);
    mp_cmd_number(&cmds[1], -(MP_JOB_INDEX_MAX + 1));
}


/* XADD with a limit, up to the id that Redis gives */
static void
mp_job_xadd(struct mp_cmd *cmd, const char *key)
{
    mp_cmd_texts(cmd, "XADD", key, "MAXLEN", "~", NULL);
    mp_cmd_number(cmd, MP_JOB_QUEUE_MAX);
    mp_cmd_text(cmd, "*");
}


static void
mp_job_xadd_queue(struct mp_cmd *cmd, const struct mp_job *job, const char *op)
{
    struct mp_keyname key;

    (void) mp_key_name(&key, MP_KEY_JOBS,
                       mp_action_table[job->action].executor);
    mp_job_xadd(cmd, key.text);
    mp_cmd_texts(cmd, "op", op, "id", job->id, NULL);
}


void
mp_job_queue_command(struct mp_cmd *cmd, const struct mp_job *job)
{
    mp_job_xadd_queue(cmd, job, "run");
    mp_cmd_text(cmd, "job");
    mp_job_add_json(cmd, job);
}


void
mp_job_cancel_command(struct mp_cmd *cmd, const struct mp_job *job,
                      const char *by)
{
    mp_job_xadd_queue(cmd, job, "cancel");
    mp_cmd_texts(cmd, "by", by, NULL);
}


void
mp_job_event_command(struct mp_cmd *cmd, const char *id)
{
    mp_job_xadd(cmd, mp_key(MP_KEY_JOB_EVENTS));
    mp_cmd_texts(cmd, "id", id, NULL);
}
