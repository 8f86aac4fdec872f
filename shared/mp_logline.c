#include "mp_logline.h"

#include <string.h>
#include <time.h>

#define MP_DAY (24 * 60 * 60)

static const char *const mp_severities[MP_SEVERITY_COUNT] = {
    [MP_SEVERITY_DEBUG] = "debug",     [MP_SEVERITY_INFO] = "info",
    [MP_SEVERITY_WARNING] = "warning", [MP_SEVERITY_ERROR] = "error",
    [MP_SEVERITY_FATAL] = "fatal",
};

/* What a program begins a text with, Postfix's and Dovecot's. */
static const struct {
    const char *text;
    enum mp_severity severity;
} mp_severity_words[] = {
    { "Info: ", MP_SEVERITY_INFO },   { "warning: ", MP_SEVERITY_WARNING },
    { "error: ", MP_SEVERITY_ERROR }, { "fatal: ", MP_SEVERITY_FATAL },
    { "panic: ", MP_SEVERITY_FATAL }, { "Debug: ", MP_SEVERITY_DEBUG },
    { "debug: ", MP_SEVERITY_DEBUG }, { "Warning: ", MP_SEVERITY_WARNING },
    { "Error: ", MP_SEVERITY_ERROR }, { "Fatal: ", MP_SEVERITY_FATAL },
    { "Panic: ", MP_SEVERITY_FATAL }, { "info: ", MP_SEVERITY_INFO },
    { "notice: ", MP_SEVERITY_INFO },
};


bool
mp_span_skip(struct mp_span *span, const char *text)
{
    size_t len = strlen(text);

    if (span->len < len || memcmp(span->bytes, text, len) != 0) {
        return false;
    }

    span->bytes += len;
    span->len -= len;

    return true;
}


static bool
mp_span_begins(const struct mp_span *span, const char *text)
{
    struct mp_span copy = *span;

    return mp_span_skip(&copy, text);
}


static bool
mp_is_digit(char c)
{
    return c >= '0' && c <= '9';
}


static bool
mp_take_digits(struct mp_span *span, size_t digits, int *n_r)
{
    int n = 0;

    if (span->len < digits) {
        return false;
    }

    for (size_t i = 0; i < digits; i++) {
        if (!mp_is_digit(span->bytes[i])) {
            return false;
        }

        n = n * 10 + (span->bytes[i] - '0');
    }

    span->bytes += digits;
    span->len -= digits;
    *n_r = n;

    return true;
}


/* Times */

static bool
mp_take_clock(struct mp_span *span, struct tm *tm)
{
    return mp_take_digits(span, 2, &tm->tm_hour) && mp_span_skip(span, ":")
        && mp_take_digits(span, 2, &tm->tm_min) && mp_span_skip(span, ":")
        && mp_take_digits(span, 2, &tm->tm_sec) && tm->tm_hour < 24
        && tm->tm_min < 60 && tm->tm_sec < 61;
}


/* "Nov 22 20:28:25", with a blank before a day of one digit. */
static bool
mp_take_short(struct mp_span *span, struct tm *tm)
{
    static const char *const months[] = { "Jan ", "Feb ", "Mar ", "Apr ",
                                          "May ", "Jun ", "Jul ", "Aug ",
                                          "Sep ", "Oct ", "Nov ", "Dec " };
    struct mp_span rest = *span;
    int month = 0;

    while (month < 12 && !mp_span_skip(&rest, months[month])) {
        month++;
    }

    if (month == 12
        || !mp_take_digits(&rest, mp_span_skip(&rest, " ") ? 1 : 2,
                           &tm->tm_mday)
        || tm->tm_mday < 1 || tm->tm_mday > 31 || !mp_span_skip(&rest, " ")
        || !mp_take_clock(&rest, tm))
    {
        return false;
    }

    tm->tm_mon = month;
    *span = rest;

    return true;
}


/* "2026-11-22", a blank or a T, and the clock. */
static bool
mp_take_long(struct mp_span *span, struct tm *tm)
{
    struct mp_span rest = *span;

    if (!mp_take_digits(&rest, 4, &tm->tm_year) || !mp_span_skip(&rest, "-")
        || !mp_take_digits(&rest, 2, &tm->tm_mon) || !mp_span_skip(&rest, "-")
        || !mp_take_digits(&rest, 2, &tm->tm_mday)
        || !(mp_span_skip(&rest, "T") || mp_span_skip(&rest, " "))
        || !mp_take_clock(&rest, tm) || tm->tm_year < 1970 || tm->tm_mon < 1
        || tm->tm_mon > 12 || tm->tm_mday < 1 || tm->tm_mday > 31)
    {
        return false;
    }

    tm->tm_year -= 1900;
    tm->tm_mon--;
    *span = rest;

    return true;
}


