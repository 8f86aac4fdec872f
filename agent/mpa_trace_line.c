/* What a line adds to the story of a message. */

#include "mpa_trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_clock.h"
#include "mp_time.h"

#define MPA_EVENTS_MAX 40 /* of a message; then only its outcome changes */
#define MPA_RCPTS_MAX  50
#define MPA_TEXT_MAX   320

struct mpa_line_in {
    const struct mp_logline *line;
    const struct mp_mail_event *event;
    char at[MP_TIME_SIZE];
    int64_t second;
};


/* A text of JSON of any bytes, cut. */
static json_t *
mpa_text(const struct mp_span *span)
{
    size_t len = span->len < MPA_TEXT_MAX ? span->len : MPA_TEXT_MAX;
    char copy[MPA_TEXT_MAX] = "";
    json_t *text;

    if (len > 0) {
        memcpy(copy, span->bytes, len);
    }

    for (size_t i = 0; i < len; i++) {
        copy[i] = copy[i] == '\0' ? '?' : copy[i];
    }

    text = json_stringn(copy, len);

    if (text != NULL) {
        return text;
    }

    for (size_t i = 0; i < len; i++) {
        copy[i] = (unsigned char) copy[i] >= 0x80 ? '?' : copy[i];
    }

    return json_stringn(copy, len);
}


static void
mpa_set(json_t *doc, const char *name, const struct mp_span *span)
{
    if (span->len > 0) {
        (void) json_object_set_new(doc, name, mpa_text(span));
    }
}


static void
mpa_set_text(json_t *doc, const char *name, const char *text)
{
    (void) json_object_set_new(doc, name, json_string(text));
}


static const char *
mpa_get(const json_t *doc, const char *name)
{
    const char *text = json_string_value(json_object_get(doc, name));

    return text != NULL ? text : "";
}


static void
mpa_name(char key_r[80], char kind, const struct mp_span *name)
{
    size_t len = name->len < 64 ? name->len : 64;

    (void) snprintf(key_r, 80, "%c%.*s", kind, (int) len, name->bytes);
}


/* value NULL: it leads nowhere any more. */
static void
mpa_trace_name(struct mpa_trace *trace, char kind, const struct mp_span *name,
               const char *value)
{
    char key[80];

    mpa_name(key, kind, name);

    if (value != NULL) {
        (void) json_object_set_new(trace->changed, key, json_string(value));
        (void) json_object_set_new(trace->open, key, json_string(value));

    } else if (json_object_del(trace->open, key) == 0) {
        (void) json_object_set_new(trace->changed, key, json_null());
    }
}


static const char *
mpa_trace_named(const struct mpa_trace *trace, char kind,
                const struct mp_span *name)
{
    char key[80];

    mpa_name(key, kind, name);

    return json_string_value(json_object_get(trace->open, key));
}


static json_t *
mpa_event(const char *at, const struct mp_logline *line)
{
    return json_pack("{ss so so}", "at", at, "process",
                     mpa_text(&line->process), "text", mpa_text(&line->text));
}


static void
mpa_trace_touch(struct mpa_trace *trace, json_t *doc,
                const struct mpa_line_in *in)
{
    json_t *events = json_object_get(doc, "events");

    mpa_set_text(doc, "last", in->at);
    (void) json_object_set_new(trace->dirty, mpa_get(doc, "id"), json_true());

    if (json_array_size(events) < MPA_EVENTS_MAX) {
        (void) json_array_append_new(events, mpa_event(in->at, in->line));
    }
}


/* A connection was told of by the same process before. */
static void
mpa_trace_connected(struct mpa_trace *trace, json_t *doc,
                    const struct mpa_line_in *in)
{
    char pid[32];
    json_t *event;

    (void) snprintf(pid, sizeof(pid), "%.*s",
                    (int) (in->line->pid.len < 16 ? in->line->pid.len : 16),
                    in->line->pid.bytes);
    event = json_object_get(trace->clients, pid);

    if (event != NULL) {
        (void) json_array_append(json_object_get(doc, "events"), event);
    }
}


static json_t *
mpa_trace_make(struct mpa_trace *trace, const struct mp_span *queue_id,
               const struct mpa_line_in *in)
{
    char id[64];
    json_t *doc;

    /* the time of the line is what it is sorted and kept by */
    (void) snprintf(id, sizeof(id), "%" PRId64 "-%012" PRIx64 "-%08" PRIx64,
                    in->second * 1000, (uint64_t) mp_clock_msecs(),
                    trace->serial++);

    doc = json_pack("{ss ss ss ss ss s[] s[]}", "id", id, "node", trace->node,
                    "at", in->at, "last", in->at, "outcome", "queued", "to",
                    "events");
    if (doc == NULL) {
        return NULL;
    }

    (void) json_object_set_new(trace->docs, id, doc);
    (void) json_object_set_new(trace->made, id, json_true());
    mpa_trace_connected(trace, doc, in);

    if (queue_id->len > 0) {
        mpa_set(doc, "queue_id", queue_id);
        mpa_trace_name(trace, 'q', queue_id, id);
    }

    return doc;
}


