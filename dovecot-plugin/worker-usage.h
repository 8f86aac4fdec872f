#ifndef WORKER_USAGE_H
#define WORKER_USAGE_H

#include <stdbool.h>

/* What is wrong with the usage of mailboxes, or NULL. */
const char *worker_usage_problem(void);

/* A sweep begins; what one before has found out is forgotten. */
void worker_usage_begin(void);

/* Whether Redis did not take all that the last one found, or has it all. */
bool worker_usage_is_lost(void);
bool worker_usage_is_whole(void);

void worker_usage_deinit(void);

#endif
