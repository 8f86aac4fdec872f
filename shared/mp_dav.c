#include "mp_dav.h"

#include <string.h>

#include "mp_take.h"


void
mp_dav_render(struct mp_json *json, const char *key, const struct mp_dav *dav)
{
    mp_json_object(json, key);
    mp_json_number(json, "collections", (int64_t) dav->collections);
    mp_json_number(json, "addressbooks", (int64_t) dav->addressbooks);
    mp_json_number(json, "calendars", (int64_t) dav->calendars);
    mp_json_text(json, "at", dav->at);
    mp_json_end_object(json);
}


/* The name of the member that is not as it must be, or NULL. */
static const char *
mp_dav_fault(struct mp_dav *dav, const json_t *object)
{
    if (!mp_take_count(&dav->collections, object, "collections", MP_TAKE_MAX))
    {
        return "collections";
    }

    if (!mp_take_count(&dav->addressbooks, object, "addressbooks",
                       MP_TAKE_MAX)) {
        return "addressbooks";
    }

    if (!mp_take_count(&dav->calendars, object, "calendars", MP_TAKE_MAX)) {
        return "calendars";
    }

    return mp_take_time(dav->at, object, "at") && dav->at[0] != '\0' ? NULL
                                                                     : "at";
}


enum mp_status
mp_dav_parse(struct mp_dav *dav_r, const char *bytes, size_t len,
             struct mp_error *err)
{
    json_error_t why;
    json_t *root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &why);
    const char *fault;

    memset(dav_r, 0, sizeof(*dav_r));

    if (!json_is_object(root)) {
        json_decref(root);
        return mp_fail(err, MP_INVALID, "", "is not a JSON object");
    }

    fault = mp_dav_fault(dav_r, root);
    json_decref(root);

    return fault == NULL ? MP_OK
                         : mp_fail(err, MP_INVALID, fault, "is not valid");
}
