#include "mp_mail_event.h"

#include <string.h>

#include "mp_verdict.h"

#define MP_ADDRESS_MAX 1024


static void
mp_span_of(struct mp_span *span_r, const char *text)
{
    span_r->bytes = text;
    span_r->len = strlen(text);
}


static bool
mp_is(const struct mp_span *span, const char *text)
{
    return span->len == strlen(text)
        && memcmp(span->bytes, text, span->len) == 0;
}


static const char *
mp_find(const struct mp_span *span, const char *text)
{
    return memmem(span->bytes, span->len, text, strlen(text));
}


static const char *
mp_find_last(const struct mp_span *span, const char *text)
{
    struct mp_span rest = *span;
    const char *found = NULL, *next;

    while ((next = mp_find(&rest, text)) != NULL) {
        found = next;
        rest.len -= (size_t) (next + 1 - rest.bytes);
        rest.bytes = next + 1;
    }

    return found;
}


static void
mp_advance(struct mp_span *span, const char *to)
{
    span->len -= (size_t) (to - span->bytes);
    span->bytes = to;
}


/* What is before stop, which is taken too. */
static bool
mp_until(struct mp_span *span, const char *stop, struct mp_span *part_r)
{
    const char *end = mp_find(span, stop);

    if (end == NULL) {
        return false;
    }

    part_r->bytes = span->bytes;
    part_r->len = (size_t) (end - span->bytes);
    mp_advance(span, end + strlen(stop));

    return true;
}


/* Behind "<" up to its ">", which no quoted part can be. */
static bool
mp_take_address(struct mp_span *span, struct mp_span *address_r)
{
    bool quoted = false;

    for (size_t i = 0; i < span->len && i < MP_ADDRESS_MAX; i++) {
        char c = span->bytes[i];

        if (c == '\\' && quoted) {
            i++;

        } else if (c == '"') {
            quoted = !quoted;

        } else if (c == '>' && !quoted) {
            address_r->bytes = span->bytes;
            address_r->len = i;
            mp_advance(span, span->bytes + i + 1);
            return true;
        }
    }

    return false;
}


/* "name[192.0.2.1]", perhaps with ":port" */
static bool
mp_take_client(struct mp_span *span, struct mp_mail_event *event)
{
    static const char allowed[] = "0123456789abcdefABCDEF.:";
    size_t i = 0, begin;

    while (i < span->len && i < 256 && span->bytes[i] != '['
           && (unsigned char) span->bytes[i] > 0x20)
    {
        i++;
    }

    if (i == span->len || span->bytes[i] != '[') {
        return false;
    }

    event->client_name = (struct mp_span){ span->bytes, i };
    begin = ++i;

    while (i < span->len && i - begin < 46 && span->bytes[i] != '\0'
           && strchr(allowed, span->bytes[i]) != NULL)
    {
        i++;
    }

    if (i == begin || i == span->len || span->bytes[i] != ']') {
        event->client_name.len = 0;
        return false;
    }

    event->client = (struct mp_span){ span->bytes + begin, i - begin };
    mp_advance(span, span->bytes + i + 1);

    if (span->len > 1 && span->bytes[0] == ':' && span->bytes[1] >= '0'
        && span->bytes[1] <= '9')
    {
        for (i = 1;
             i < span->len && span->bytes[i] >= '0' && span->bytes[i] <= '9';
             i++)
        {
        }

        mp_advance(span, span->bytes + i);
    }

    return true;
}


/* "client=name[address], sasl_method=PLAIN, sasl_username=u" */
static bool
mp_take_begin(struct mp_span rest, struct mp_mail_event *event)
{
    struct mp_span word;

    if (mp_span_skip(&rest, "uid=")) {
        event->kind = MP_MAIL_BEGIN;
        return true;
    }

    if (!mp_span_skip(&rest, "client=") || !mp_take_client(&rest, event)) {
        return false;
    }

    event->kind = MP_MAIL_BEGIN;

    if (mp_span_skip(&rest, ", sasl_method=") && mp_until(&rest, ", ", &word)
        && mp_span_skip(&rest, "sasl_username="))
    {
        if (!mp_until(&rest, ", ", &event->login)) {
            event->login = rest;
        }
    }

    return true;
}


/* "from=<a> to=<b> proto=ESMTP helo=<c>", and nothing behind it */
static bool
mp_take_envelope(struct mp_span rest, struct mp_mail_event *event)
{
    struct mp_span from, to = { "", 0 }, word;
    size_t i = 0;

    /* postscreen has commas */
    if (!mp_span_skip(&rest, "from=<") || !mp_take_address(&rest, &from)) {
        return false;
    }

    (void) mp_span_skip(&rest, ",");

    if (mp_span_skip(&rest, " to=<") && !mp_take_address(&rest, &to)) {
        return false;
    }

    (void) mp_span_skip(&rest, ",");

    if (mp_span_skip(&rest, " proto=")) {
        while (i < rest.len && rest.bytes[i] >= 'A' && rest.bytes[i] <= 'Z') {
            i++;
        }

        mp_advance(&rest, rest.bytes + i);
    }

    (void) mp_span_skip(&rest, ",");

    if (mp_span_skip(&rest, " helo=<") && !mp_take_address(&rest, &word)) {
        return false;
    }

    /* what header_checks say is behind it, after a colon */
    if (rest.len > 0 && !mp_span_skip(&rest, ": ")) {
        return false;
    }

    event->from = from;
    event->to = to;
    event->has_from = true;

    return true;
}


