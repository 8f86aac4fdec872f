
/*
 * Copyright (C) The mailportal authors
 *
 * What each route takes besides its path.
 */


#include "ngx_http_mailportal_openapi.h"


const ngx_http_mailportal_input_t  ngx_http_mailportal_inputs[] = {

    { NGX_HTTP_GET, "lists/{list}", "query", "q", "string", 0,
      "Only entries that contain this text, taken literally." },
    { NGX_HTTP_GET, "lists/{list}", "query", "limit", "integer", 0,
      "Entries in a page, 1 to 1000; 100 if absent." },
    { NGX_HTTP_GET, "lists/{list}", "query", "cursor", "string", 0,
      "The cursor of the page before. A page may be short, or empty, and yet "
      "have a cursor: the last page has null." },

    { NGX_HTTP_PATCH, "settings", "query", "dry_run", "string", 0,
      "1 validates and answers the document as it would be; nothing is "
      "written and If-Match is not needed." },

    { NGX_HTTP_GET, "settings/history", "query", "limit", "integer", 0,
      "Versions in a page." },
    { NGX_HTTP_GET, "settings/history", "query", "before", "integer", 0,
      "Only versions before this one." },

    { NGX_HTTP_GET, "audit", "query", "limit", "integer", 0,
      "Entries in a page, 1 to 200; 50 if absent." },
    { NGX_HTTP_GET, "audit", "query", "cursor", "string", 0,
      "The cursor of the page before. A page may be short, or empty, and yet "
      "have a cursor: the last page has null." },
    { NGX_HTTP_GET, "audit", "query", "what", "string", 0,
      "Only entries of these names, between commas: imap-master-login." },

    { NGX_HTTP_GET, "logs/{service}", "query", "limit", "integer", 0,
      "Lines in a page, 1 to 10000; 200 if absent." },
    { NGX_HTTP_GET, "logs/{service}", "query", "cursor", "string", 0,
      "The cursor of the page before: lines that are older." },
    { NGX_HTTP_GET, "logs/{service}", "query", "q", "string", 0,
      "Only lines that contain this text, taken literally, in any case." },
    { NGX_HTTP_GET, "logs/{service}", "query", "severity", "string", 0,
      "Only lines of debug, info, warning, error or fatal, and worse." },
    { NGX_HTTP_GET, "logs/{service}", "query", "queue_id", "string", 0,
      "Only lines of this message." },
    { NGX_HTTP_GET, "logs/{service}", "query", "address", "string", 0,
      "Only lines that name this mail or network address." },
    { NGX_HTTP_GET, "logs/{service}", "query", "node", "string", 0,
      "Only lines of this node." },
    { NGX_HTTP_GET, "logs/{service}", "query", "format", "string", 0,
      "text answers the lines as they are in the file." },

    { NGX_HTTP_GET, "logs/{service}/stream", "query", "q", "string", 0,
      "Only lines that contain this text, taken literally, in any case." },
    { NGX_HTTP_GET, "logs/{service}/stream", "query", "severity", "string", 0,
      "Only lines of debug, info, warning, error or fatal, and worse." },
    { NGX_HTTP_GET, "logs/{service}/stream", "query", "queue_id", "string", 0,
      "Only lines of this message." },
    { NGX_HTTP_GET, "logs/{service}/stream", "query", "address", "string", 0,
      "Only lines that name this mail or network address." },
    { NGX_HTTP_GET, "logs/{service}/stream", "query", "node", "string", 0,
      "Only lines of this node." },
    { NGX_HTTP_GET, "logs/{service}/stream", "query", "after", "string", 0,
      "Begins behind the line of this id; without it, with what comes." },
    { NGX_HTTP_GET, "logs/{service}/stream", "header", "Last-Event-ID",
      "string", 0, "The id of the last event that was seen." },

    { NGX_HTTP_GET, "trace", "query", "q", "string", 0,
      "Only messages whose sender, recipients, queue id, message id, client "
      "or login contain this text, taken literally, in any case." },
    { NGX_HTTP_GET, "trace", "query", "outcome", "string", 0,
      "Only queued, delivered, deferred, greylisted, refused or bounced." },
    { NGX_HTTP_GET, "trace", "query", "node", "string", 0,
      "Only messages of this node." },
    { NGX_HTTP_GET, "trace", "query", "limit", "integer", 0,
      "Messages in a page, 1 to 500; 50 if absent. Those of one second come "
      "together, so that a page may be longer." },
    { NGX_HTTP_GET, "trace", "query", "cursor", "string", 0,
      "The cursor of the page before." },

    { NGX_HTTP_POST, "jobs", "header", "Idempotency-Key", "string", 1,
      "1 to 128 printable characters, new for each job: the same request "
      "with the same key makes no second one." },
    { NGX_HTTP_POST, "jobs", "query", "dry_run", "string", 0,
      "1 counts what clear-folders or verify-cache-clear would remove." },
    { NGX_HTTP_POST, "jobs", "body", "action", "string", 1,
      "What is to be done." },
    { NGX_HTTP_POST, "jobs", "body", "target", "string", 0,
      "A domain or a mailbox; all if absent. Of mailer-test: any address." },
    { NGX_HTTP_POST, "jobs", "body", "rate", "integer", 0,
      "Users a second of each node at most, 1 to 10000; no limit if absent. "
      "Only of what works on users." },
    { NGX_HTTP_POST, "jobs", "body", "junk_days", "integer", 0,
      "Of clear-folders: what is longer in Junk goes, 1 to 3650. Without it "
      "and trash_days, both are those of the settings; with one of them, the "
      "other folder is left alone." },
    { NGX_HTTP_POST, "jobs", "body", "trash_days", "integer", 0,
      "The same of Trash." },

    { NGX_HTTP_GET, "jobs", "query", "limit", "integer", 0,
      "Jobs in a page, 1 to 100; 20 if absent." },
    { NGX_HTTP_GET, "jobs", "query", "cursor", "string", 0,
      "The cursor of the page before." },
    { NGX_HTTP_GET, "jobs", "query", "action", "string", 0,
      "Only jobs of this action." },
    { NGX_HTTP_GET, "jobs", "query", "state", "string", 0,
      "Only jobs that are queued, running, done, done-with-failures, failed "
      "or cancelled." },

    { NGX_HTTP_GET, "jobs/{id}/events", "header", "Last-Event-ID", "string", 0,
      "The id of the last event that you have: without a change since then "
      "it is not sent again." },

    { NGX_HTTP_GET, "usage", "query", "hours", "integer", 0,
      "How far back, 1 to 8760; 24 if absent." },

    { NGX_HTTP_GET, "explain", "query", "sender", "string", 1,
      "An envelope sender in any form that MAIL FROM takes, or <>." },
    { NGX_HTTP_GET, "explain", "query", "score", "number", 0,
      "The spam score; without it only the lists are asked." },

    { 0, NULL, NULL, NULL, NULL, 0, NULL }
};
