#ifndef MPA_DISK_H
#define MPA_DISK_H

#include "mp_error.h"
#include "mp_sample.h"

/*
 * The file systems of the configuration.  Each is asked by a thread of its
 * own: one that hangs (a mount whose server is gone) stops nobody else.
 */
struct mpa_disks;

/*
 * list is "name=path name=path".  MP_INVALID names what is wrong in it.  The
 * caller owns *disks_r.
 */
enum mp_status mpa_disks_start(struct mpa_disks **disks_r, const char *list,
                               struct mp_error *err);

/* A thread that hangs is left to the end of the process. */
void mpa_disks_stop(struct mpa_disks *disks);

/*
 * Asks all anew and fills in what has answered within wait_msecs; of the
 * others, answers is false.  Where the answer was an error, it is false, too,
 * and error says which.
 */
void mpa_disks_sample(struct mpa_disks *disks, struct mp_sample *sample,
                      unsigned int wait_msecs);

#endif
