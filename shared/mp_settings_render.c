/* Settings -> JSON: answers of the API, documents in Redis, differences. */

#include "mp_settings_json.h"

#include <stdio.h>
#include <string.h>


static void
mp_write_nets(struct mp_json *json, const char *key,
              const struct mp_nets *nets)
{
    mp_json_array(json, key);

    for (unsigned int i = 0; i < nets->count; i++) {
        mp_json_text(json, NULL, nets->net[i]);
    }

    mp_json_end_array(json);
}


static void
mp_write_value(struct mp_json *json, const char *key,
               const struct mp_settings *set, const struct mp_setting *s)
{
    const void *value = mp_setting_value(set, s);
    const char *text = value;

    switch (s->type) {
    case MP_TYPE_SCORE:
        mp_json_hundredths(json, key, *(const int32_t *) value);
        break;

    case MP_TYPE_DAYS:
        if (*(const uint32_t *) value == 0) {
            mp_json_null(json, key);
        } else {
            mp_json_number(json, key, *(const uint32_t *) value);
        }
        break;

    case MP_TYPE_PORT:
        mp_json_number(json, key, *(const uint32_t *) value);
        break;

    case MP_TYPE_BOOL:
        mp_json_bool(json, key, *(const bool *) value);
        break;

    case MP_TYPE_NETS:
        mp_write_nets(json, key, value);
        break;

    case MP_TYPE_CHOICE:
    case MP_TYPE_HOST:
    case MP_TYPE_NEXTHOP:
    case MP_TYPE_LOGIN:
    case MP_TYPE_NAME:
    case MP_TYPE_ADDRESS:
    case MP_TYPE_TIME:
    case MP_TYPE_SECRET:
        mp_json_text(json, key, text[0] != '\0' ? text : NULL);
        break;
    }
}


static void
mp_write_groups(struct mp_json *json, const struct mp_settings *set,
                bool stored)
{
    char key[64];

    mp_json_object(json, NULL);

    for (const struct mp_setting_group *g = mp_setting_groups; g->id; g++) {
        mp_json_object(json, g->id);

        for (const struct mp_setting *s = mp_setting_table; s->id; s++) {
            if (strcmp(s->group, g->id) != 0) {
                continue;
            }

            if (s->type != MP_TYPE_SECRET) {
                mp_write_value(json, s->id, set, s);
                continue;
            }

            (void) snprintf(key, sizeof(key), "%s_%s", s->id,
                            stored ? "ref" : "set");

            if (stored) {
                mp_write_value(json, key, set, s);
            } else {
                const char *ref = mp_setting_value(set, s);

                mp_json_bool(json, key, ref[0] != '\0');
            }
        }

        mp_json_end_object(json);
    }

    mp_json_end_object(json);
}


void
mp_settings_render(struct mp_json *json, const struct mp_settings *set)
{
    mp_write_groups(json, set, false);
}


void
mp_settings_store(struct mp_json *json, const struct mp_settings *set)
{
    mp_write_groups(json, set, true);
}


static bool
mp_is_equal(const struct mp_settings *a, const struct mp_settings *b,
            const struct mp_setting *s)
{
    const void *x = mp_setting_value(a, s), *y = mp_setting_value(b, s);
    const struct mp_nets *m = x, *n = y;

    switch (s->type) {
    case MP_TYPE_SCORE:
    case MP_TYPE_DAYS:
    case MP_TYPE_PORT:
        return memcmp(x, y, sizeof(uint32_t)) == 0;

    case MP_TYPE_BOOL:
        return *(const bool *) x == *(const bool *) y;

    case MP_TYPE_NETS:
        if (m->count != n->count) {
            return false;
        }

        for (unsigned int i = 0; i < m->count; i++) {
            if (strcmp(m->net[i], n->net[i]) != 0) {
                return false;
            }
        }

        return true;

    case MP_TYPE_CHOICE:
    case MP_TYPE_HOST:
    case MP_TYPE_NEXTHOP:
    case MP_TYPE_LOGIN:
    case MP_TYPE_NAME:
    case MP_TYPE_ADDRESS:
    case MP_TYPE_TIME:
    case MP_TYPE_SECRET:
        return strcmp(x, y) == 0;
    }

    return false;
}


