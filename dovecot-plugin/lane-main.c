/* mailportal-lane: opens users, and does what the worker asks for. */

#include "lib.h"
#include "compat.h"

#include <stdio.h>

int main(void)
{
	const char *error;

	if (!compat_version_check(&error))
		fprintf(stderr, "mailportal-lane: %s\n", error);
	return FATAL_DEFAULT;
}
