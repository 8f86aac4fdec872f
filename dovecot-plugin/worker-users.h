#ifndef WORKER_USERS_H
#define WORKER_USERS_H

/*
 * Asks Dovecot's userdb, over the socket "auth-userdb", and never waits: a
 * userdb may be slow, and a million users long.
 */

struct worker_userdb;

enum worker_userdb_result {
	WORKER_USERDB_OK,
	WORKER_USERDB_MISSING, /* of a lookup: there is no such user */
	WORKER_USERDB_FAILED,  /* and will again */
	WORKER_USERDB_AWAY,    /* the process that knows is not there */
};

struct worker_userdb_callbacks {
	/* of a listing: each user as it comes */
	void (*user)(const char *user, void *context);
	/* once, as the last; text NULL or what is wrong, for the operator */
	void (*end)(enum worker_userdb_result result, const char *text,
		    void *context);
};

/* All users, or those of a domain, which the userdb takes as a hint only. */
struct worker_userdb *
worker_userdb_list(const char *domain,
		   const struct worker_userdb_callbacks *callbacks,
		   void *context);
struct worker_userdb *
worker_userdb_lookup(const char *user,
		     const struct worker_userdb_callbacks *callbacks,
		     void *context);

/* Nobody is called any more.  Not from within a callback. */
void worker_userdb_abort(struct worker_userdb **userdb);

void worker_userdb_deinit(void);

#endif
