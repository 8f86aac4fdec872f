/*
 * Any bytes as a job from Redis: what is taken has a target in its one form,
 * and is written as JSON that is read again as the same.  And as a target that
 * somebody typed.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mp_job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


static void
check_target(const struct mp_job *job)
{
    struct mp_job again = *job;

    must(strlen(job->target) < sizeof(job->target));
    must(mp_job_put_target(&again, job->target, strlen(job->target), NULL)
         == MP_OK);
    must(strcmp(again.target, job->target) == 0);

    if (strchr(job->target, '@') != NULL) {
        must(mp_job_covers(job, job->target));
    }
}


static void
check_commands(const struct mp_job *job)
{
    struct mp_cmd cmds[2];

    mp_cmd_init(&cmds[0]);
    mp_cmd_init(&cmds[1]);
    mp_job_record_commands(cmds, job);
    must(mp_cmd_argv(&cmds[0]) != NULL && cmds[0].argc == 4);

    mp_cmd_reset(&cmds[0]);
    mp_cmd_reset(&cmds[1]);
    mp_job_index_commands(cmds, job);
    must(mp_cmd_argv(&cmds[0]) != NULL && cmds[0].argc == 5);

    mp_cmd_reset(&cmds[0]);
    mp_job_queue_command(&cmds[0], job);
    must(mp_cmd_argv(&cmds[0]) != NULL && cmds[0].argc == 12);

    mp_cmd_free(&cmds[0]);
    mp_cmd_free(&cmds[1]);
}


static void
check_job(const struct mp_job *job)
{
    struct mp_json json, again;
    struct mp_job read;

    must(mp_job_id_check(job->id, strlen(job->id), NULL));
    must(job->rate <= MP_JOB_RATE_MAX);
    must(job->node_count <= MP_JOB_NODES_MAX);
    must(job->created_by[0] != '\0');

    for (unsigned int i = 0; i < job->node_count; i++) {
        must(mp_node_check(job->node[i], NULL) == MP_OK);
        must(mp_job_is_for(job, job->node[i]));
    }

    check_target(job);
    check_commands(job);

    mp_json_init(&json);
    mp_json_init(&again);
    mp_job_render(&json, job);
    must(json.ok && json.len <= MP_JOB_JSON_MAX);
    must(mp_job_parse(&read, json.bytes, json.len, NULL) == MP_OK);
    mp_job_render(&again, &read);
    must(again.len == json.len);
    must(memcmp(again.bytes, json.bytes, json.len) == 0);
    mp_json_free(&again);
    mp_json_free(&json);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mp_error err = { "", "" };
    struct mp_job job;

    if (mp_job_parse(&job, (const char *) data, size, &err) == MP_OK) {
        check_job(&job);
    } else {
        must(err.text[0] != '\0');
    }

    memset(&job, 0, sizeof(job));
    job.action = MP_ACTION_QUOTA_RECALC;

    if (mp_job_put_target(&job, (const char *) data, size, &err) == MP_OK) {
        check_target(&job);
    } else {
        must(strcmp(err.field, "target") == 0 && job.target[0] == '\0');
    }

    return 0;
}
