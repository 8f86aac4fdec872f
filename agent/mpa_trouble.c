#include "mpa_trouble.h"

const bool mpa_trouble_stale[MPA_TROUBLE_COUNT] = {
    [MPA_TROUBLE_REDIS] = true,
    [MPA_TROUBLE_SETTINGS] = true,
    [MPA_TROUBLE_RELAY] = true,
};
