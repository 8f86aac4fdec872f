/*
 * Any bytes as a line between the worker and a lane, which is also a line of
 * a journal: what is taken as a request is written as one that is read as the
 * same.
 */

#include "lib.h"
#include "str.h"
#include "common-wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


static void
as_request(const char *line)
{
    struct lane_request request, again;
    const char *error = NULL;
    string_t *text = t_str_new(256);
    int ret = lane_wire_get_request(line, &request, &error);

    must(ret > 0 || error != NULL);

    if (ret <= 0) {
        return;
    }

    lane_wire_put_request(text, &request);
    must(str_len(text) > 0 && str_c(text)[str_len(text) - 1] == '\n');
    str_truncate(text, str_len(text) - 1);
    must(strchr(str_c(text), '\n') == NULL);

    must(lane_wire_get_request(str_c(text), &again, &error) > 0);
    must(again.seq == request.seq && strcmp(again.user, request.user) == 0);
    must(again.action.action == request.action.action);
    must(again.action.junk_secs == request.action.junk_secs);
    must(again.action.trash_secs == request.action.trash_secs);
    must(again.action.dry_run == request.action.dry_run);
    must((again.job == NULL) == (request.job == NULL));
}


static void
as_reply(const char *line)
{
    struct lane_reply reply, again;
    const char *error = NULL;
    string_t *text = t_str_new(256);

    if (lane_wire_get_reply(line, &reply, &error) < 0) {
        must(error != NULL);
        return;
    }

    if (reply.is_item) {
        lane_wire_put_item(text, reply.seq, &reply.item);
    } else {
        lane_wire_put_answer(text, reply.seq, &reply.answer);
    }

    str_truncate(text, str_len(text) - 1);
    must(strchr(str_c(text), '\n') == NULL);
    must(lane_wire_get_reply(str_c(text), &again, &error) == 0);
    must(again.seq == reply.seq && again.is_item == reply.is_item);
    must(again.answer.status == reply.answer.status);
    must(again.answer.bytes == reply.answer.bytes);
    must(again.item.uid == reply.item.uid);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready = FALSE;
    const char *error, *line;

    if (!ready) {
        lib_init();
        ready = TRUE;
    }

    T_BEGIN
    {
        line = t_strndup(data, size);
        (void) lane_wire_get_version(line, &error);
        as_request(line);
        as_reply(line);
    }
    T_END;

    return 0;
}
