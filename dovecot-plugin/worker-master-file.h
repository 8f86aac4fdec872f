#ifndef WORKER_MASTER_FILE_H
#define WORKER_MASTER_FILE_H

/*
 * The passwd-file of the master password:
 *	# mailportal version=12 epoch=... expires=... name=masteradmin was=-
 *	masteradmin:{ARGON2ID}$argon2id$...::::::mailportal_master=masteradmin
 * When nobody may sign in by it, it has the first line alone.  It is never
 * removed: a Dovecot that sees no file any more goes on to take the password
 * that it has read, for each but the first login of a second.
 */

#include <time.h>

#include "mp_settings_log.h"

/* The field of passdb that tells Dovecot's log of a master login. */
#define WORKER_MASTER_FIELD "mailportal_master"

#define WORKER_MASTER_MANY "*"

/* What its first line says. */
struct worker_master_file {
	uint64_t version; /* of the settings it was made from, 0 for none */
	char epoch[MP_EPOCH_SIZE];
	int64_t expires; /* unix seconds, 0 for never */
	char name[65];	 /* "" when nobody may sign in */
	char was[65];	 /* who could before, "" for nobody, "*" for many */
};

/* FALSE when text does not begin with such a line; file_r is then empty. */
bool worker_master_file_parse(struct worker_master_file *file_r,
			      const char *text);

/*
 * The file as text in the data stack.  hash and nets belong to file->name.
 * FALSE with error_r when one of them is not what a passwd-file can hold.
 */
bool worker_master_file_render(const struct worker_master_file *file,
			       const char *hash, const struct mp_nets *nets,
			       const char **text_r, const char **error_r);

/* Whether it is an argon2id hash that costs no more than is usual. */
bool worker_master_hash_check(const char *hash);

#endif
