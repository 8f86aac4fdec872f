#ifndef MP_ACTION_H
#define MP_ACTION_H

#include <stdbool.h>
#include <stddef.h>

enum mp_action {
#define MP_ACTION(id, name, executor, targets, label, doc) MP_ACTION_##id,
#include "mp_actions.def"
#undef MP_ACTION
    MP_ACTION_COUNT
};

struct mp_action_row {
    const char *name;
    const char *executor; /* "dovecot" or "agent" */
    const char *targets;  /* "users", "user", "address" or "none" */
    const char *label;
    const char *doc;
};

/* The table that mp_actions.def declares, MP_ACTION_COUNT rows. */
extern const struct mp_action_row mp_action_table[];

/* Their names, NULL at the end. */
extern const char *const mp_action_names[];

/* False when there is no such action; action_r is then untouched. */
bool mp_action_find(enum mp_action *action_r, const char *name, size_t len);

/* Whether it can be tried without doing it. */
bool mp_action_has_dry_run(enum mp_action action);

#endif
