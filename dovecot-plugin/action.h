#ifndef ACTION_H
#define ACTION_H

/*
 * What is done to one user's mailboxes.  The same code runs in a lane and in
 * doveadm; it may be run twice, and never takes part of a message away.
 */

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct mail_user;

enum action {
	ACTION_RECALC,
	ACTION_RESYNC,
	ACTION_CLEAR,
	ACTION_USAGE,
};

/* "recalc", ...; find: FALSE when there is none */
const char *action_name(enum action action);
bool action_find(const char *name, enum action *action_r);

struct action_request {
	enum action action;
	unsigned int junk_secs; /* older is cleared; 0: leave */
	unsigned int trash_secs;
	const char *junk_name; /* without a folder that is \Junk */
	const char *trash_name;
	bool dry_run;
};

/* A message that was cleared, or would be. */
struct action_message {
	const char *folder;
	uint32_t uid;
	time_t saved;
	uint64_t bytes;
};

struct action_result {
	uint64_t before, after;
	uint64_t folders, messages;
	uint64_t bytes;
	uint64_t limit;
	uint64_t sieve;
	/* of ACTION_CLEAR: called for each message, in a data stack frame of
	   its folder; NULL for nobody */
	void (*message)(const struct action_message *message, void *context);
	void *context;
};

/*
 * 0, or -1 with error_r in the data stack, for the operator: which folder, and
 * what is wrong.  What could be done is done and counted all the same.
 */
int action_run(struct mail_user *user, const struct action_request *request,
	       struct action_result *result, const char **error_r);

#endif
