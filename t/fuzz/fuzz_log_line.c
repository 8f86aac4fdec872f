/*
 * Any bytes as a line of a log: what is said of it lies within it.  And as
 * what a stranger has written into a line of a known form: who delivered it,
 * and of which queue id, the rest of the line says.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_mail_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


static void
within(const struct mp_span *span, const char *line, size_t size)
{
    must(span->len == 0
         || (span->bytes >= line && span->len <= size
             && span->bytes + span->len <= line + size));
}


static void
parse(const char *line, size_t size)
{
    struct mp_logline parsed;
    struct mp_mail_event event;

    mp_logline_parse(&parsed, line, size);
    mp_mail_event_parse(&event, &parsed);

    const struct mp_span *const spans[] = {
        &parsed.time,       &parsed.host, &parsed.process,   &parsed.pid,
        &parsed.queue_id,   &parsed.text, &event.queue_id,   &event.client,
        &event.client_name, &event.login, &event.message_id, &event.from,
        &event.to,          &event.size,  &event.relay,      &event.dsn,
        &event.status,      &event.reply, &event.session,    &event.folder,
        &event.verdict,     &event.rule,  &event.score,
    };

    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        within(spans[i], line, size);
    }

    must(parsed.severity < MP_SEVERITY_COUNT);
    must(mp_logline_time(&parsed.time, 1795379305) <= 1795379305);
}


/* A message id, and what a host has answered: no more than those. */
static void
written(const uint8_t *data, size_t size)
{
    static const char id[] = "Nov 22 20:28:25 mx postfix/cleanup[1]: "
                             "ABC1234567: message-id=";
    static const char reply[] =
        "Nov 22 20:28:25 mx postfix/smtp[1]: ABC1234567: to=<a@b>, relay=r, "
        "delay=1, delays=1/0/0/0, dsn=4.0.0, status=deferred (";
    struct mp_mail_event event;
    struct mp_logline line;
    char *text = malloc(sizeof(reply) + size);

    must(text != NULL);
    memcpy(text, id, sizeof(id) - 1);
    memcpy(text + sizeof(id) - 1, data, size);
    mp_logline_parse(&line, text, sizeof(id) - 1 + size);
    mp_mail_event_parse(&event, &line);
    must(event.kind == MP_MAIL_MESSAGE_ID && event.message_id.len == size
         && event.queue_id.len == 10);

    memcpy(text, reply, sizeof(reply) - 1);
    memcpy(text + sizeof(reply) - 1, data, size);
    mp_logline_parse(&line, text, sizeof(reply) - 1 + size);
    mp_mail_event_parse(&event, &line);
    must(event.kind == MP_MAIL_DELIVERY && event.status.len == 8
         && event.to.len == 3 && event.dsn.len == 5);
    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse((const char *) data, size);

    if (size < 4096) {
        written(data, size);
    }

    return 0;
}