/* What is behind the seconds: a part of one, and the zone. */
static bool
mp_take_zone(struct mp_span *span, int *east_r)
{
    struct mp_span rest = *span;
    int hours, mins, sign;

    if (mp_span_skip(&rest, ".")) {
        while (rest.len > 0 && mp_is_digit(rest.bytes[0])) {
            rest.bytes++;
            rest.len--;
        }
    }

    *span = rest;

    if (mp_span_skip(span, "Z")) {
        *east_r = 0;
        return true;
    }

    sign = mp_span_skip(&rest, "+") ? 1 : mp_span_skip(&rest, "-") ? -1 : 0;

    if (sign == 0 || !mp_take_digits(&rest, 2, &hours)) {
        return false;
    }

    (void) mp_span_skip(&rest, ":");

    if (!mp_take_digits(&rest, 2, &mins)) {
        return false;
    }

    *span = rest;
    *east_r = sign * (hours * 60 + mins) * 60;

    return true;
}


static int64_t
mp_local_time(const struct tm *tm)
{
    struct tm copy = *tm;

    copy.tm_isdst = -1;

    return (int64_t) mktime(&copy);
}


static int64_t
mp_short_time(struct tm *tm, int64_t now)
{
    time_t clock = (time_t) now;
    struct tm today;
    int64_t at;

    if (localtime_r(&clock, &today) == NULL) {
        return now;
    }

    tm->tm_year = today.tm_year;
    at = mp_local_time(tm);

    if (at > now + MP_DAY) {
        tm->tm_year--;
        at = mp_local_time(tm);
    }

    return at;
}


int64_t
mp_logline_time(const struct mp_span *time, int64_t now)
{
    struct mp_span span = *time;
    struct tm tm;
    int64_t at;
    int east;

    memset(&tm, 0, sizeof(tm));

    if (mp_take_short(&span, &tm)) {
        at = mp_short_time(&tm, now);

    } else if (mp_take_long(&span, &tm)) {
        at = mp_take_zone(&span, &east) ? (int64_t) timegm(&tm) - east
                                        : mp_local_time(&tm);
    } else {
        return now;
    }

    return at < 0 || at > now ? now : at;
}


/* Lines */

static bool
mp_skip_time(struct mp_span *rest, struct mp_span *time_r)
{
    struct mp_span begin = *rest;
    struct tm tm;
    int east;

    if (!mp_take_short(rest, &tm)) {
        if (!mp_take_long(rest, &tm)) {
            return false;
        }

        (void) mp_take_zone(rest, &east);
    }

    time_r->bytes = begin.bytes;
    time_r->len = begin.len - rest->len;

    return mp_span_skip(rest, " ");
}


/* Names of programs: a blank or a control ends them. */
static bool
mp_is_word(char c)
{
    return (unsigned char) c > 0x20 && c != 0x7f;
}


/*
 * "postfix/smtpd[123]: ", "dovecot: ", and what Dovecot calls itself:
 * "imap(a b@example.org)<12><x>: ".  A user's name may have a ": " in it, but
 * then it stands in brackets.
 */
static bool
mp_take_process(struct mp_span *rest, struct mp_span *process_r,
                struct mp_span *pid_r)
{
    const char *bytes = rest->bytes;
    size_t i = 0, end, open;

    while (i < rest->len && mp_is_word(bytes[i]) && bytes[i] != ':'
           && bytes[i] != '[' && bytes[i] != '(' && bytes[i] != '<')
    {
        i++;
    }

    end = i;

    if (i == 0 || i == rest->len) {
        return false;
    }

    if (bytes[i] == '[') {
        open = ++i;

        while (i < rest->len && mp_is_digit(bytes[i])) {
            i++;
        }

        pid_r->bytes = bytes + open;
        pid_r->len = i - open;

        if (pid_r->len == 0 || i == rest->len || bytes[i++] != ']') {
            return false;
        }

    } else if (bytes[i] == '(' || bytes[i] == '<') {
        const char *stop = memmem(bytes + i, rest->len - i, ">: ", 3);
        const char *other = memmem(bytes + i, rest->len - i, "): ", 3);

        if (stop == NULL || (other != NULL && other < stop)) {
            stop = other;
        }

        if (stop == NULL) {
            return false;
        }

        end = i = (size_t) (stop + 1 - bytes);
    }

    if (i == rest->len || bytes[i] != ':') {
        return false;
    }

