#ifndef MPA_HELPER_ROOT_H
#define MPA_HELPER_ROOT_H

#include "mpa_helper.h"

/*
 * One operation, in the helper.  *fd_r is -1, or an open file that goes to
 * the agent and is closed here then.
 */
typedef enum mp_status mpa_op_run(const struct mpa_config *config,
                                  uint32_t arg, int64_t *value_r, int *fd_r,
                                  struct mp_error *err);

/* mpa_helper_log.c */
mpa_op_run mpa_op_open_log;

/* mpa_helper_verify.c */
mpa_op_run mpa_op_open_verify;
mpa_op_run mpa_op_clear_verify;

#endif
