/*
 * Any bytes as a line of Dovecot's log; and as a name in one: then it is that
 * name who has signed in, by whom and from where the rest of the line says,
 * and in the line of a failure it is nobody.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker-log-line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


static int
is(const struct worker_log_text *text, const void *bytes, size_t len)
{
    return text->len == len && memcmp(text->bytes, bytes, len) == 0;
}


static void
within(const struct worker_log_text *text, const char *line, size_t size)
{
    must(text->bytes >= line && text->len <= size
         && text->bytes + text->len <= line + size);
}


static void
as_line(const char *line, size_t size)
{
    struct worker_log_login login;

    if (worker_log_line_parse(line, size, &login) != WORKER_LOG_LOGIN) {
        return;
    }

    within(&login.time, line, size);
    within(&login.user, line, size);
    within(&login.master, line, size);
    within(&login.address, line, size);
    must(login.user.len > 0 && login.address.len > 0);
    must(worker_log_time(&login.time, 1800000000) <= 1800000000);
}


static void
as_name(const uint8_t *data, size_t size, const char *said, const char *master)
{
    struct worker_log_login login;
    enum worker_log_kind kind;
    size_t room = size + 512, len;
    char *line = malloc(room);

    must(line != NULL);
    len = (size_t) snprintf(
        line, room, "Nov 22 20:28:25 imap-login: Info: %suser=<", said);
    memcpy(line + len, data, size);
    len += size;
    len += (size_t) snprintf(
        line + len, room - len,
        ">, master=<%s>, method=PLAIN, rip=2001:db8::7, lip=192.0.2.1, "
        "mpid=15855, TLS, session=<TRS/UeNgZo9/AAAB>",
        master);

    kind = worker_log_line_parse(line, len, &login);

    if (strcmp(said, "Login: ") != 0) {
        must(kind == WORKER_LOG_OTHER);
    } else if (size > 0) {
        must(kind == WORKER_LOG_LOGIN);
        must(strcmp(login.service, "imap") == 0);
        must(is(&login.user, data, size));
        must(is(&login.master, master, strlen(master)));
        must(is(&login.address, "2001:db8::7", 11));
    }

    free(line);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_line((const char *) data, size);
    as_name(data, size, "Login: ", "");
    as_name(data, size, "Login: ", "master.admin");
    as_name(data, size, "Disconnected: Auth failed: ", "");
    as_name(data, size, "Aborted login: ", "");

    return 0;
}
