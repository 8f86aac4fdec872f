#ifndef WORKER_FOLLOW_H
#define WORKER_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A restart found these settings in force: before Redis has been asked, if
 * they are the ones that were taken last.
 */
void worker_follow_found(const char *epoch, uint64_t version);

/* Whether what is in force may be older than what Redis has. */
bool worker_follow_is_stale(void);

#endif
