/* Problems that the heartbeat shows. */

#include "lib.h"
#include "worker-beat.h"
#include "worker-problem.h"

#include <stdio.h>

void worker_problem_set(struct worker_problem *problem, const char *format, ...)
{
	char text[sizeof(problem->text)];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);

	if (*problem->slot != NULL && strcmp(problem->text, text) == 0)
		return;
	memcpy(problem->text, text, sizeof(problem->text));
	*problem->slot = problem->text;
	i_warning("%s", text);
	worker_beat_now();
}

void worker_problem_clear(struct worker_problem *problem)
{
	if (*problem->slot == NULL)
		return;
	*problem->slot = NULL;
	worker_beat_now();
}
