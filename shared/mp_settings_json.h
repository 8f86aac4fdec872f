#ifndef MP_SETTINGS_JSON_H
#define MP_SETTINGS_JSON_H

#include <stdbool.h>

#include <jansson.h>

#include "mp_json.h"
#include "mp_settings.h"

#define MP_FAULTS_MAX 16

/* Every field at fault, not only the first. */
struct mp_faults {
    struct mp_error fault[MP_FAULTS_MAX];
    unsigned int count;
};

/* Passwords that a patch brings; lent by its json_t. */
struct mp_new_secret {
    const struct mp_setting *setting;
    const char *value;
};

struct mp_new_secrets {
    struct mp_new_secret secret[8];
    unsigned int count;
};

/*
 * Applies a JSON merge patch (RFC 7396) to set.  Unknown fields, wrong types,
 * values out of range and broken rules are all named in faults_r, and then
 * MP_INVALID comes out and set is as it was.  null puts a nullable setting to
 * null and is a fault elsewhere.  secrets_r gets the new passwords; the caller
 * stores each and puts its id into set with mp_settings_put_text().
 */
enum mp_status mp_settings_patch(struct mp_settings *set, const json_t *patch,
                                 struct mp_new_secrets *secrets_r,
                                 struct mp_faults *faults_r);

/* The document as the API answers it: a password is only password_set. */
void mp_settings_render(struct mp_json *json, const struct mp_settings *set);

/*
 * The document as it is kept in Redis: a password is password_ref, the id of
 * its entry in mp:{sec}:log or null.
 */
void mp_settings_store(struct mp_json *json, const struct mp_settings *set);

/*
 * Reads a kept document: what is in it must be known and valid; a setting that
 * is younger than the document has its default.  MP_INVALID leaves set_r
 * undefined and err names the first fault.
 */
enum mp_status mp_settings_load(struct mp_settings *set_r, const char *doc,
                                size_t len, struct mp_error *err);

bool mp_settings_equal(const struct mp_settings *a,
                       const struct mp_settings *b);

/*
 * Writes an array of {field, from, to}: what differs between two versions.
 * Passwords show as "set" or null.
 */
void mp_settings_diff(struct mp_json *json, const char *key,
                      const struct mp_settings *from,
                      const struct mp_settings *to);

/* The table as JSON: groups with their settings, for /schema. */
void mp_settings_schema(struct mp_json *json);

#endif
