/* Whether this Dovecot is the one that this was compiled for. */

#include "lib.h"
#include "compat.h"

#include <stdlib.h>

bool compat_version_is(const char *running, const char **error_r)
{
	if (running == NULL) {
		*error_r = "is started by Dovecot's master, not by hand, "
			   "and not with version_ignore";
		return FALSE;
	}
	if (strcmp(running, DOVECOT_VERSION) != 0) {
		*error_r = t_strdup_printf(
			"is compiled for Dovecot " DOVECOT_VERSION
			", and this is %s: compile it anew",
			running);
		return FALSE;
	}
	return TRUE;
}

bool compat_version_check(const char **error_r)
{
	return compat_version_is(getenv("DOVECOT_VERSION"), error_r);
}
