#ifndef WORKER_JOURNAL_H
#define WORKER_JOURNAL_H

/*
 * What must outlive this process: state_dir/jobs/<id>/ with
 *
 *	job	what was asked, as it stood in the queue
 *	cancel	who wants it to end, when somebody does
 *	users	whom it is about, one a line, in worker-journal-users.c
 *	done	what was done, only appended to, in worker-journal-done.c
 *
 * and state_dir/finished, the ids of the last jobs that came to their end, so
 * that none is done again when its entry is read once more.
 *
 * Errors are texts in the data stack, with the path.
 */

#define WORKER_JOURNAL_FINISHED_MAX 1000

int worker_journal_init(const char **error_r);
void worker_journal_deinit(void);

/* The ids that are there, oldest first, in the data stack; NULL is the end. */
const char *const *worker_journal_ids(void);

/* "<state_dir>/jobs/<id>/<name>" in the data stack; id may be "usage" */
const char *worker_journal_path(const char *id, const char *name);

/*
 * Writes the file "job" or "cancel", and makes the folder that it is in.  It
 * is on the disk when this returns 0.
 */
int worker_journal_put(const char *id, const char *name, const void *bytes,
		       size_t size, const char **error_r);

/* Appends the file's bytes: 1, 0 there is none, -1 also if it is too long */
int worker_journal_get(const char *id, const char *name, size_t size_max,
		       buffer_t *bytes, const char **error_r);

bool worker_journal_is_finished(const char *id);

/* Remembers that the job is at its end, and removes its folder. */
int worker_journal_finish(const char *id, const char **error_r);
int worker_journal_remove(const char *id, const char **error_r);

/*
 * The users of a job.  They are written to the end, or are not there.
 */
struct worker_users_writer;

int worker_users_write(const char *id, struct worker_users_writer **writer_r,
		       const char **error_r);
void worker_users_add(struct worker_users_writer *writer, const char *user);
int worker_users_close(struct worker_users_writer **writer,
		       const char **error_r);
void worker_users_abort(struct worker_users_writer **writer);

/* Reads them in order; the first has the index 0. */
struct worker_users_reader;

int worker_users_read(const char *id, struct worker_users_reader **reader_r,
		      const char **error_r);
/*
 * The next user, lent until the next call: 1; 0 at the end of a file that is
 * whole; -1 with error_r when it is not.
 */
int worker_users_next(struct worker_users_reader *reader, const char **user_r,
		      const char **error_r);
void worker_users_read_end(struct worker_users_reader **reader);

/*
 * What was done: lines of common-journal.h, of the lanes (about a user, whose
 * index is their seq) and of the worker.
 */
struct worker_done;

int worker_done_open(const char *id, struct worker_done **done_r,
		     const char **error_r);
void worker_done_close(struct worker_done **done);

/* lines end with LF; sync: it is on the disk when this returns 0 */
int worker_done_append(struct worker_done *done, const char *lines, bool sync,
		       const char **error_r);

/*
 * Looks for the lines of a lane about a user, and appends them; FALSE when
 * the last of them, which says how it ended, is not there.
 */
bool worker_done_find(struct worker_done *done, uint32_t index,
		      string_t *lines);

/*
 * Reads from the beginning, at most max lines a call: 1 there is more, 0 it
 * is at its end.  line is in the data stack; callback returns FALSE when it
 * is none of ours.  How many were none is told in the log, once.
 */
int worker_done_replay(struct worker_done *done, unsigned int max,
		       bool (*callback)(const char *line, void *context),
		       void *context);

#endif
