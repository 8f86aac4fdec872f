#ifndef MPA_MEMORY_H
#define MPA_MEMORY_H

#include "mp_settings_log.h"
#include "mpa_config.h"

/*
 * Which settings were last in force here: after a restart the agent must still
 * know a Redis that has lost something.
 */
struct mpa_memory {
    uint64_t number; /* 0: nothing is known */
    char epoch[MP_EPOCH_SIZE];
    char hash[MP_HASH_HEX];
};

/* A file that is not there is number 0; one that is damaged too, and said. */
enum mp_status mpa_memory_read(const struct mpa_config *config,
                               struct mpa_memory *memory_r,
                               struct mp_error *err);

/* Replaces the file in one step. */
enum mp_status mpa_memory_write(const struct mpa_config *config,
                                const struct mpa_memory *memory,
                                struct mp_error *err);

#endif