/* The envelope when there is one way to read it, else none. */
static void
mp_find_envelope(struct mp_span rest, struct mp_mail_event *event)
{
    static const struct mp_span none = { "", 0 };
    const char *at;
    unsigned int ways = 0;

    while ((at = mp_find(&rest, "; from=<")) != NULL && ways < 2) {
        struct mp_span tail = rest;

        mp_advance(&tail, at + 2);

        if (mp_take_envelope(tail, event)) {
            ways++;
        }

        mp_advance(&rest, at + 1);
    }

    if (ways != 1) {
        event->from = none;
        event->to = none;
        event->has_from = false;
    }
}


/* "5.7.1 Sender domain a.example is blocked" is the milter's, by its list. */
static void
mp_find_entry(struct mp_mail_event *event)
{
    struct mp_span rest = event->reply;

    (void) mp_span_skip(&rest, "550 ");

    if (event->milter && mp_span_skip(&rest, "5.7.1 " MP_REPLY_BLOCKED)
        && mp_until(&rest, MP_REPLY_BLOCKED_END, &event->entry))
    {
        mp_span_of(&event->verdict, mp_verdict_name(MP_REJECT));
        mp_span_of(&event->rule, mp_rule_name(MP_RULE_BLACKLIST));
    }
}


/* "reject: RCPT from name[address]: 450 4.2.0 text; from=<a> to=<b> …" */
static bool
mp_take_refusal(struct mp_span rest, struct mp_mail_event *event)
{
    struct mp_span stage, head;
    const char *end;

    if (mp_span_skip(&rest, "milter-reject: ")) {
        event->milter = true;
    } else if (!mp_span_skip(&rest, "reject: ")) {
        return false;
    }

    event->kind = MP_MAIL_REFUSED;
    head = rest;

    if (!mp_until(&head, " from ", &stage) || stage.len > 64
        || !mp_take_client(&head, event))
    {
        /* "header Subject: …": what is in it says nothing */
        event->reply = rest;
        return true;
    }

    (void) mp_span_skip(&head, ": ");
    event->temporary = head.len > 0 && head.bytes[0] == '4';
    mp_find_envelope(head, event);

    end = event->has_from ? event->from.bytes - strlen("; from=<")
                          : head.bytes + head.len;
    event->reply = (struct mp_span){ head.bytes, (size_t) (end - head.bytes) };
    event->greylisted =
        event->temporary && mp_find(&event->reply, "reylist") != NULL;
    mp_find_entry(event);

    return true;
}


/* "from=<a>, size=1, nrcpt=1 (queue active)" */
static bool
mp_take_queued(struct mp_span rest, struct mp_mail_event *event)
{
    if (!mp_span_skip(&rest, "from=<")
        || !mp_take_address(&rest, &event->from)) {
        return false;
    }

    event->has_from = true;

    if (mp_span_skip(&rest, ", size=") && mp_until(&rest, ", ", &event->size))
    {
        event->kind = MP_MAIL_QUEUED;
    } else {
        event->kind = mp_span_skip(&rest, ", status=expired") ? MP_MAIL_EXPIRED
                                                              : MP_MAIL_OTHER;
    }

    return true;
}


/* "250 2.0.0 <a@b> Xyz Saved": the name that Dovecot has for the delivery */
static void
mp_find_session(struct mp_mail_event *event)
{
    struct mp_span rest = event->reply, address, session;

    if (!mp_span_skip(&rest, "250 2.0.0 <")
        || !mp_take_address(&rest, &address) || !mp_span_skip(&rest, " ")
        || !mp_until(&rest, " Saved", &session) || rest.len != 0
        || session.len == 0 || session.len > 64
        || memchr(session.bytes, ' ', session.len) != NULL)
    {
        return;
    }

    event->session = session;
}


/* "to=<a>, orig_to=<b>, relay=c, …, dsn=2.0.0, status=sent (text)" */
static bool
mp_take_delivery(struct mp_span rest, const struct mp_span *process,
                 struct mp_mail_event *event)
{
    struct mp_span word;

    if (!mp_span_skip(&rest, "to=<") || !mp_take_address(&rest, &event->to)
        || (mp_span_skip(&rest, ", orig_to=<")
            && !mp_take_address(&rest, &word))
        || !mp_span_skip(&rest, ", relay=")
        || !mp_until(&rest, ", ", &event->relay)
        || !mp_until(&rest, "dsn=", &word)
        || !mp_until(&rest, ", status=", &event->dsn)
        || !mp_until(&rest, " ", &event->status))
    {
        return false;
    }

