#include "mp_backup.h"

#include <ctype.h>
#include <string.h>

#include "mp_key.h"
#include "mp_take.h"

static const char mp_backup_begin[] = "radicale-";
static const char mp_backup_end[] = ".zip";


bool
mp_backup_name_check(const char *name, size_t len)
{
    const size_t begin = sizeof(mp_backup_begin) - 1;
    const size_t end = sizeof(mp_backup_end) - 1;

    if (len <= begin + end || len >= MP_BACKUP_NAME
        || memcmp(name, mp_backup_begin, begin) != 0
        || memcmp(name + len - end, mp_backup_end, end) != 0)
    {
        return false;
    }

    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char) name[i]) && name[i] != '-'
            && name[i] != '_' && name[i] != '.')
        {
            return false;
        }
    }

    return true;
}


void
mp_backup_render(struct mp_json *json, const char *key,
                 const struct mp_backup *backup)
{
    mp_json_object(json, key);
    mp_json_text(json, "name", backup->name);
    mp_json_text(json, "node", backup->node);
    mp_json_text(json, "target",
                 backup->target[0] != '\0' ? backup->target : NULL);
    mp_json_text(json, "created_at", backup->created_at);
    mp_json_number(json, "bytes", (int64_t) backup->bytes);
    mp_json_text(json, "sha256", backup->sha256);
    mp_json_number(json, "collections", (int64_t) backup->collections);
    mp_json_number(json, "items", (int64_t) backup->items);
    mp_json_end_object(json);
}


static bool
mp_backup_is_sha(const char *text)
{
    return strlen(text) == MP_BACKUP_SHA - 1
        && strspn(text, "0123456789abcdef") == MP_BACKUP_SHA - 1;
}


/* The name of the member that is not as it must be, or NULL. */
static const char *
mp_backup_fault(struct mp_backup *b, const json_t *object)
{
    const json_t *target = json_object_get(object, "target");

    if (!mp_take_line(b->name, sizeof(b->name), object, "name")
        || !mp_backup_name_check(b->name, strlen(b->name)))
    {
        return "name";
    }

    if (!mp_take_line(b->node, sizeof(b->node), object, "node")
        || mp_node_check(b->node, NULL) != MP_OK)
    {
        return "node";
    }

    if (target != NULL && !json_is_null(target)
        && !mp_take_line(b->target, sizeof(b->target), object, "target"))
    {
        return "target";
    }

    if (!mp_take_time(b->created_at, object, "created_at")) {
        return "created_at";
    }

    if (!mp_take_line(b->sha256, sizeof(b->sha256), object, "sha256")
        || !mp_backup_is_sha(b->sha256))
    {
        return "sha256";
    }

    if (!mp_take_count(&b->bytes, object, "bytes", MP_TAKE_MAX)) {
        return "bytes";
    }

    if (!mp_take_count(&b->collections, object, "collections", MP_TAKE_MAX)) {
        return "collections";
    }

    return mp_take_count(&b->items, object, "items", MP_TAKE_MAX) ? NULL
                                                                  : "items";
}


enum mp_status
mp_backup_parse(struct mp_backup *backup_r, const char *bytes, size_t len,
                struct mp_error *err)
{
    json_error_t why;
    json_t *root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &why);
    const char *fault;

    memset(backup_r, 0, sizeof(*backup_r));

    if (!json_is_object(root)) {
        json_decref(root);
        return mp_fail(err, MP_INVALID, "", "is not a JSON object");
    }

    fault = mp_backup_fault(backup_r, root);
    json_decref(root);

    return fault == NULL ? MP_OK
                         : mp_fail(err, MP_INVALID, fault, "is not valid");
}


void
mp_backup_drop_command(struct mp_cmd *cmd, const char *node, const char *name)
{
    struct mp_keyname key;

    (void) mp_key_name(&key, MP_KEY_JOBS, "agent");
    mp_cmd_texts(cmd, "XADD", key.text, "MAXLEN", "~", NULL);
    mp_cmd_number(cmd, MP_JOB_QUEUE_MAX);
    mp_cmd_texts(cmd, "*", "op", "drop", "node", node, "name", name, NULL);
}
