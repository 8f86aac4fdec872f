#ifndef MP_SETTINGS_H
#define MP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp_error.h"

/*
 * The types of a setting.  Each has one C type, one check, one form in JSON
 * and one input on the settings page.
 *
 * SCORE    hundredths of a point, 0 to 99900; a number with two decimals
 * DAYS     0 is null, "never"
 * PORT     1 to 65535
 * BOOL     true or false
 * CHOICE   one of the texts of MP_CHOICES
 * HOST     host name (RFC 1123) or address, IPv6 without brackets
 * NEXTHOP  null or a host, which may stand in brackets (Postfix relayhost)
 * LOGIN    null or a login name: printable, no control characters
 * NAME     letters, digits, dot, dash, underscore
 * ADDRESS  a mailbox (RFC 5321) in ASCII
 * TIME     null or an RFC 3339 UTC time
 * NETS     a list of addresses and networks (RFC 4632, RFC 4291)
 * SECRET   accepted, never returned; the struct holds where it is kept
 */
enum mp_setting_type {
    MP_TYPE_SCORE,
    MP_TYPE_DAYS,
    MP_TYPE_PORT,
    MP_TYPE_BOOL,
    MP_TYPE_CHOICE,
    MP_TYPE_HOST,
    MP_TYPE_NEXTHOP,
    MP_TYPE_LOGIN,
    MP_TYPE_NAME,
    MP_TYPE_ADDRESS,
    MP_TYPE_TIME,
    MP_TYPE_NETS,
    MP_TYPE_SECRET,
};

/* A level of MP_SCORE_OFF is off: it applies to no message. */
#define MP_SCORE_OFF 99900

#define MP_TEXT_SIZE 256
#define MP_NETS_MAX  16
#define MP_NET_SIZE  48

typedef char mp_text[MP_TEXT_SIZE];

struct mp_nets {
    unsigned int count;
    char net[MP_NETS_MAX][MP_NET_SIZE];
};

#define MP_C_SCORE   int32_t
#define MP_C_DAYS    uint32_t
#define MP_C_PORT    uint32_t
#define MP_C_BOOL    bool
#define MP_C_CHOICE  mp_text
#define MP_C_HOST    mp_text
#define MP_C_NEXTHOP mp_text
#define MP_C_LOGIN   mp_text
#define MP_C_NAME    mp_text
#define MP_C_ADDRESS mp_text
#define MP_C_TIME    mp_text
#define MP_C_NETS    struct mp_nets
#define MP_C_SECRET  mp_text /* id of its entry in mp:{sec}:log, or "" */

/* One version of all settings; a plain value, copied by assignment. */
struct mp_settings {
#define MP_GROUP(id, owner, label, doc)
#define MP_SETTING(group, id, type, dflt, min, max, label, doc)               \
    MP_C_##type group##_##id;
#define MP_CHOICES(group, id, ...)
#define MP_ORDER(lower, upper)
#include "mp_settings.def"
#undef MP_GROUP
#undef MP_SETTING
#undef MP_CHOICES
#undef MP_ORDER
};

struct mp_setting {
    const char *group;
    const char *id;
    const char *name; /* "group.id" */
    const char *dflt; /* text of its JSON value without quotes; "" is null */
    const char *label;
    const char *doc;
    int64_t min; /* of a number, or of the length of a text in bytes */
    int64_t max;
    size_t offset; /* in struct mp_settings */
    enum mp_setting_type type;
};

struct mp_setting_group {
    const char *id;
    const char *owner;
    const char *label;
    const char *doc;
};

/* The tables that mp_settings.def declares; each ends with a NULL id. */
extern const struct mp_setting mp_setting_table[];
extern const struct mp_setting_group mp_setting_groups[];

/* The row of "group.id", or NULL. */
const struct mp_setting *mp_setting_find(const char *group, const char *id);

/* The members of one setting in set, for the forms that loop over rows. */
void *mp_setting_place(struct mp_settings *set, const struct mp_setting *s);
const void *mp_setting_value(const struct mp_settings *set,
                             const struct mp_setting *s);

/* "score", "days", …: the name of a type in /schema.  Never NULL. */
const char *mp_setting_type_name(enum mp_setting_type type);

/* The texts that a CHOICE may be, ending with NULL; NULL for other types. */
const char *const *mp_setting_choices(const struct mp_setting *s);

/* Whether null is a value of the setting. */
bool mp_setting_nullable(const struct mp_setting *s);

/* Fills set with the defaults of the table, which obey mp_settings_check. */
void mp_settings_default(struct mp_settings *set);

/*
 * Sets a number (of a SCORE: hundredths), a truth value or a text.  The type
 * of the row must take it.  text NULL is null.  MP_INVALID, with err filled,
 * leaves set as it was.
 */
enum mp_status mp_settings_put_number(struct mp_settings *set,
                                      const struct mp_setting *s,
                                      int64_t value, struct mp_error *err);
enum mp_status mp_settings_put_text(struct mp_settings *set,
                                    const struct mp_setting *s,
                                    const char *text, struct mp_error *err);

enum mp_status mp_settings_put_nets(struct mp_settings *set,
                                    const struct mp_setting *s,
                                    const char *const *nets, size_t count,
                                    struct mp_error *err);

/*
 * Checks the rules that hold between settings: defer < add_header < reject
 * among the levels that are on.  MP_INVALID names the lower field.
 */
enum mp_status mp_settings_check(const struct mp_settings *set,
                                 struct mp_error *err);

#endif
