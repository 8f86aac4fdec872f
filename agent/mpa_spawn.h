#ifndef MPA_SPAWN_H
#define MPA_SPAWN_H

#include "mp_error.h"

/*
 * Runs a program with fixed arguments, an environment of PATH alone and no
 * input, and waits at most timeout_msecs; then it is killed.  out_r, unless
 * NULL, is a file with what it said on standard output, which the caller
 * closes.  MP_INTERNAL when it cannot be run or does not end with 0.
 */
enum mp_status mpa_spawn(const char *path, char *const argv[],
                         unsigned int timeout_msecs, int *out_r,
                         struct mp_error *err);

#endif
