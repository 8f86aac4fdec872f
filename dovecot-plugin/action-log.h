#ifndef ACTION_LOG_H
#define ACTION_LOG_H

/*
 * Keeps what Dovecot logs as an error, for its functions often say no more
 * than that the log has the cause.  All is logged as before.
 */
void action_log_init(void);
void action_log_deinit(void);

/* From here on, for another user. */
void action_log_begin(void);

/*
 * The first error since by which the system refused something, as permission
 * or space, or NULL; until the next begin.  After it, success is none: Dovecot
 * takes for empty what it cannot read.
 */
const char *action_log_trouble(void);

/* The error, or the logged one where it only points to the log. */
const char *action_log_explain(const char *error);

#endif
