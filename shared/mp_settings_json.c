/* JSON -> settings: the patches of the API and the documents in Redis. */

#include "mp_settings_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>


static void
mp_fault(struct mp_faults *faults, const char *field, const char *text)
{
    if (faults->count < MP_FAULTS_MAX) {
        (void) mp_fail(&faults->fault[faults->count++], MP_INVALID, field,
                       "%s", text);
    }
}


/* The fault that a put has just written into the next free place. */
static struct mp_error *
mp_fault_place(struct mp_faults *faults, struct mp_error *spare)
{
    return faults->count < MP_FAULTS_MAX ? &faults->fault[faults->count]
                                         : spare;
}


static void
mp_fault_keep(struct mp_faults *faults, enum mp_status status)
{
    if (status != MP_OK && faults->count < MP_FAULTS_MAX) {
        faults->count++;
    }
}


/* What a JSON value must be, when it is of the wrong type. */
static const char *
mp_type_wanted(const struct mp_setting *s)
{
    switch (s->type) {
    case MP_TYPE_SCORE:
        return "must be a number";

    case MP_TYPE_DAYS:
        return "must be a whole number or null";

    case MP_TYPE_PORT:
        return "must be a whole number";

    case MP_TYPE_BOOL:
        return "must be true or false";

    case MP_TYPE_NETS:
        return "must be an array of strings";

    case MP_TYPE_CHOICE:
    case MP_TYPE_HOST:
    case MP_TYPE_NEXTHOP:
    case MP_TYPE_LOGIN:
    case MP_TYPE_NAME:
    case MP_TYPE_ADDRESS:
    case MP_TYPE_TIME:
    case MP_TYPE_SECRET:
        return mp_setting_nullable(s) ? "must be a string or null"
                                      : "must be a string";
    }

    return "must be a string";
}


static enum mp_status
mp_put_score(struct mp_settings *set, const struct mp_setting *s,
             const json_t *value, struct mp_error *err)
{
    double score = json_number_value(value) * 100;
    double rounded = round(score);

    /* written so that NaN fails too */
    if (!(fabs(score) < 1e9)) {
        return mp_settings_put_number(set, s, INT64_MAX / 1000, err);
    }

    if (fabs(score - rounded) > 1e-6) {
        return mp_fail(err, MP_INVALID, s->name, "takes at most two decimals");
    }

    return mp_settings_put_number(set, s, (int64_t) rounded, err);
}


static enum mp_status
mp_put_nets(struct mp_settings *set, const struct mp_setting *s,
            const json_t *array, struct mp_error *err)
{
    const char *nets[MP_NETS_MAX + 1];
    size_t count = json_array_size(array);

    if (count > MP_NETS_MAX) {
        count = MP_NETS_MAX + 1; /* refused by its number */
    }

    for (size_t i = 0; i < count; i++) {
        nets[i] = json_string_value(json_array_get(array, i));

        if (nets[i] == NULL) {
            return mp_fail(err, MP_INVALID, s->name, "%s", mp_type_wanted(s));
        }
    }

    return mp_settings_put_nets(set, s, nets, count, err);
}


static enum mp_status
mp_put_json(struct mp_settings *set, const struct mp_setting *s,
            const json_t *value, struct mp_error *err)
{
    switch (s->type) {
    case MP_TYPE_SCORE:
        if (json_is_number(value)) {
            return mp_put_score(set, s, value, err);
        }
        break;

    case MP_TYPE_DAYS:
        if (json_is_null(value)) {
            return mp_settings_put_text(set, s, NULL, err);
        }

        if (json_is_integer(value)) {
            return mp_settings_put_number(set, s, json_integer_value(value),
                                          err);
        }
        break;

    case MP_TYPE_PORT:
        if (json_is_integer(value)) {
            return mp_settings_put_number(set, s, json_integer_value(value),
                                          err);
        }
        break;

    case MP_TYPE_BOOL:
        if (json_is_boolean(value)) {
            return mp_settings_put_number(set, s, json_is_true(value), err);
        }
        break;

    case MP_TYPE_NETS:
        if (json_is_array(value)) {
            return mp_put_nets(set, s, value, err);
        }
        break;

    case MP_TYPE_CHOICE:
    case MP_TYPE_HOST:
    case MP_TYPE_NEXTHOP:
    case MP_TYPE_LOGIN:
    case MP_TYPE_NAME:
    case MP_TYPE_ADDRESS:
    case MP_TYPE_TIME:
    case MP_TYPE_SECRET:
        if (json_is_string(value) || json_is_null(value)) {
            return mp_settings_put_text(set, s, json_string_value(value), err);
        }
        break;
    }

    return mp_fail(err, MP_INVALID, s->name, "%s", mp_type_wanted(s));
}


/* A new password is only checked here; null clears it. */
static enum mp_status
mp_put_secret(struct mp_settings *set, const struct mp_setting *s,
              const json_t *value, struct mp_new_secrets *secrets,
              struct mp_error *err)
{
    const char *text = json_string_value(value);
    size_t len = text != NULL ? strlen(text) : 0;

    if (json_is_null(value)) {
        return mp_settings_put_text(set, s, NULL, err);
    }

    if (text == NULL) {
        return mp_fail(err, MP_INVALID, s->name, "%s", mp_type_wanted(s));
    }

