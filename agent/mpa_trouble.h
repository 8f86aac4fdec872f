#ifndef MPA_TROUBLE_H
#define MPA_TROUBLE_H

#include <stdbool.h>

/* What can be wrong with the agent; see mp_health.h. */
enum mpa_trouble {
    MPA_TROUBLE_REDIS,
    MPA_TROUBLE_SETTINGS,
    MPA_TROUBLE_HELPER,
    MPA_TROUBLE_REPORT,
    MPA_TROUBLE_QUEUE,
    MPA_TROUBLE_LOG_POSTFIX,
    MPA_TROUBLE_LOG_DOVECOT,
    MPA_TROUBLE_LOG_MILTER,
    MPA_TROUBLE_TRACE,
    MPA_TROUBLE_SAMPLE,
    MPA_TROUBLE_DISK,
    MPA_TROUBLE_RELAY,
    MPA_TROUBLE_MAILER,
    MPA_TROUBLE_BACKUP,
    MPA_TROUBLE_RADICALE,
    MPA_TROUBLE_COUNT
};

/* With these, what is in force may be older than Redis. */
extern const bool mpa_trouble_stale[MPA_TROUBLE_COUNT];

#endif
