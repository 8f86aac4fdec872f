#ifndef MPA_CHECK_H
#define MPA_CHECK_H

#include "mpa.h"

/*
 * Looks, as the agent's user, at what the configuration names, and prints a
 * line for each thing that is wrong and what to do about it.  An exit code.
 */
int mpa_check(struct mpa *agent, const char *file);

#endif
