#ifndef DOVEADM_PRIVATE_H
#define DOVEADM_PRIVATE_H

struct doveadm_cmd_context;
struct action_request;

/*
 * FALSE when this is not the Dovecot that the module was compiled for; it has
 * then been said.
 */
bool doveadm_mailportal_begin(void);

/* Says that the command was not used as it should be. */
void doveadm_mailportal_usage(const char *error);

/* doveadm-action.c: does it for the users that the command line names */
void doveadm_mailportal_run(struct doveadm_cmd_context *cctx,
			    const struct action_request *request);

/* doveadm-status.c: prints what the worker says of itself */
void doveadm_mailportal_status(struct doveadm_cmd_context *cctx);

#endif