    if ((int64_t) len < s->min || (int64_t) len > s->max) {
        return mp_fail(err, MP_INVALID, s->name,
                       "must have %d to %d characters", (int) s->min,
                       (int) s->max);
    }

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char) text[i] < 0x20 || text[i] == 0x7f) {
            return mp_fail(err, MP_INVALID, s->name,
                           "must have no control characters");
        }
    }

    secrets->secret[secrets->count].setting = s;
    secrets->secret[secrets->count].value = text;
    secrets->count++;
    return MP_OK;
}


static void
mp_patch_member(struct mp_settings *set, const char *group, const char *id,
                const json_t *value, struct mp_new_secrets *secrets,
                struct mp_faults *faults)
{
    const struct mp_setting *s = mp_setting_find(group, id);
    struct mp_error spare, *err = mp_fault_place(faults, &spare);
    char name[sizeof(err->field)];

    if (s == NULL) {
        (void) snprintf(name, sizeof(name), "%s.%s", group, id);
        mp_fault(faults, name,
                 strcmp(id, "password_set") == 0
                     ? "cannot be written: send password"
                     : "is not a setting");
        return;
    }

    if (s->type == MP_TYPE_SECRET) {
        mp_fault_keep(faults, mp_put_secret(set, s, value, secrets, err));
    } else {
        mp_fault_keep(faults, mp_put_json(set, s, value, err));
    }
}


static bool
mp_is_group(const char *id)
{
    for (const struct mp_setting_group *g = mp_setting_groups; g->id; g++) {
        if (strcmp(g->id, id) == 0) {
            return true;
        }
    }

    return false;
}


static bool
mp_brings(const struct mp_new_secrets *secrets, const char *name)
{
    for (unsigned int i = 0; i < secrets->count; i++) {
        if (strcmp(secrets->secret[i].setting->name, name) == 0) {
            return true;
        }
    }

    return false;
}


/* The rules that need to know of new passwords too. */
static void
mp_patch_check(const struct mp_settings *set,
               const struct mp_new_secrets *secrets, struct mp_faults *faults)
{
    struct mp_error spare, *err = mp_fault_place(faults, &spare);

    mp_fault_keep(faults, mp_settings_check(set, err));

    if (set->imap_master_enabled && set->imap_master_password[0] == '\0'
        && !mp_brings(secrets, "imap_master.password"))
    {
        mp_fault(faults, "imap_master.enabled",
                 "needs a password: set imap_master.password too");
    }
}


enum mp_status
mp_settings_patch(struct mp_settings *set, const json_t *patch,
                  struct mp_new_secrets *secrets_r, struct mp_faults *faults_r)
{
    struct mp_settings next = *set;
    const char *group, *id;
    json_t *members, *value;

    secrets_r->count = 0;
    faults_r->count = 0;

    if (!json_is_object(patch)) {
        mp_fault(faults_r, "", "must be an object of groups of settings");
        return MP_INVALID;
    }

    /* json_object_foreach takes no const, and changes nothing */
    json_object_foreach((json_t *) patch, group, members)
    {
        if (!mp_is_group(group)) {
            mp_fault(faults_r, group, "is not a group of settings");
            continue;
        }

        if (!json_is_object(members)) {
            mp_fault(faults_r, group, "must be an object");
            continue;
        }

        json_object_foreach(members, id, value)
        {
            mp_patch_member(&next, group, id, value, secrets_r, faults_r);
        }
    }

    if (faults_r->count == 0) {
        mp_patch_check(&next, secrets_r, faults_r);
    }

    if (faults_r->count != 0) {
        return MP_INVALID;
    }

    *set = next;
    return MP_OK;
}


static enum mp_status
mp_load_group(struct mp_settings *set, const char *group,
              const json_t *members, struct mp_error *err)
{
    const json_t *value;
    char key[64];
    size_t known = 0;

    for (const struct mp_setting *s = mp_setting_table; s->id; s++) {
        enum mp_status status;

        if (strcmp(s->group, group) != 0) {
            continue;
        }

        (void) snprintf(key, sizeof(key), "%s%s", s->id,
                        s->type == MP_TYPE_SECRET ? "_ref" : "");

        /* a setting that is younger than the document has its default */
        value = json_object_get(members, key);
        if (value == NULL) {
            continue;
        }

        known++;

        status = mp_put_json(set, s, value, err);
        if (status != MP_OK) {
            return status;
        }
    }

    if (known != json_object_size(members)) {
        return mp_fail(err, MP_INVALID, group, "has a setting too many");
    }

    return MP_OK;
}


static enum mp_status
mp_load_groups(struct mp_settings *set, const json_t *root,
               struct mp_error *err)
{
    const char *group;
    json_t *members;
    enum mp_status status;

    if (!json_is_object(root)) {
        return mp_fail(err, MP_INVALID, "", "the document is no object");
    }

    json_object_foreach((json_t *) root, group, members)
    {
        if (!mp_is_group(group) || !json_is_object(members)) {
            return mp_fail(err, MP_INVALID, group,
                           "is not a group of settings");
        }

        status = mp_load_group(set, group, members, err);
        if (status != MP_OK) {
            return status;
        }
    }

    return mp_settings_check(set, err);
}


enum mp_status
mp_settings_load(struct mp_settings *set_r, const char *doc, size_t len,
                 struct mp_error *err)
{
    json_error_t error;
    json_t *root = json_loadb(doc, len, JSON_REJECT_DUPLICATES, &error);
    enum mp_status status;

    if (root == NULL) {
        return mp_fail(err, MP_INVALID, "", "the document is not JSON: %s",
                       error.text);
    }

    mp_settings_default(set_r);
    status = mp_load_groups(set_r, root, err);
    json_decref(root);
    return status;
}
