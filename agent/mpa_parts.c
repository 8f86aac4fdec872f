#include "mpa_parts.h"

const struct mpa_part mpa_parts[MPA_PART_COUNT] = {
#define MPA_PART(id, name, apply)                                             \
    [MPA_PART_##id] = { #name, mpa_##name##_start, mpa_##name##_stop, apply },
#include "mpa_parts.def"
#undef MPA_PART
};
