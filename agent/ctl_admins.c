/* admin list: who may sign in. */

#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_key.h"
#include "mp_password.h"

/* One row; the texts are lent by the reply. */
struct ctl_admin_row {
    const char *name;
    const char *role;
    const char *created;
    bool disabled;
};


static int
ctl_name_order(const void *a, const void *b)
{
    const redisReply *const *left = a;
    const redisReply *const *right = b;

    return strcmp((*left)->str, (*right)->str);
}


static const char *
ctl_text_or(const redisReply *reply, const char *other)
{
    return reply->type == REDIS_REPLY_STRING ? reply->str : other;
}


static void
ctl_admin_row(struct ctl_table *table, struct mp_json *json,
              const struct ctl_admin_row *row)
{
    ctl_table_add(table, "%s", row->name);
    ctl_table_add(table, "%s", row->role);
    ctl_table_add(table, "%s", row->created);
    ctl_table_add(table, "%s", row->disabled ? "disabled" : "enabled");

    mp_json_object(json, NULL);
    mp_json_text(json, "name", row->name);
    mp_json_text(json, "role", row->role);
    mp_json_text(json, "created", row->created);
    mp_json_bool(json, "disabled", row->disabled);
    mp_json_end_object(json);
}


static enum mp_status
ctl_admin_read(struct ctl *ctl, const char *name, struct ctl_table *table,
               struct mp_json *json, struct mp_error *err)
{
    struct ctl_admin_row row = { name, "", "", false };
    struct mp_keyname key;
    redisReply *reply;
    enum mp_status status;

    if (!mp_key_name(&key, MP_KEY_ADMIN, name)) {
        return mp_fail(err, MP_INVALID, "", "Redis has a name that is none");
    }

    status = CTL_ASK(ctl, REDIS_REPLY_ARRAY, &reply, err, "HMGET", key.text,
                     "role", "created", "disabled");
    if (status != MP_OK) {
        return status;
    }

    if (reply->elements == 3) {
        row.role = ctl_text_or(reply->element[0], "(no account)");
        row.created = ctl_text_or(reply->element[1], "");
        row.disabled = strcmp(ctl_text_or(reply->element[2], "0"), "0") != 0;
    }

    ctl_admin_row(table, json, &row);
    freeReplyObject(reply);

    return MP_OK;
}


static enum mp_status
ctl_admin_rows(struct ctl *ctl, redisReply *names, struct ctl_table *table,
               struct mp_json *json, struct mp_error *err)
{
    enum mp_status status = MP_OK;

    for (size_t i = 0; i < names->elements; i++) {
        if (names->element[i]->type != REDIS_REPLY_STRING) {
            return mp_fail(err, MP_REDIS_AWAY, "",
                           "the answer of SMEMBERS is not Redis's");
        }
    }

    if (names->elements > 0) {
        qsort(names->element, names->elements, sizeof(*names->element),
              ctl_name_order);
    }

    for (size_t i = 0; status == MP_OK && i < names->elements; i++) {
        status = ctl_admin_read(ctl, names->element[i]->str, table, json, err);
    }

    return status;
}


enum mp_status
ctl_admin_list(struct ctl *ctl, struct mp_error *err)
{
    struct ctl_table table;
    struct mp_json json;
    redisReply *names;
    enum mp_status status = CTL_ASK(ctl, REDIS_REPLY_ARRAY, &names, err,
                                    "SMEMBERS", mp_key(MP_KEY_ADMINS));

    if (status != MP_OK) {
        return status;
    }

    ctl_table_init(&table, 4);
    ctl_table_add(&table, "NAME");
    ctl_table_add(&table, "ROLE");
    ctl_table_add(&table, "CREATED");
    ctl_table_add(&table, "STATE");
    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_json_array(&json, "admins");

    status = ctl_admin_rows(ctl, names, &table, &json, err);

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
    freeReplyObject(names);

    return status;
}
