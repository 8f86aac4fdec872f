#include "mp_settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_net.h"
#include "mp_time.h"

/* clang-format off */

/* the choices of each CHOICE, under a name made of group and id */
#define MP_GROUP(id, owner, label, doc)
#define MP_SETTING(group, id, type, dflt, min, max, label, doc)
#define MP_CHOICES(group, id, ...)                                            \
    static const char *const mp_choices_##group##_##id[] = {                  \
        __VA_ARGS__, NULL                                                     \
    };
#define MP_ORDER(lower, upper)
#include "mp_settings.def"
#undef MP_GROUP
#undef MP_SETTING
#undef MP_CHOICES
#undef MP_ORDER

static const struct {
    const char *name;
    const char *const *choices;
} mp_choices[] = {
#define MP_GROUP(id, owner, label, doc)
#define MP_SETTING(group, id, type, dflt, min, max, label, doc)
#define MP_CHOICES(group, id, ...)                                            \
    { #group "." #id, mp_choices_##group##_##id },
#define MP_ORDER(lower, upper)
#include "mp_settings.def"
#undef MP_GROUP
#undef MP_SETTING
#undef MP_CHOICES
#undef MP_ORDER
    { NULL, NULL }
};

const struct mp_setting mp_setting_table[] = {
#define MP_GROUP(id, owner, label, doc)
#define MP_SETTING(group, id, type, dflt, min, max, label, doc)               \
    { #group, #id, #group "." #id, dflt, label, doc, min, max,                \
      offsetof(struct mp_settings, group##_##id), MP_TYPE_##type },
#define MP_CHOICES(group, id, ...)
#define MP_ORDER(lower, upper)
#include "mp_settings.def"
#undef MP_GROUP
#undef MP_SETTING
#undef MP_CHOICES
#undef MP_ORDER
    { NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, MP_TYPE_BOOL }
};

const struct mp_setting_group mp_setting_groups[] = {
#define MP_GROUP(id, owner, label, doc) { #id, owner, label, doc },
#define MP_SETTING(group, id, type, dflt, min, max, label, doc)
#define MP_CHOICES(group, id, ...)
#define MP_ORDER(lower, upper)
#include "mp_settings.def"
#undef MP_GROUP
#undef MP_SETTING
#undef MP_CHOICES
#undef MP_ORDER
    { NULL, NULL, NULL, NULL }
};

static const char *const mp_type_names[] = {
    [MP_TYPE_SCORE] = "score",     [MP_TYPE_DAYS] = "days",
    [MP_TYPE_PORT] = "port",       [MP_TYPE_BOOL] = "bool",
    [MP_TYPE_CHOICE] = "choice",   [MP_TYPE_HOST] = "host",
    [MP_TYPE_NEXTHOP] = "nexthop", [MP_TYPE_LOGIN] = "login",
    [MP_TYPE_NAME] = "name",       [MP_TYPE_ADDRESS] = "address",
    [MP_TYPE_TIME] = "time",       [MP_TYPE_NETS] = "nets",
    [MP_TYPE_SECRET] = "secret",
};

/* clang-format on */


const struct mp_setting *
mp_setting_find(const char *group, const char *id)
{
    for (const struct mp_setting *s = mp_setting_table; s->id; s++) {
        if (strcmp(s->group, group) == 0 && strcmp(s->id, id) == 0) {
            return s;
        }
    }

    return NULL;
}


const char *const *
mp_setting_choices(const struct mp_setting *s)
{
    for (size_t i = 0; mp_choices[i].name; i++) {
        if (strcmp(mp_choices[i].name, s->name) == 0) {
            return mp_choices[i].choices;
        }
    }

    return NULL;
}


void *
mp_setting_place(struct mp_settings *set, const struct mp_setting *s)
{
    return (char *) set + s->offset;
}


const void *
mp_setting_value(const struct mp_settings *set, const struct mp_setting *s)
{
    return (const char *) set + s->offset;
}


const char *
mp_setting_type_name(enum mp_setting_type type)
{
    return mp_type_names[type];
}


bool
mp_setting_nullable(const struct mp_setting *s)
{
    switch (s->type) {
    case MP_TYPE_DAYS:
    case MP_TYPE_NEXTHOP:
    case MP_TYPE_LOGIN:
    case MP_TYPE_TIME:
    case MP_TYPE_SECRET:
        return true;

    case MP_TYPE_SCORE:
    case MP_TYPE_PORT:
    case MP_TYPE_BOOL:
    case MP_TYPE_CHOICE:
    case MP_TYPE_HOST:
    case MP_TYPE_NAME:
    case MP_TYPE_ADDRESS:
    case MP_TYPE_NETS:
        return false;
    }

    return false;
}


enum mp_status
mp_settings_put_number(struct mp_settings *set, const struct mp_setting *s,
                       int64_t value, struct mp_error *err)
{
    int64_t unit = s->type == MP_TYPE_SCORE ? 100 : 1;
    void *place = mp_setting_place(set, s);

    if (s->type == MP_TYPE_BOOL) {
        *(bool *) place = value != 0;
        return MP_OK;
    }

    if (value < s->min * unit || value > s->max * unit) {
        return mp_fail(err, MP_INVALID, s->name,
                       "must be %" PRId64 " to %" PRId64 "%s", s->min, s->max,
                       s->type == MP_TYPE_SCORE ? ", 999 for off" : "");
    }

    if (s->type == MP_TYPE_SCORE) {
        *(int32_t *) place = (int32_t) value;
    } else {
        *(uint32_t *) place = (uint32_t) value;
    }

    return MP_OK;
}


static bool
mp_is_plain(const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((unsigned char) *c < 0x20 || *c == 0x7f) {
            return false;
        }
    }

    return true;
}


static bool
mp_is_name(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ")]
        == '\0';
}


static bool
mp_is_choice(const char *const *choices, const char *text)
{
    for (; *choices; choices++) {
        if (strcmp(*choices, text) == 0) {
            return true;
        }
    }

    return false;
}


static bool
mp_is_stream_id(const char *text)
{
    size_t ms = strspn(text, "0123456789");
    const char *rest = text + ms;

    return ms > 0 && *rest == '-' && rest[1] != '\0'
        && rest[1 + strspn(rest + 1, "0123456789")] == '\0';
}


/* NULL when the text is of the type, else what the type takes. */
static const char *
mp_text_fault(const struct mp_setting *s, const char *text)
{
    int64_t seconds;

    switch (s->type) {
    case MP_TYPE_HOST:
        return mp_host_check(text) ? NULL : "must be a host name or address";

    case MP_TYPE_NEXTHOP:
        return mp_nexthop_check(text)
                 ? NULL
                 : "must be a host name or address, which may stand in []";

    case MP_TYPE_LOGIN:
        return mp_is_plain(text) ? NULL : "must have no control characters";

    case MP_TYPE_NAME:
        return mp_is_name(text)
                 ? NULL
                 : "takes letters, digits, dot, dash and underscore";

    case MP_TYPE_ADDRESS:
        return mp_mailbox_check(text) ? NULL
                                      : "must be a mail address, as a@b.c";

    case MP_TYPE_TIME:
        return mp_time_parse(&seconds, text, strlen(text))
                 ? NULL
                 : "must be a UTC time, as 2026-01-31T12:00:00Z";

    case MP_TYPE_SECRET:
        return mp_is_stream_id(text) ? NULL : "refers to no secret";

    case MP_TYPE_CHOICE:
        return mp_is_choice(mp_setting_choices(s), text)
                 ? NULL
                 : "is none of the choices";

    case MP_TYPE_SCORE:
    case MP_TYPE_DAYS:
    case MP_TYPE_PORT:
    case MP_TYPE_BOOL:
    case MP_TYPE_NETS:
        return "is not a text";
    }

    return "is not a text";
}


enum mp_status
mp_settings_put_text(struct mp_settings *set, const struct mp_setting *s,
                     const char *text, struct mp_error *err)
{
    void *place = mp_setting_place(set, s);
    const char *fault;
    size_t len;

    if (text == NULL) {
        if (!mp_setting_nullable(s)) {
            return mp_fail(err, MP_INVALID, s->name, "must not be null");
        }

        if (s->type == MP_TYPE_DAYS) {
            *(uint32_t *) place = 0;
        } else {
            memset(place, 0, sizeof(mp_text));
        }

        return MP_OK;
    }

    len = strlen(text);

    if (s->max > 0 && s->type != MP_TYPE_SECRET
        && ((int64_t) len < s->min || (int64_t) len > s->max))
    {
        return mp_fail(err, MP_INVALID, s->name,
                       "must have %" PRId64 " to %" PRId64 " bytes", s->min,
                       s->max);
    }

    fault = len < sizeof(mp_text) ? mp_text_fault(s, text) : "is too long";
    if (fault != NULL) {
        return mp_fail(err, MP_INVALID, s->name, "%s", fault);
    }

    memset(place, 0, sizeof(mp_text));
    memcpy(place, text, len);
    return MP_OK;
}


enum mp_status
mp_settings_put_nets(struct mp_settings *set, const struct mp_setting *s,
                     const char *const *nets, size_t count,
                     struct mp_error *err)
{
    struct mp_nets *place = mp_setting_place(set, s);

    if (count > MP_NETS_MAX) {
        return mp_fail(err, MP_INVALID, s->name, "takes at most %d networks",
                       MP_NETS_MAX);
    }

    for (size_t i = 0; i < count; i++) {
        if (strlen(nets[i]) >= MP_NET_SIZE || !mp_net_check(nets[i])) {
            return mp_fail(err, MP_INVALID, s->name,
                           "entry %zu must be an address or a network, as "
                           "192.0.2.0/24",
                           i + 1);
        }
    }

    memset(place, 0, sizeof(*place));
    place->count = (unsigned int) count;

    for (size_t i = 0; i < count; i++) {
        memcpy(place->net[i], nets[i], strlen(nets[i]) + 1);
    }

    return MP_OK;
}


void
mp_settings_default(struct mp_settings *set)
{
    memset(set, 0, sizeof(*set));

    for (const struct mp_setting *s = mp_setting_table; s->id; s++) {
        int64_t unit = s->type == MP_TYPE_SCORE ? 100 : 1;

        switch (s->type) {
        case MP_TYPE_SCORE:
        case MP_TYPE_PORT:
            (void) mp_settings_put_number(
                set, s, strtoll(s->dflt, NULL, 10) * unit, NULL);
            break;

        case MP_TYPE_BOOL:
            (void) mp_settings_put_number(set, s, strcmp(s->dflt, "true") == 0,
                                          NULL);
            break;

        case MP_TYPE_DAYS:
        case MP_TYPE_NETS:
            break; /* all zero: never, none */

        case MP_TYPE_CHOICE:
        case MP_TYPE_HOST:
        case MP_TYPE_NEXTHOP:
        case MP_TYPE_LOGIN:
        case MP_TYPE_NAME:
        case MP_TYPE_ADDRESS:
        case MP_TYPE_TIME:
        case MP_TYPE_SECRET:
            (void) mp_settings_put_text(
                set, s, s->dflt[0] != '\0' ? s->dflt : NULL, NULL);
            break;
        }
    }
}


static enum mp_status
mp_order_check(const char *lower, int32_t below, const char *upper,
               int32_t above, struct mp_error *err)
{
    char name[64];

    if (below == MP_SCORE_OFF || above == MP_SCORE_OFF || below < above) {
        return MP_OK;
    }

    (void) snprintf(name, sizeof(name), "antispam.%s", lower);
    return mp_fail(err, MP_INVALID, name,
                   "must be below %s: the levels that are on keep "
                   "defer < add_header < reject",
                   upper);
}


enum mp_status
mp_settings_check(const struct mp_settings *set, struct mp_error *err)
{
#define MP_GROUP(id, owner, label, doc)
#define MP_SETTING(group, id, type, dflt, min, max, label, doc)
#define MP_CHOICES(group, id, ...)
#define MP_ORDER(lower, upper)                                                \
    if (mp_order_check(#lower, set->antispam_##lower, #upper,                 \
                       set->antispam_##upper, err)                            \
        != MP_OK)                                                             \
    {                                                                         \
        return MP_INVALID;                                                    \
    }
#include "mp_settings.def"
#undef MP_GROUP
#undef MP_SETTING
#undef MP_CHOICES
#undef MP_ORDER

    return MP_OK;
}
