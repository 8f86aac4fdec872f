/* doveadm mailportal: the actions at the shell. */

#include "lib.h"
#include "module-dir.h"
#include "doveadm.h"

const char *doveadm_mailportal_plugin_version = DOVECOT_ABI_VERSION;

void doveadm_mailportal_plugin_init(struct module *module);
void doveadm_mailportal_plugin_deinit(void);

void doveadm_mailportal_plugin_init(struct module *module ATTR_UNUSED)
{
}

void doveadm_mailportal_plugin_deinit(void)
{
}
