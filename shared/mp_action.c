#include "mp_action.h"

#include <string.h>

const struct mp_action_row mp_action_table[] = {
#define MP_ACTION(id, name, executor, targets, label, doc)                    \
    [MP_ACTION_##id] = { name, executor, targets, label, doc },
#include "mp_actions.def"
#undef MP_ACTION
};

const char *const mp_action_names[] = {
#define MP_ACTION(id, name, executor, targets, label, doc) name,
#include "mp_actions.def"
#undef MP_ACTION
    NULL
};


bool
mp_action_find(enum mp_action *action_r, const char *name, size_t len)
{
    for (size_t i = 0; i < MP_ACTION_COUNT; i++) {
        if (strlen(mp_action_table[i].name) == len
            && memcmp(mp_action_table[i].name, name, len) == 0)
        {
            *action_r = (enum mp_action) i;
            return true;
        }
    }

    return false;
}


bool
mp_action_has_dry_run(enum mp_action action)
{
    return action == MP_ACTION_CLEAR_FOLDERS
        || action == MP_ACTION_VERIFY_CACHE_CLEAR;
}
