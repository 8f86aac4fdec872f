#ifndef LANE_WIRE_H
#define LANE_WIRE_H

/*
 * What a worker and a lane say to each other over the unix socket
 * "mailportal-lane" in base_dir.  Lines; fields are separated by tabs and
 * escaped by str_tabescape().
 *
 * Both begin with
 *	VERSION	mailportal-lane	1	0
 * The worker asks
 *	<seq>	<action>	<user>	<name>=<value>...
 * where action is recalc, resync, clear or usage, with junk= and trash=
 * (seconds, absent: leave), dry=1, and job=, the id of a job: then the lane
 * gives its answer, whose seq is the user's index in that job, to
 * common_journal_append() before it sends it, so that no user is worked on
 * twice when the worker ends meanwhile.  It answers with any number of
 *	<seq>	item	folder=	uid=	saved=	bytes=
 * and then with one of
 *	<seq>	ok	<name>=<value>...
 *	<seq>	skip			the user has no mailbox yet
 *	<seq>	fail	text=...	and what is known
 * where the names are those of struct lane_answer, and 0 is not said.  One
 * user at a time, in the order of the requests; more may be sent before the
 * first is answered, and
 *	CANCEL
 * drops what has not begun, which is answered by
 *	<seq>	drop
 *
 * A lane that ends (after lane_users users, or because Dovecot ends it)
 * answers the user at hand, drops the others without a CANCEL, and closes the
 * connection: those have not begun, and may be asked for again.
 */

#define LANE_SOCKET "mailportal-lane"
#define LANE_SERVICE "mailportal-lane"
#define LANE_VERSION_MAJOR 1
#define LANE_VERSION_MINOR 0
#define LANE_LINE_MAX (1024 * 64)

#define LANE_USER_MAX 1024
#define LANE_TEXT_MAX 190

/* Messages of one user that are named by items. */
#define LANE_ITEMS_MAX 100

enum lane_status {
	LANE_OK,
	LANE_SKIP,
	LANE_FAIL,
	LANE_DROP,
};

/* text NULL for none; numbers that do not apply are 0 */
struct lane_answer {
	enum lane_status status;
	const char *text;
	uint64_t before, after; /* recalc: bytes */
	uint64_t folders, messages;
	uint64_t bytes;
	uint64_t limit; /* usage: bytes, 0 for none */
	uint64_t sieve; /* usage: scripts */
};

#endif