    event->kind = MP_MAIL_DELIVERY;

    if (mp_span_skip(&rest, "(") && rest.len > 0
        && rest.bytes[rest.len - 1] == ')')
    {
        event->reply = (struct mp_span){ rest.bytes, rest.len - 1 };
    }

    if (process->len > 5
        && memcmp(process->bytes + process->len - 5, "/lmtp", 5) == 0)
    {
        mp_find_session(event);
    }

    return true;
}


/*
 * "info: 4X: from [a] b: junk by add_header, score 7.00, settings version 1",
 * "4X: from [a] b: pass by whitelist c.example, score none, …"
 */
static void
mp_take_verdict(struct mp_span rest, struct mp_mail_event *event)
{
    struct mp_span word;
    const char *last;

    (void) mp_span_skip(&rest, "info: ");

    if (!mp_until(&rest, ": from [", &event->queue_id)
        || !mp_queue_id_check(event->queue_id.bytes, event->queue_id.len))
    {
        return;
    }

    last = mp_find_last(&rest, ": ");
    if (last == NULL) {
        return;
    }

    mp_advance(&rest, last + 2);

    if (mp_until(&rest, " by ", &event->verdict)
        && mp_until(&rest, ", score ", &event->rule)
        && mp_until(&rest, ", ", &word))
    {
        rest = event->rule;
        event->score = word;
        event->kind = MP_MAIL_VERDICT;

        if (mp_until(&rest, " ", &word)) {
            event->rule = word;
            event->entry = rest;
        }
    }
}


/* "lmtp(user)<pid><session>" and "… stored mail into mailbox 'Junk'" */
static void
mp_take_stored(const struct mp_logline *line, struct mp_mail_event *event)
{
    static const char stored[] = "stored mail into mailbox '";
    static const char saved[] = "saved mail to ";
    struct mp_span process = line->process;
    const char *end = line->text.bytes + line->text.len;
    const char *session, *at;

    if (!mp_span_skip(&process, "lmtp(") || process.len < 2
        || process.bytes[process.len - 1] != '>')
    {
        return;
    }

    session = memrchr(process.bytes, '<', process.len);
    if (session == NULL) {
        return;
    }

    event->session = (struct mp_span){
        session + 1, (size_t) (process.bytes + process.len - session) - 2
    };

    at = mp_find_last(&line->text, stored);

    if (at != NULL) {
        at += sizeof(stored) - 1;

        /* but for the closing quote */
        if (at == end || end[-1] != '\'') {
            return;
        }
        end--;

    } else {
        at = mp_find_last(&line->text, saved);
        if (at == NULL) {
            return;
        }

        at += sizeof(saved) - 1;
    }

    event->folder = (struct mp_span){ at, (size_t) (end - at) };

    if (event->folder.len > 0 && event->folder.len < 256
        && event->session.len > 0 && event->session.len <= 64)
    {
        event->kind = MP_MAIL_STORED;
    }
}


static void
mp_take_queue_event(const struct mp_logline *line, struct mp_mail_event *event)
{
    struct mp_span rest = line->text;

    mp_advance(&rest, rest.bytes + line->queue_id.len + 2);
    event->queue_id = line->queue_id;
    event->kind = MP_MAIL_OTHER;

    if (mp_take_begin(rest, event) || mp_take_refusal(rest, event)) {
        return;
    }

    if (mp_is(&rest, "removed")) {
        event->kind = MP_MAIL_REMOVED;

    } else if (mp_span_skip(&rest, "message-id=")) {
        event->kind = MP_MAIL_MESSAGE_ID;
        event->message_id = rest;

    } else if (!mp_take_queued(rest, event)) {
        (void) mp_take_delivery(rest, &line->process, event);
    }
}


void
mp_mail_event_parse(struct mp_mail_event *event_r,
                    const struct mp_logline *line)
{
    struct mp_span rest = line->text;

    memset(event_r, 0, sizeof(*event_r));

    if (line->dovecot) {
        mp_take_stored(line, event_r);

    } else if (mp_is(&line->process, MP_MAIL_MILTER)) {
        mp_take_verdict(rest, event_r);

    } else if (line->queue_id.len > 0) {
        mp_take_queue_event(line, event_r);

    } else if (line->process.len > 8
               && memcmp(line->process.bytes, "postfix/", 8) == 0)
    {
        if (mp_span_skip(&rest, "NOQUEUE: ")) {
            (void) mp_take_refusal(rest, event_r);

        } else if (mp_span_skip(&rest, "connect from ")) {
            event_r->kind = mp_take_client(&rest, event_r) ? MP_MAIL_CONNECT
                                                           : MP_MAIL_NONE;
        } else if (mp_span_skip(&rest, "disconnect from ")) {
            event_r->kind = MP_MAIL_DISCONNECT;
        }
    }
}
