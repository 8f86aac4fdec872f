#ifndef COMMON_JOURNAL_H
#define COMMON_JOURNAL_H

/*
 * The file state_dir/jobs/<id>/done: what was done of a job.  The worker makes
 * it; each lane appends the answers that it gives, at once with their items,
 * so that what was done is known though the worker has ended meanwhile.
 */

/* Makes lines, each of which ends with LF, those of the file. */
void common_journal_put(string_t *dest, const char *lines);

/*
 * Appends the lines of lane-wire.h about one user, in one write, as root.
 * -1 with error_r in the data stack: the answer is good all the same.
 */
int common_journal_append(const char *state_dir, const char *job,
			  const char *lines, const char **error_r);

#endif
