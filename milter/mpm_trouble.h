#ifndef MPM_TROUBLE_H
#define MPM_TROUBLE_H

#include <stdbool.h>

/* What can be wrong with the milter; see mp_health.h. */
enum mpm_trouble {
    MPM_TROUBLE_NOTHING, /* neither settings nor lists */
    MPM_TROUBLE_REDIS,
    MPM_TROUBLE_UNSAFE,
    MPM_TROUBLE_SETTINGS,
    MPM_TROUBLE_LISTS,
    MPM_TROUBLE_FILE,
    MPM_TROUBLE_SCORE,
    MPM_TROUBLE_GREY,
    MPM_TROUBLE_REPORT,
    MPM_TROUBLE_COUNT
};

/* With these, what is in force may be older than Redis. */
extern const bool mpm_trouble_stale[MPM_TROUBLE_COUNT];

#endif
