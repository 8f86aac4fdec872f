#ifndef MPA_H
#define MPA_H

#include "mp_health.h"
#include "mp_redis.h"
#include "mp_settings_log.h"
#include "mpa_config.h"
#include "mpa_helper.h"
#include "mpa_trouble.h"

/*
 * mailportal-agent: the hands of a node.  It is made of parts; each is a noun
 * with files, a state and mostly a thread of its own, and none waits for
 * another.
 */
enum mpa_part_id {
#define MPA_PART(id, name, apply) MPA_PART_##id,
#include "mpa_parts.def"
#undef MPA_PART
    MPA_PART_COUNT
};

struct mpa {
    struct mpa_config config;
    struct mp_health *health;
    struct mpa_helper *helper;
    void *part[MPA_PART_COUNT]; /* each part's state */
};

struct mpa_part {
    const char *name;

    /* Makes its state and starts its threads; *state_r stays NULL for none. */
    enum mp_status (*start)(struct mpa *agent, void **state_r,
                            struct mp_error *err);

    /* Ends its threads and frees the state, which is not NULL. */
    void (*stop)(void *state);

    /*
     * A version of the settings is to be in force; NULL for a part to which
     * they say nothing.  It is called again until it returns MP_OK, by one
     * thread, which lends its connection.
     */
    enum mp_status (*apply)(void *state, const struct mp_version *version,
                            struct mp_redis *redis, struct mp_error *err);
};

extern const struct mpa_part mpa_parts[MPA_PART_COUNT];

/* A connection as the file says; name is for CLIENT LIST. */
struct mp_redis *mpa_redis_new(const struct mpa *agent, const char *name);

/* The version of the settings that every part has in force; 0 for none. */
uint64_t mpa_follow_version(const struct mpa *agent);

/* The newest settings in Redis; MP_NOT_FOUND when there are none. */
enum mp_status mpa_settings_read(struct mp_redis *redis,
                                 struct mp_version *version_r,
                                 struct mp_error *err);

/* Whether Redis has newer ones than the version number. */
bool mpa_settings_changed(struct mp_redis *redis, uint64_t number);

/*
 * Opens a secret of the settings, whose id is ref, as mp:{sec}:log has it:
 * text_r, of MP_TEXT_SIZE bytes, ends with a NUL, and the caller wipes it with
 * sodium_memzero().  MP_NOT_FOUND, or MP_FORBIDDEN when it is not sealed to
 * our key.
 */
enum mp_status mpa_secret_open(const struct mpa *agent, struct mp_redis *redis,
                               const char *ref, char *text_r,
                               struct mp_error *err);

/* Whether our key can be read and is one; err has the field. */
enum mp_status mpa_secret_check(const struct mpa *agent, struct mp_error *err);

#endif
