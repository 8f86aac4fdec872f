#ifndef COMPAT_2_3_QUOTA_H
#define COMPAT_2_3_QUOTA_H

#include "quota-plugin.h"
#include "quota-private.h"

/* What is taken out of the quota plugin, at run time. */
struct compat_quota {
	typeof(quota_user_module) *module;
	typeof(quota_get_resource) *get_resource;
	typeof(quota_root_is_namespace_visible) *is_visible;
	typeof(quota_root_rule_find) *rule_find;
};

/*
 * TRUE with what a root of the backend "count" counts, when every folder's sum
 * is that of its messages; FALSE when one is not, or cannot be looked at.
 */
bool compat_count_is_right(const struct compat_quota *quota,
			   struct quota_root *root, uint64_t *bytes_r,
			   uint64_t *messages_r);

#endif
