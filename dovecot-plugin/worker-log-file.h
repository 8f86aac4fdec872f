#ifndef WORKER_LOG_FILE_H
#define WORKER_LOG_FILE_H

/*
 * A log that is read as it grows, line by line and each line once, also when
 * it is renamed, copied and cut, or read on after a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer lines are passed over. */
#define WORKER_LOG_LINE_MAX (1024 * 64)

#define WORKER_LOG_PLACE_SIZE 64

/* How far it was read, for who reads on. */
struct worker_log_place {
	uint64_t inode;
	uint64_t offset;
	uint32_t check; /* of the bytes before offset: is it the same log? */
};

struct worker_log_file;

/* Begins at the end of what is there now, with whole lines. */
struct worker_log_file *worker_log_file_init(const char *path);
void worker_log_file_deinit(struct worker_log_file **file);

/*
 * The next whole line, without its end, lent until the next call: 1; 0 there
 * is none yet; -1 with error_r, in the data stack, when the file cannot be
 * read.
 */
int worker_log_file_next(struct worker_log_file *file, const char **line_r,
			 size_t *len_r, const char **error_r);

/* How far it has been read; FALSE when there is no file, and all is 0. */
bool worker_log_file_tell(struct worker_log_file *file,
			  struct worker_log_place *place_r);

/*
 * Reads on from a place, in the file or in what has become of it.  FALSE: it
 * is not there any more, and the file is read from its beginning.
 */
bool worker_log_file_seek(struct worker_log_file *file,
			  const struct worker_log_place *place);

void worker_log_place_render(char text_r[WORKER_LOG_PLACE_SIZE],
			     const struct worker_log_place *place);
bool worker_log_place_parse(struct worker_log_place *place_r, const char *text);

#endif
