#ifndef WORKER_FILE_H
#define WORKER_FILE_H

/* Small files that are there whole, or as they were. */

#include <sys/types.h>
#include <time.h>

struct worker_file {
	mode_t mode;
	gid_t gid;
	time_t mtime; /* 0: now */
};

/*
 * Writes a file beside path, syncs it and renames it; then it lasts.  -1 with
 * error_r, in the data stack: path is as it was, or, when the last sync of
 * the folder failed, already new.
 */
int worker_file_write(const char *path, const struct worker_file *how,
		      const char *text, const char **error_r);

/*
 * Reads at most max bytes into the data stack: 1, 0 there is none, -1 with
 * error_r.  What is longer, or has a NUL in it, is an error.
 */
int worker_file_read(const char *path, size_t max, const char **text_r,
		     const char **error_r);

#endif
