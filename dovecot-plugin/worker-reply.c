/* Looks into replies of Redis. */

#include "lib.h"
#include "worker-reply.h"

const char *worker_reply_text(const redisReply *reply)
{
	if (reply == NULL || reply->type != REDIS_REPLY_STRING ||
	    strlen(reply->str) != reply->len)
		return NULL;
	return reply->str;
}

const redisReply *worker_reply_one(const redisReply *reply)
{
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY ||
	    reply->elements != 1)
		return NULL;
	return reply->element[0];
}

const redisReply *worker_reply_entry(const redisReply *reply)
{
	const redisReply *entry = worker_reply_one(reply);

	if (entry == NULL || entry->type != REDIS_REPLY_ARRAY ||
	    entry->elements != 2 ||
	    entry->element[1]->type != REDIS_REPLY_ARRAY)
		return NULL;
	return entry->element[1];
}

const char *worker_reply_field(const redisReply *fields, const char *name)
{
	size_t i;

	for (i = 0; i + 1 < fields->elements; i += 2) {
		const char *key = worker_reply_text(fields->element[i]);

		if (key != NULL && strcmp(key, name) == 0)
			return worker_reply_text(fields->element[i + 1]);
	}
	return NULL;
}
