#include "mpm_trouble.h"

const bool mpm_trouble_stale[MPM_TROUBLE_COUNT] = {
    [MPM_TROUBLE_NOTHING] = true,  [MPM_TROUBLE_REDIS] = true,
    [MPM_TROUBLE_SETTINGS] = true, [MPM_TROUBLE_LISTS] = true,
    [MPM_TROUBLE_UNSAFE] = false,
};
