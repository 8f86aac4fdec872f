#ifndef WORKER_PROBLEM_H
#define WORKER_PROBLEM_H

/*
 * What is wrong in one part of the worker, as the heartbeat shows it: slot,
 * one of the texts of struct worker, is NULL while nothing is.
 */
struct worker_problem {
	const char **slot;
	char text[128];
};

/* Says what is wrong; the log gets it once, until it is another. */
void worker_problem_set(struct worker_problem *problem, const char *format, ...)
	ATTR_FORMAT(2, 3);
void worker_problem_clear(struct worker_problem *problem);

#endif