/* The message of a queue id; made when none is known and make is true. */
static json_t *
mpa_trace_of(struct mpa_trace *trace, const struct mpa_line_in *in, bool make)
{
    const struct mp_span *queue_id = &in->event->queue_id;
    const char *id = mpa_trace_named(trace, 'q', queue_id);
    json_t *doc = id != NULL ? json_object_get(trace->docs, id) : NULL;

    if (!json_is_object(doc)) {
        doc = make ? mpa_trace_make(trace, queue_id, in) : NULL;
    }

    return doc;
}


static json_t *
mpa_trace_rcpt(json_t *doc, const struct mp_span *to)
{
    json_t *rcpts = json_object_get(doc, "to"), *rcpt, *name = mpa_text(to);
    size_t i;

    json_array_foreach(rcpts, i, rcpt)
    {
        if (json_equal(json_object_get(rcpt, "address"), name)) {
            json_decref(name);
            return rcpt;
        }
    }

    if (i >= MPA_RCPTS_MAX) {
        json_decref(name);
        return NULL;
    }

    rcpt = json_pack("{so}", "address", name);
    (void) json_array_append_new(rcpts, rcpt);

    return rcpt;
}


/* Of all recipients; what is worse comes first. */
static void
mpa_trace_sum(json_t *doc)
{
    static const char *const order[][2] = {
        { "deferred", "deferred" },     { "bounced", "bounced" },
        { "undeliverable", "bounced" }, { "expired", "bounced" },
        { "refused", "refused" },       { "sent", "delivered" },
        { "deliverable", "delivered" },
    };
    const json_t *rcpts = json_object_get(doc, "to");

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        for (size_t k = 0; k < json_array_size(rcpts); k++) {
            if (strcmp(mpa_get(json_array_get(rcpts, k), "status"),
                       order[i][0])
                == 0) {
                mpa_set_text(doc, "outcome", order[i][1]);
                return;
            }
        }
    }
}


/* That a list refused it is in Postfix's line. */
static void
mpa_trace_listed(json_t *doc, const struct mp_mail_event *event)
{
    mpa_set(doc, "verdict", &event->verdict);
    mpa_set(doc, "rule", &event->rule);
    mpa_set(doc, "entry", &event->entry);
}


static void
mpa_trace_refused(struct mpa_trace *trace, json_t *doc,
                  const struct mpa_line_in *in, bool whole)
{
    const struct mp_mail_event *event = in->event;
    const char *outcome = event->greylisted ? "greylisted"
                        : event->temporary  ? "deferred"
                                            : "refused";
    json_t *rcpt;

    mpa_set(doc, "client_name", &event->client_name);
    mpa_set(doc, "client", &event->client);

    if (event->has_from) {
        (void) json_object_set_new(doc, "from", mpa_text(&event->from));
    }

    if (event->to.len > 0) {
        rcpt = mpa_trace_rcpt(doc, &event->to);
        mpa_set_text(rcpt, "status", whole ? outcome : "refused");
        mpa_set(rcpt, "reply", &event->reply);
    }

    if (whole) {
        mpa_set_text(doc, "outcome", outcome);
        mpa_set(doc, "reply", &event->reply);
        (void) json_object_set_new(doc, "milter", json_boolean(event->milter));
        mpa_trace_listed(doc, event);
    }

    mpa_trace_touch(trace, doc, in);
}


/*
 * Refused before there was a queue id.  What one process says in a row of one
 * client and sender is of one message.
 */
static void
mpa_trace_unqueued(struct mpa_trace *trace, const struct mpa_line_in *in)
{
    static const struct mp_span none = { "", 0 };
    const struct mp_mail_event *event = in->event;
    char pid[32];
    json_t *doc, *client = mpa_text(&event->client),
                 *from = mpa_text(&event->from);
    const char *id;

    (void) snprintf(pid, sizeof(pid), "%.*s",
                    (int) (in->line->pid.len < 16 ? in->line->pid.len : 16),
                    in->line->pid.bytes);
    id = json_string_value(json_object_get(trace->refused, pid));
    doc = id != NULL ? json_object_get(trace->docs, id) : NULL;

    if (!json_is_object(doc) || !event->has_from || event->to.len == 0
        || !json_equal(json_object_get(doc, "client"), client)
        || !json_equal(json_object_get(doc, "from"), from))
    {
        doc = mpa_trace_make(trace, &none, in);
    }

    json_decref(client);
    json_decref(from);

    if (doc != NULL) {
        (void) json_object_set_new(trace->refused, pid,
                                   json_string(mpa_get(doc, "id")));
        mpa_trace_refused(trace, doc, in, true);
    }
}


