/* mailportal-worker: takes jobs from Redis, and hands users to lanes. */

#include "lib.h"
#include "compat.h"

#include <stdio.h>

int main(void)
{
	const char *error;

	if (!compat_version_check(&error))
		fprintf(stderr, "mailportal-worker: %s\n", error);
	return FATAL_DEFAULT;
}
