#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

/* Writes and reads the lines of lane-wire.h, for both sides. */

#include "action.h"
#include "lane-wire.h"

struct lane_request {
	uint32_t seq;
	const char *user;
	const char *job;	      /* its id, or NULL */
	struct action_request action; /* names of folders: not sent */
};

/* What a lane says: one of the two. */
struct lane_reply {
	uint32_t seq;
	bool is_item;
	struct action_message item;
	struct lane_answer answer;
};

/* Appends to dest, with the end of the line. */
void lane_wire_put_version(string_t *dest);
void lane_wire_put_request(string_t *dest, const struct lane_request *request);
void lane_wire_put_item(string_t *dest, uint32_t seq,
			const struct action_message *item);
/* text is cut to LANE_TEXT_MAX bytes, and to what is UTF-8 */
void lane_wire_put_answer(string_t *dest, uint32_t seq,
			  const struct lane_answer *answer);

/*
 * Reads a line without its end; what it gives is in the data stack.  -1 with
 * error_r when it is not such a line.  A request may also be 0 with error_r:
 * then only its seq is known, and it is to be answered.
 */
int lane_wire_get_version(const char *line, const char **error_r);
int lane_wire_get_request(const char *line, struct lane_request *request_r,
			  const char **error_r);
int lane_wire_get_reply(const char *line, struct lane_reply *reply_r,
			const char **error_r);

/* Fills the answer of an action that was done. */
void lane_wire_fill_answer(struct lane_answer *answer,
			   const struct action_result *result);

#endif