static void
mpa_trace_delivery(struct mpa_trace *trace, json_t *doc,
                   const struct mpa_line_in *in)
{
    const struct mp_mail_event *event = in->event;
    json_t *rcpt = mpa_trace_rcpt(doc, &event->to);
    const char *folder;

    if (rcpt == NULL) {
        return;
    }

    mpa_set_text(rcpt, "at", in->at);
    mpa_set(rcpt, "relay", &event->relay);
    mpa_set(rcpt, "dsn", &event->dsn);
    mpa_set(rcpt, "status", &event->status);
    mpa_set(rcpt, "reply", &event->reply);
    mpa_trace_sum(doc);

    if (event->session.len == 0) {
        return;
    }

    mpa_set(rcpt, "session", &event->session);
    folder = mpa_trace_named(trace, 'd', &event->session);

    if (folder != NULL) {
        mpa_set_text(rcpt, "folder", folder);
        mpa_trace_name(trace, 'd', &event->session, NULL);
    } else {
        mpa_trace_name(trace, 's', &event->session, mpa_get(doc, "id"));
    }
}


/* Where Dovecot put it; whichever log was read first. */
static void
mpa_trace_stored(struct mpa_trace *trace, const struct mpa_line_in *in)
{
    const struct mp_mail_event *event = in->event;
    const char *id = mpa_trace_named(trace, 's', &event->session);
    json_t *doc = id != NULL ? json_object_get(trace->docs, id) : NULL;
    json_t *folder = mpa_text(&event->folder), *rcpt, *name;
    size_t i;

    if (!json_is_object(doc)) {
        mpa_trace_name(trace, 'd', &event->session, json_string_value(folder));
        json_decref(folder);
        return;
    }

    name = mpa_text(&event->session);

    json_array_foreach(json_object_get(doc, "to"), i, rcpt)
    {
        if (json_equal(json_object_get(rcpt, "session"), name)) {
            (void) json_object_set(rcpt, "folder", folder);
        }
    }

    json_decref(name);
    json_decref(folder);
    mpa_trace_touch(trace, doc, in);
    mpa_trace_name(trace, 's', &event->session, NULL);
}


static void
mpa_trace_client(struct mpa_trace *trace, const struct mpa_line_in *in)
{
    char pid[32];

    (void) snprintf(pid, sizeof(pid), "%.*s",
                    (int) (in->line->pid.len < 16 ? in->line->pid.len : 16),
                    in->line->pid.bytes);
    (void) json_object_del(trace->refused, pid);
    (void) json_object_del(trace->clients, pid);

    if (in->event->kind == MP_MAIL_CONNECT) {
        (void) json_object_set_new(trace->clients, pid,
                                   mpa_event(in->at, in->line));
    }
}


/* Where the milter's word belongs: before what Postfix did of it. */
static size_t
mpa_verdict_place(const json_t *events)
{
    size_t i;

    for (i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        const char *process = strrchr(mpa_get(event, "process"), '/');

        if ((process != NULL && strcmp(process, "/qmgr") == 0)
            || strstr(mpa_get(event, "text"), ": milter-reject: ") != NULL)
        {
            break;
        }
    }

    return i;
}


/* A line without a time is of that of its neighbour. */
static void
mpa_trace_verdict(struct mpa_trace *trace, json_t *doc,
                  const struct mp_logline *line,
                  const struct mp_mail_event *event, const char *at)
{
    json_t *events = json_object_get(doc, "events");
    size_t i = mpa_verdict_place(events);
    const char *then = mpa_get(json_array_get(events, i), "at");

    mpa_set(doc, "verdict", &event->verdict);
    mpa_set(doc, "rule", &event->rule);
    mpa_set(doc, "entry", &event->entry);
    mpa_set(doc, "score", &event->score);
    (void) json_object_set_new(trace->dirty, mpa_get(doc, "id"), json_true());

    if (line->time.len == 0) {
        at = *then != '\0' ? then : mpa_get(doc, "last");
    }

    if (json_array_size(events) < MPA_EVENTS_MAX) {
        (void) json_array_insert_new(events, i, mpa_event(at, line));
    }
}


