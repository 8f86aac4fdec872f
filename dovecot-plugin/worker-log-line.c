/* Reads logins out of the lines of Dovecot's log. */

#include "worker-log-line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_SECS (24 * 60 * 60)

/* What a line says after who has written it. */
#define LOGIN_TEXT "Login: user=<"

/* Between the user's name and the name of the master user. */
#define MASTER_TEXT ">, master=<"

static const struct {
	const char *process;
	const char *service;
} worker_log_services[] = {
	{"imap-login", "imap"},
	{"pop3-login", "pop3"},
	{"managesieve-login", "sieve"},
	{"submission-login", "submission"},
};

static bool text_is(const struct worker_log_text *text, const char *what)
{
	return text->len == strlen(what) &&
	       memcmp(text->bytes, what, text->len) == 0;
}

static bool text_skip(struct worker_log_text *text, const char *what)
{
	size_t len = strlen(what);

	if (text->len < len || memcmp(text->bytes, what, len) != 0)
		return false;
	text->bytes += len;
	text->len -= len;
	return true;
}

/* Takes what is before the first stop away; false when there is no stop. */
static bool text_take(struct worker_log_text *text, const char *stop,
		      struct worker_log_text *taken_r)
{
	const char *end = memmem(text->bytes, text->len, stop, strlen(stop));

	if (end == NULL)
		return false;
	taken_r->bytes = text->bytes;
	taken_r->len = (size_t)(end - text->bytes);
	text->bytes += taken_r->len + strlen(stop);
	text->len -= taken_r->len + strlen(stop);
	return true;
}

/* How many bytes of the text are before the last stop; false without one. */
static bool
text_last(const struct worker_log_text *text, const char *stop, size_t *len_r)
{
	struct worker_log_text rest = *text, taken;
	bool found = false;

	while (text_take(&rest, stop, &taken)) {
		*len_r = (size_t)(taken.bytes + taken.len - text->bytes);
		found = true;
	}
	return found;
}

static size_t text_span(const struct worker_log_text *text, const char *chars)
{
	size_t n = 0;

	while (n < text->len && text->bytes[n] != '\0' &&
	       strchr(chars, text->bytes[n]) != NULL)
		n++;
	return n;
}

static const char *service_find(const struct worker_log_text *process)
{
	const size_t count =
		sizeof(worker_log_services) / sizeof(worker_log_services[0]);

	for (size_t i = 0; i < count; i++) {
		if (text_is(process, worker_log_services[i].process))
			return worker_log_services[i].service;
	}
	return NULL;
}

/* "dovecot" or "dovecot[123]", as a syslog daemon names it */
static bool is_dovecot(struct worker_log_text word)
{
	if (!text_skip(&word, "dovecot"))
		return false;
	if (word.len == 0)
		return true;
	return text_skip(&word, "[") && word.len > 1 &&
	       text_span(&word, "0123456789") == word.len - 1 &&
	       word.bytes[word.len - 1] == ']';
}

/*
 * Who has written the line, NULL if not one of the login processes.  rest is
 * then what it has said.
 */
static const char *
take_service(struct worker_log_text *rest, struct worker_log_text *time_r)
{
	struct worker_log_text head, word;
	const char *service;
	size_t blank;

	if (!text_take(rest, ": ", &head) || !text_last(&head, " ", &blank))
		return NULL;

	word.bytes = head.bytes + blank + 1;
	word.len = head.len - blank - 1;
	time_r->bytes = head.bytes;
	time_r->len = blank;

	service = service_find(&word);
	if (service != NULL)
		return text_skip(rest, "Info: ") ? service : NULL;
	if (!is_dovecot(word) || !text_take(rest, ": ", &word))
		return NULL;
	return service_find(&word);
}

/* "method=PLAIN, rip=192.0.2.1", and more that is not looked at */
static bool
take_address(struct worker_log_text *rest, struct worker_log_text *address_r)
{
	static const char *const method =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	static const char *const address = "0123456789abcdefABCDEF.:";
	size_t len;

	if (text_skip(rest, "method=")) {
		len = text_span(rest, method);
		rest->bytes += len;
		rest->len -= len;
		if (!text_skip(rest, ", "))
			return false;
	}
	if (!text_skip(rest, "rip="))
		return false;

	address_r->bytes = rest->bytes;
	address_r->len = text_span(rest, address);
	rest->bytes += address_r->len;
	rest->len -= address_r->len;
	return address_r->len > 0 && address_r->len < 46 &&
	       (rest->len == 0 || rest->bytes[0] == ',');
}

static bool is_cut(const struct worker_log_text *user)
{
	/* a character of several bytes is not cut in two */
	return user->len >= WORKER_LOG_NAME_MAX - 3 &&
	       memcmp(user->bytes + user->len - 3, "...", 3) == 0;
}

enum worker_log_kind worker_log_line_parse(const char *line, size_t len,
					   struct worker_log_login *login_r)
{
	static const char *const name = "abcdefghijklmnopqrstuvwxyz"
					"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789._-";
	struct worker_log_text rest = {line, len};
	struct worker_log_login *login = login_r;

