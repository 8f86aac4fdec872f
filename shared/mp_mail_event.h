#ifndef MP_MAIL_EVENT_H
#define MP_MAIL_EVENT_H

#include <stdbool.h>

#include "mp_logline.h"

/* The name of the milter's process in a log. */
#define MP_MAIL_MILTER "mailportal-milter"

/*
 * What a line says of a message.  Much in it is from strangers, who write
 * what looks like the rest of such a line: so each form is read in its order,
 * addresses with their quotes, and what fits in two ways says nothing.
 */
enum mp_mail_kind {
    MP_MAIL_NONE,       /* nothing of a message */
    MP_MAIL_CONNECT,    /* client */
    MP_MAIL_DISCONNECT, /* the same process is of somebody else then */
    MP_MAIL_BEGIN,      /* a queue id was given: client, login */
    MP_MAIL_MESSAGE_ID, /* message_id */
    MP_MAIL_REFUSED,    /* client, from, to, reply; with or without queue id */
    MP_MAIL_QUEUED,     /* from, size */
    MP_MAIL_DELIVERY,   /* to, relay, dsn, status, reply, session */
    MP_MAIL_EXPIRED,    /* from */
    MP_MAIL_REMOVED,    /* it is not in the queue any more */
    MP_MAIL_VERDICT,    /* mailportal-milter: verdict, rule, entry, score */
    MP_MAIL_STORED,     /* Dovecot's LMTP: session, folder */
    MP_MAIL_OTHER       /* something else of a queue id */
};

/* Spans are of the line, or constant; what is not there is of length 0. */
struct mp_mail_event {
    enum mp_mail_kind kind;
    struct mp_span queue_id;
    struct mp_span client_name;
    struct mp_span client;
    struct mp_span login;
    struct mp_span message_id;
    struct mp_span from;
    struct mp_span to;
    struct mp_span size;
    struct mp_span relay;
    struct mp_span dsn;
    struct mp_span status;
    struct mp_span reply;
    struct mp_span session;
    struct mp_span folder;
    struct mp_span verdict;
    struct mp_span rule;
    struct mp_span entry; /* of the list, when that was the rule */
    struct mp_span score;
    bool has_from; /* also when it is <> */
    bool temporary;
    bool greylisted;
    bool milter; /* refused by the milter */
};

void mp_mail_event_parse(struct mp_mail_event *event_r,
                         const struct mp_logline *line);

#endif
