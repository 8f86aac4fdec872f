/* The names of actions. */

#include "lib.h"
#include "action.h"

static const char *const action_names[] = {
	[ACTION_RECALC] = "recalc",
	[ACTION_RESYNC] = "resync",
	[ACTION_CLEAR] = "clear",
	[ACTION_USAGE] = "usage",
};

const char *action_name(enum action action)
{
	i_assert(action < N_ELEMENTS(action_names));
	return action_names[action];
}

bool action_find(const char *name, enum action *action_r)
{
	unsigned int i;

	for (i = 0; i < N_ELEMENTS(action_names); i++) {
		if (strcmp(name, action_names[i]) == 0) {
			*action_r = i;
			return TRUE;
		}
	}
	return FALSE;
}