/* The milter's line may come before Postfix's, or when the message left. */
static void
mpa_trace_judged(struct mpa_trace *trace, const struct mpa_line_in *in)
{
    const struct mp_span *queue_id = &in->event->queue_id;
    const char *id = mpa_trace_named(trace, 'q', queue_id);
    const struct mp_span *line = &in->line->text;
    json_t *doc, *text;

    if (id == NULL) {
        id = mpa_trace_named(trace, 'r', queue_id);
    }

    doc = id != NULL ? json_object_get(trace->docs, id) : NULL;

    if (json_is_object(doc) && json_object_get(doc, "verdict") == NULL) {
        mpa_trace_verdict(trace, doc, in->line, in->event, in->at);
        mpa_trace_name(trace, 'r', queue_id, NULL);
        return;
    }

    text = json_stringn(line->bytes, line->len);

    if (text != NULL) {
        mpa_trace_name(trace, 'v', queue_id, json_string_value(text));
        json_decref(text);
    }
}


/* What the milter has said of a message that now begins. */
static void
mpa_trace_waiting(struct mpa_trace *trace, json_t *doc,
                  const struct mpa_line_in *in)
{
    static const char milter[] = MP_MAIL_MILTER;
    const struct mp_span *queue_id = &in->event->queue_id;
    const char *text = mpa_trace_named(trace, 'v', queue_id);
    struct mp_logline line = { .process = { milter, sizeof(milter) - 1 } };
    struct mp_mail_event event;

    if (text == NULL) {
        return;
    }

    line.text = (struct mp_span){ text, strlen(text) };
    mp_mail_event_parse(&event, &line);

    if (event.kind == MP_MAIL_VERDICT) {
        mpa_trace_verdict(trace, doc, &line, &event, in->at);
    }

    mpa_trace_name(trace, 'v', queue_id, NULL);
}


/* A line of a queue id. */
static void
mpa_trace_queued(struct mpa_trace *trace, const struct mpa_line_in *in)
{
    const struct mp_mail_event *event = in->event;
    json_t *doc;

    /* a short queue id is used again */
    if (event->kind == MP_MAIL_BEGIN) {
        mpa_trace_name(trace, 'q', &event->queue_id, NULL);
    }

    doc = mpa_trace_of(trace, in,
                       event->kind != MP_MAIL_OTHER
                           && event->kind != MP_MAIL_REMOVED);
    if (doc == NULL) {
        return;
    }

    mpa_trace_touch(trace, doc, in);

    switch (event->kind) {
    case MP_MAIL_BEGIN:
        mpa_set(doc, "client_name", &event->client_name);
        mpa_set(doc, "client", &event->client);
        mpa_set(doc, "login", &event->login);
        mpa_trace_name(trace, 'r', &event->queue_id, NULL);
        mpa_trace_waiting(trace, doc, in);
        break;

    case MP_MAIL_MESSAGE_ID:
        mpa_set(doc, "message_id", &event->message_id);
        break;

    case MP_MAIL_QUEUED:
        (void) json_object_set_new(doc, "from", mpa_text(&event->from));
        (void) json_object_set_new(
            doc, "size", json_integer(strtoll(event->size.bytes, NULL, 10)));
        break;

    case MP_MAIL_DELIVERY:
        mpa_trace_delivery(trace, doc, in);
        break;

    case MP_MAIL_EXPIRED:
        mpa_set_text(doc, "outcome", "bounced");
        break;

    case MP_MAIL_REMOVED:
        mpa_trace_name(trace, 'q', &event->queue_id, NULL);

        if (json_object_get(doc, "verdict") == NULL) {
            mpa_trace_name(trace, 'r', &event->queue_id, mpa_get(doc, "id"));
        }

        break;

    default:
        break;
    }
}


/* cleanup refuses the message, smtpd only one recipient of it. */
static void
mpa_trace_queued_refusal(struct mpa_trace *trace, const struct mpa_line_in *in)
{
    const struct mp_span *process = &in->line->process;
    bool whole = process->len >= 7
              && memcmp(process->bytes + process->len - 7, "cleanup", 7) == 0;
    json_t *doc = mpa_trace_of(trace, in, true);

    if (doc != NULL) {
        mpa_trace_refused(trace, doc, in, whole);
    }
}


void
mpa_trace_line(struct mpa_trace *trace, const struct mp_logline *line,
               const struct mp_mail_event *event, int64_t at)
{
    struct mpa_line_in in = { .line = line, .event = event, .second = at };

    if (event->kind == MP_MAIL_NONE || !trace->loaded) {
        return;
    }

    mp_time_format(in.at, at);

    switch (event->kind) {
    case MP_MAIL_CONNECT:
    case MP_MAIL_DISCONNECT:
        mpa_trace_client(trace, &in);
        break;

    case MP_MAIL_STORED:
        mpa_trace_stored(trace, &in);
        break;

    case MP_MAIL_VERDICT:
        mpa_trace_judged(trace, &in);
        break;

    case MP_MAIL_REFUSED:
        if (event->queue_id.len == 0) {
            mpa_trace_unqueued(trace, &in);
        } else {
            mpa_trace_queued_refusal(trace, &in);
        }
        break;

    default:
        mpa_trace_queued(trace, &in);
        break;
    }
}