/* Of a password only whether there is one. */
static void
mp_write_shown(struct mp_json *json, const char *key,
               const struct mp_settings *set, const struct mp_setting *s)
{
    const char *ref = mp_setting_value(set, s);

    if (s->type != MP_TYPE_SECRET) {
        mp_write_value(json, key, set, s);
    } else {
        mp_json_text(json, key, ref[0] != '\0' ? "set" : NULL);
    }
}


bool
mp_settings_equal(const struct mp_settings *a, const struct mp_settings *b)
{
    for (const struct mp_setting *s = mp_setting_table; s->id; s++) {
        if (!mp_is_equal(a, b, s)) {
            return false;
        }
    }

    return true;
}


void
mp_settings_diff(struct mp_json *json, const char *key,
                 const struct mp_settings *from, const struct mp_settings *to)
{
    mp_json_array(json, key);

    for (const struct mp_setting *s = mp_setting_table; s->id; s++) {
        if (mp_is_equal(from, to, s)) {
            continue;
        }

        mp_json_object(json, NULL);
        mp_json_text(json, "field", s->name);
        mp_write_shown(json, "from", from, s);
        mp_write_shown(json, "to", to, s);
        mp_json_end_object(json);
    }

    mp_json_end_array(json);
}


static void
mp_write_row(struct mp_json *json, const struct mp_settings *defaults,
             const struct mp_setting *s)
{
    const char *const *choice = mp_setting_choices(s);

    mp_json_object(json, NULL);
    mp_json_text(json, "id", s->id);
    mp_json_text(json, "name", s->name);
    mp_json_text(json, "type", mp_setting_type_name(s->type));
    mp_json_text(json, "label", s->label);
    mp_json_text(json, "doc", s->doc);
    mp_json_bool(json, "nullable", mp_setting_nullable(s));
    mp_write_shown(json, "default", defaults, s);

    if (s->max > 0) {
        mp_json_number(json, "min", s->min);
        mp_json_number(json, "max", s->max);
    }

    if (choice != NULL) {
        mp_json_array(json, "choices");

        for (; *choice; choice++) {
            mp_json_text(json, NULL, *choice);
        }

        mp_json_end_array(json);
    }

    mp_json_end_object(json);
}


static void
mp_write_order(struct mp_json *json)
{
    mp_json_array(json, "order");

#define MP_GROUP(id, owner, label, doc)
#define MP_SETTING(group, id, type, dflt, min, max, label, doc)
#define MP_CHOICES(group, id, ...)
#define MP_ORDER(lower, upper)                                                \
    mp_json_object(json, NULL);                                               \
    mp_json_text(json, "lower", "antispam." #lower);                          \
    mp_json_text(json, "upper", "antispam." #upper);                          \
    mp_json_end_object(json);
#include "mp_settings.def"
#undef MP_GROUP
#undef MP_SETTING
#undef MP_CHOICES
#undef MP_ORDER

    mp_json_end_array(json);
}


void
mp_settings_schema(struct mp_json *json)
{
    struct mp_settings defaults;

    mp_settings_default(&defaults);

    mp_json_object(json, NULL);
    mp_json_array(json, "groups");

    for (const struct mp_setting_group *g = mp_setting_groups; g->id; g++) {
        mp_json_object(json, NULL);
        mp_json_text(json, "id", g->id);
        mp_json_text(json, "owner", g->owner);
        mp_json_text(json, "label", g->label);
        mp_json_text(json, "doc", g->doc);
        mp_json_array(json, "settings");

        for (const struct mp_setting *s = mp_setting_table; s->id; s++) {
            if (strcmp(s->group, g->id) == 0) {
                mp_write_row(json, &defaults, s);
            }
        }

        mp_json_end_array(json);
        mp_json_end_object(json);
    }

    mp_json_end_array(json);
    mp_write_order(json);
    mp_json_number(json, "score_off", MP_SCORE_OFF / 100);
    mp_json_end_object(json);
}