	memset(login, 0, sizeof(*login));
	login->service = take_service(&rest, &login->time);
	if (login->service == NULL || !text_skip(&rest, LOGIN_TEXT))
		return WORKER_LOG_OTHER;

	login->user.bytes = rest.bytes;
	if (!text_last(&rest, MASTER_TEXT, &login->user.len))
		return WORKER_LOG_FOREIGN;
	rest.bytes += login->user.len + strlen(MASTER_TEXT);
	rest.len -= login->user.len + strlen(MASTER_TEXT);

	login->master.bytes = rest.bytes;
	login->master.len = text_span(&rest, name);
	rest.bytes += login->master.len;
	rest.len -= login->master.len;

	if (login->user.len == 0 || !text_skip(&rest, ">, ") ||
	    !take_address(&rest, &login->address))
		return WORKER_LOG_FOREIGN;

	login->cut = is_cut(&login->user);
	return WORKER_LOG_LOGIN;
}

/* Times */

static bool take_number(struct worker_log_text *text, size_t digits, int *n_r)
{
	struct worker_log_text number = {text->bytes, digits};

	if (text->len < digits || text_span(&number, "0123456789") != digits)
		return false;
	*n_r = 0;
	for (size_t i = 0; i < digits; i++)
		*n_r = *n_r * 10 + (text->bytes[i] - '0');
	text->bytes += digits;
	text->len -= digits;
	return true;
}

static bool take_clock(struct worker_log_text *text, struct tm *tm)
{
	return take_number(text, 2, &tm->tm_hour) && text_skip(text, ":") &&
	       take_number(text, 2, &tm->tm_min) && text_skip(text, ":") &&
	       take_number(text, 2, &tm->tm_sec) && tm->tm_hour < 24 &&
	       tm->tm_min < 60 && tm->tm_sec < 61;
}

/* "Nov 22 20:28:25", with a blank before a day of one digit */
static bool take_short(struct worker_log_text *text, struct tm *tm)
{
	static const char *const months[] = {"Jan ", "Feb ", "Mar ", "Apr ",
					     "May ", "Jun ", "Jul ", "Aug ",
					     "Sep ", "Oct ", "Nov ", "Dec "};
	int month = 0;

	while (month < 12 && !text_skip(text, months[month]))
		month++;
	if (month == 12)
		return false;
	tm->tm_mon = month;
	return take_number(text, text_skip(text, " ") ? 1 : 2, &tm->tm_mday) &&
	       text_skip(text, " ") && take_clock(text, tm);
}

/* "2026-11-22", a blank or a T, and the clock */
static bool take_long(struct worker_log_text *text, struct tm *tm)
{
	if (!take_number(text, 4, &tm->tm_year) || !text_skip(text, "-") ||
	    !take_number(text, 2, &tm->tm_mon) || !text_skip(text, "-") ||
	    !take_number(text, 2, &tm->tm_mday) ||
	    !(text_skip(text, "T") || text_skip(text, " ")) ||
	    !take_clock(text, tm))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon--;
	return tm->tm_mon >= 0 && tm->tm_mon < 12 && tm->tm_year >= 70;
}

/* What is after the seconds: a part of one, and the zone, or nothing. */
static bool take_zone(struct worker_log_text *text, int *east_secs_r)
{
	int hours, mins, sign;

	if (text_skip(text, ".")) {
		size_t len = text_span(text, "0123456789");

		text->bytes += len;
		text->len -= len;
	}
	*east_secs_r = 0;
	if (text_skip(text, "Z"))
		return true;
	sign = text_skip(text, "+") ? 1 : text_skip(text, "-") ? -1 : 0;
	if (sign == 0 || !take_number(text, 2, &hours) ||
	    !text_skip(text, ":") || !take_number(text, 2, &mins))
		return false;
	*east_secs_r = sign * (hours * 60 + mins) * 60;
	return true;
}

/* The clock of this machine may show an hour twice; the earlier is as good. */
static int64_t local_time(const struct tm *tm)
{
	struct tm copy = *tm;

	copy.tm_isdst = -1;
	return (int64_t)mktime(&copy);
}

static int64_t short_time(struct tm *tm, int64_t now)
{
	time_t clock = (time_t)now;
	struct tm today;
	int64_t at;

	if (localtime_r(&clock, &today) == NULL)
		return now;
	tm->tm_year = today.tm_year;
	at = local_time(tm);
	if (at > now + DAY_SECS) {
		tm->tm_year--;
		at = local_time(tm);
	}
	return at;
}

int64_t worker_log_time(const struct worker_log_text *time, int64_t now)
{
	struct worker_log_text text = *time;
	struct tm tm;
	int64_t at = now;
	int east_secs;

	memset(&tm, 0, sizeof(tm));
	if (take_short(&text, &tm)) {
		at = short_time(&tm, now);
	} else {
		text = *time;
		memset(&tm, 0, sizeof(tm));
		if (!take_long(&text, &tm))
			return now;
		if (take_zone(&text, &east_secs))
			at = (int64_t)timegm(&tm) - east_secs;
		else
			at = local_time(&tm);
	}
	return at < 0 || at > now ? now : at;
}
