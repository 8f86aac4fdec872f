#ifndef COMPAT_2_3_H
#define COMPAT_2_3_H

#include "compat.h"

struct mail_storage_service_ctx;
struct mail_storage_service_user;

/*
 * Whether a user that was looked up has no mailbox yet: there is a home in the
 * userdb, but not on the disk, and no mail elsewhere.
 */
bool compat_user_is_new(struct mail_storage_service_ctx *ctx,
			struct mail_storage_service_user *user);

#endif
