#ifndef MPA_PARTS_H
#define MPA_PARTS_H

#include "mpa.h"

/* Every part has these two; mpa.h says what they do. */
#define MPA_PART(id, name, apply)                                             \
    enum mp_status mpa_##name##_start(struct mpa *agent, void **state_r,      \
                                      struct mp_error *err);                  \
    void mpa_##name##_stop(void *state);
#include "mpa_parts.def"
#undef MPA_PART

/* backups: removes one, at the wish of the API */
enum mp_status mpa_backups_drop(struct mpa *agent, const char *name,
                                struct mp_error *err);

/* And these are of the parts that have one. */
enum mp_status mpa_relay_apply(void *state, const struct mp_version *version,
                               struct mp_redis *redis, struct mp_error *err);
enum mp_status mpa_queue_apply(void *state, const struct mp_version *version,
                               struct mp_redis *redis, struct mp_error *err);

#endif
