#ifndef LANE_H
#define LANE_H

/* What the files of the lane say to each other. */

#include "worker-config.h"

struct compat_storage;
struct lane_request;

struct lane {
	struct worker_config config;
	struct compat_storage *storage;
	unsigned int users; /* that this process has worked on */
};

/* the one lane of this process */
extern struct lane lane;

/* Ends the process when the user at hand is answered. */
void lane_end(void);

/*
 * lane-conn.c: the worker's connection, of which there is one at a time.
 * _create() takes fd over.  _destroy() answers that what has not begun is
 * dropped; without a connection it does nothing.
 */
void lane_conn_create(int fd);
void lane_conn_destroy(void);

/* lane-work.c: works on one user; appends all lines of the answer. */
void lane_work(const struct lane_request *request, string_t *output);

#endif