    process_r->bytes = bytes;
    process_r->len = end;
    rest->bytes += i + 1;
    rest->len -= i + 1;
    (void) mp_span_skip(rest, " ");

    return true;
}


/* Dovecot writes no host into a file of its own, a syslog daemon does. */
static bool
mp_take_host(struct mp_span *rest, struct mp_span *host_r)
{
    size_t i = 0;

    while (i < rest->len && mp_is_word(rest->bytes[i]) && rest->bytes[i] != '('
           && rest->bytes[i] != '<')
    {
        i++;
    }

    if (i == 0 || i == rest->len || rest->bytes[i] != ' '
        || rest->bytes[i - 1] == ':')
    {
        return false;
    }

    host_r->bytes = rest->bytes;
    host_r->len = i;
    rest->bytes += i + 1;
    rest->len -= i + 1;

    return true;
}


bool
mp_queue_id_check(const char *text, size_t len)
{
    static const char vowels[] = "AEIOUaeiou";
    bool is_short = len >= 6 && len <= 16, is_long = len >= 12 && len <= 24;
    bool has_z = false;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool digit = mp_is_digit(c);

        is_short = is_short && (digit || (c >= 'A' && c <= 'F'));
        is_long = is_long
               && (digit
                   || (((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
                       && strchr(vowels, c) == NULL));
        has_z = has_z || c == 'z';
    }

    return is_short || (is_long && has_z);
}


static void
mp_find_queue_id(struct mp_logline *line)
{
    const struct mp_span *text = &line->text;
    size_t i = 0;

    if (!mp_span_begins(&line->process, "postfix")) {
        return;
    }

    while (i < text->len && i < 25 && text->bytes[i] != ':') {
        i++;
    }

    if (i + 1 < text->len && text->bytes[i] == ':' && text->bytes[i + 1] == ' '
        && mp_queue_id_check(text->bytes, i))
    {
        line->queue_id.bytes = text->bytes;
        line->queue_id.len = i;
    }
}


static void
mp_find_severity(struct mp_logline *line)
{
    struct mp_span text = line->text;
    size_t count = sizeof(mp_severity_words) / sizeof(mp_severity_words[0]);

    if (line->queue_id.len > 0) {
        text.bytes += line->queue_id.len + 2;
        text.len -= line->queue_id.len + 2;
    }

    for (size_t i = 0; i < count; i++) {
        if (mp_span_begins(&text, mp_severity_words[i].text)) {
            line->severity = mp_severity_words[i].severity;
            return;
        }
    }
}


/* "dovecot: imap-login: Login": the second is the process. */
static void
mp_find_dovecot(struct mp_logline *line, bool hosted)
{
    struct mp_span process, pid = { "", 0 }, text = line->text;

    if (!hosted) {
        line->dovecot = true;
        return;
    }

    if (line->process.len != 7 || memcmp(line->process.bytes, "dovecot", 7)) {
        return;
    }

    line->dovecot = true;

    if (mp_take_process(&text, &process, &pid)) {
        struct mp_logline inner = { .text = line->text,
                                    .severity = MP_SEVERITY_COUNT };

        /* "Error: …" is no process */
        mp_find_severity(&inner);

        if (inner.severity == MP_SEVERITY_COUNT) {
            line->process = process;
            line->pid = pid.len > 0 ? pid : line->pid;
            line->text = text;
        }
    }
}


void
mp_logline_parse(struct mp_logline *line_r, const char *line, size_t len)
{
    struct mp_logline *out = line_r;
    struct mp_span rest = { line, len };
    static const struct mp_span none = { "", 0 };
    bool hosted;

    *out = (struct mp_logline){
        none, none, none, none, none, { line, len }, MP_SEVERITY_INFO, false
    };

    if (!mp_skip_time(&rest, &out->time)) {
        return;
    }

    out->text = rest;
    hosted = mp_take_host(&rest, &out->host);

    if (!mp_take_process(&rest, &out->process, &out->pid)) {
        out->host = out->process = out->pid = none;
        return;
    }

    out->text = rest;
    mp_find_dovecot(out, hosted);
    mp_find_queue_id(out);
    mp_find_severity(out);
}


const char *
mp_severity_name(enum mp_severity severity)
{
    return mp_severities[severity < MP_SEVERITY_COUNT ? severity
                                                      : MP_SEVERITY_INFO];
}


enum mp_severity
mp_severity_parse(const char *name, size_t len)
{
    enum mp_severity severity = MP_SEVERITY_DEBUG;

    while (severity < MP_SEVERITY_COUNT
           && (strlen(mp_severities[severity]) != len
               || memcmp(mp_severities[severity], name, len) != 0))
    {
        severity++;
    }

    return severity;
}
