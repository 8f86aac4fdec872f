/*
 * Loads a milter as Postfix would, and counts.
 *
 * One thread and epoll; as many connections as asked for, each carrying so
 * many messages.  What the filter negotiated away is not sent, and where it
 * asked for no reply none is waited for.  The result is one line of JSON.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <libmilter/mfdef.h>

#define OFFERED_ACTIONS  0x1ffu
#define OFFERED_PROTOCOL 0x1fffffu
#define HEADERS          8
#define BODY             2048
#define LATENCY_MAX      500000 /* microseconds; longer ones count as this */
#define TEXT(text)       text, sizeof(text)

struct options {
    const char *socket;
    const char *domains_file;
    unsigned int connections;
    unsigned int messages; /* per connection */
    double seconds;
};

struct buffer {
    size_t len;
    char bytes[131072];
};

struct connection {
    int fd;
    unsigned int step;
    unsigned int header;
    unsigned int messages;
    uint32_t protocol;
    uint64_t sent_nsecs; /* when MAIL was sent */
    bool negotiated;
    size_t len;
    char in[8192];
};

struct domains {
    char **names;
    size_t count;
};

struct totals {
    uint64_t messages, accepted, rejected, deferred;
    uint64_t connections, broken;
    uint64_t mails;
    uint32_t actions, protocol; /* as negotiated */
    uint32_t latency[LATENCY_MAX + 1];
};

/* A step of the protocol: the command, and who can be spared what. */
struct step {
    char command;
    char macros;
    uint32_t not_wanted;
    uint32_t no_reply;
    void (*put)(struct buffer *out, struct connection *connection);
    const char *data; /* what put would write, when it is always the same */
    size_t len;
    const char *macro;
    size_t macro_len;
};

static void put_mail(struct buffer *out, struct connection *connection);
static void put_header(struct buffer *out, struct connection *connection);
static void put_body(struct buffer *out, struct connection *connection);

/* clang-format off */
static const struct step steps[] = {
    { SMFIC_CONNECT, SMFIC_CONNECT, SMFIP_NOCONNECT, SMFIP_NR_CONN, NULL,
      TEXT("host.example\0004\x30\x39" "192.0.2.1"),
      TEXT("j\0mx.example.org\0{daemon_name}\0mx.example.org\0"
           "v\0Postfix 3.7.11") },
    { SMFIC_HELO, 0, SMFIP_NOHELO, SMFIP_NR_HELO, NULL,
      TEXT("host.example"), NULL, 0 },
    { SMFIC_MAIL, 0, SMFIP_NOMAIL, SMFIP_NR_MAIL, put_mail,
      NULL, 0, NULL, 0 },
    { SMFIC_RCPT, SMFIC_RCPT, SMFIP_NORCPT, SMFIP_NR_RCPT, NULL,
      TEXT("<to@demo.example>"),
      TEXT("{rcpt_addr}\0to@demo.example\0{rcpt_host}\0demo.example\0"
           "{rcpt_mailer}\0smtp") },
    { SMFIC_DATA, SMFIC_DATA, SMFIP_NODATA, SMFIP_NR_DATA, NULL,
      "", 0, TEXT("i\0" "4C316A72061") },
    { SMFIC_HEADER, 0, SMFIP_NOHDRS, SMFIP_NR_HDR, put_header,
      NULL, 0, NULL, 0 },
    { SMFIC_EOH, 0, SMFIP_NOEOH, SMFIP_NR_EOH, NULL, "", 0, NULL, 0 },
    { SMFIC_BODY, 0, SMFIP_NOBODY, SMFIP_NR_BODY, put_body,
      NULL, 0, NULL, 0 },
    { SMFIC_BODYEOB, SMFIC_BODYEOB, 0, 0, NULL,
      "", 0, TEXT("i\0" "4C316A72061") },
};
/* clang-format on */

#define STEPS     (sizeof(steps) / sizeof(steps[0]))
#define STEP_MAIL 2u

static struct options options = { NULL, NULL, 32, 1, 5 };
static struct domains domains;
static struct totals totals;
static struct buffer out;
static uint64_t random_state = 88172645463325252u;
static int epoll_fd;


static uint64_t
now_nsecs(void)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000u + (uint64_t) ts.tv_nsec;
}


/* xorshift64: the same senders in every run */
static uint64_t
next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;

    return random_state;
}


static void
put_bytes(struct buffer *buffer, const void *bytes, size_t len)
{
    if (len > sizeof(buffer->bytes) - buffer->len) {
        abort();
    }

    memcpy(buffer->bytes + buffer->len, bytes, len);
    buffer->len += len;
}


static void
put_number(struct buffer *buffer, uint32_t number)
{
    uint32_t wire = htonl(number);

    put_bytes(buffer, &wire, sizeof(wire));
}


static void
put_command(struct buffer *buffer, char command, const void *data, size_t len)
{
    put_number(buffer, (uint32_t) len + 1);
    put_bytes(buffer, &command, 1);
    put_bytes(buffer, data, len);
}


static void
put_macros(struct buffer *buffer, char stage, const char *macro, size_t len)
{
    put_number(buffer, (uint32_t) len + 2);
    put_bytes(buffer, "D", 1);
    put_bytes(buffer, &stage, 1);
    put_bytes(buffer, macro, len);
}


static void
put_mail(struct buffer *buffer, struct connection *connection)
{
    char text[1024], macros[1024];
    const char *domain = "nowhere.example";
    unsigned int user = (unsigned int) (next_random() % 1000);
    int len, macro_len;

    if (domains.count > 0) {
        domain = domains.names[next_random() % domains.count];
    }

    macro_len = snprintf(macros, sizeof(macros),
                         "{mail_addr}%cuser%u@%s%c{mail_host}%c%s%c"
                         "{mail_mailer}%csmtp",
                         0, user, domain, 0, 0, domain, 0, 0);
    len = snprintf(text, sizeof(text), "<user%u@%s>%cSIZE=2000", user, domain,
                   0);

    put_macros(buffer, SMFIC_MAIL, macros, (size_t) macro_len + 1);
    connection->sent_nsecs = now_nsecs();
    put_command(buffer, SMFIC_MAIL, text, (size_t) len + 1);
}


static void
put_header(struct buffer *buffer, struct connection *connection)
{
    char text[256];
    int len;

    len = snprintf(text, sizeof(text),
                   "X-Header-%u%c a value of ordinary length, with some "
                   "words in it, number %u",
                   connection->header, 0, connection->header);
    put_command(buffer, SMFIC_HEADER, text, (size_t) len + 1);
}


static void
put_body(struct buffer *buffer, struct connection *connection)
{
    static char body[BODY];

    (void) connection;

    if (body[0] == '\0') {
        memset(body, 'x', sizeof(body));
    }

    put_command(buffer, SMFIC_BODY, body, BODY);
}


/* Writes all of it; a filter that does not read is waited for. */
static bool
flush(int fd)
{
    struct pollfd wait = { fd, POLLOUT, 0 };
    size_t done = 0, len = out.len;
    ssize_t n;

    while (done < len) {
        n = write(fd, out.bytes + done, len - done);

        if (n > 0) {
            done += (size_t) n;
        } else if (errno != EAGAIN || poll(&wait, 1, 5000) != 1) {
            break;
        }
    }

    out.len = 0;

    return done == len;
}


static bool
open_connection(struct connection *connection)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct epoll_event event = { .events = EPOLLIN };

    memset(connection, 0, offsetof(struct connection, in));
    memcpy(address.sun_path, options.socket, strlen(options.socket) + 1);
    event.data.ptr = connection;

    connection->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(connection->fd, (struct sockaddr *) &address, sizeof(address))
            != 0
        || fcntl(connection->fd, F_SETFL, O_NONBLOCK) != 0
        || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connection->fd, &event) != 0)
    {
        perror(options.socket);
        return false;
    }

    put_number(&out, 13);
    put_bytes(&out, "O", 1);
    put_number(&out, 6);
    put_number(&out, OFFERED_ACTIONS);
    put_number(&out, OFFERED_PROTOCOL);
    totals.connections++;

    return flush(connection->fd);
}


static void
close_connection(struct connection *connection)
{
    (void) close(connection->fd);
    connection->fd = -1;
}


/* Sends up to the next command that is answered. */
static bool
advance(struct connection *connection)
{
    for (; connection->step < STEPS; connection->step++) {
        const struct step *step = &steps[connection->step];

        if (connection->protocol & step->not_wanted) {
            continue;
        }

        if (step->command == SMFIC_HEADER && connection->header >= HEADERS) {
            connection->header = 0;
            continue;
        }

        if (step->macro != NULL) {
            put_macros(&out, step->macros, step->macro, step->macro_len);
        }

        if (step->put != NULL) {
            step->put(&out, connection);
        } else {
            put_command(&out, step->command, step->data, step->len);
        }

        /* the loop, or the reply, comes back to this step */
        if (step->command == SMFIC_HEADER) {
            connection->header++;
            connection->step--;
        }

        if (!(connection->protocol & step->no_reply)) {
            return flush(connection->fd);
        }
    }

    return flush(connection->fd);
}


/* The message is over: the next one, or the end of the connection. */
static bool
finish_message(struct connection *connection, bool last)
{
    totals.messages++;
    connection->messages++;
    connection->header = 0;

    if (!last && connection->messages < options.messages) {
        connection->step = STEP_MAIL;
        return advance(connection);
    }

    put_command(&out, SMFIC_QUIT, "", 0);
    (void) flush(connection->fd);
    close_connection(connection);

    return last || open_connection(connection);
}


static void
count_latency(const struct connection *connection)
{
    uint64_t usecs = (now_nsecs() - connection->sent_nsecs) / 1000;

    totals.latency[usecs < LATENCY_MAX ? usecs : LATENCY_MAX]++;
    totals.mails++;
}


/* True when the reply ends the message. */
static bool
count_reply(char reply)
{
    switch (reply) {
    case SMFIR_ACCEPT:
        totals.accepted++;
        return true;

    case SMFIR_REJECT:
    case SMFIR_REPLYCODE:
        totals.rejected++;
        return true;

    case SMFIR_TEMPFAIL:
        totals.deferred++;
        return true;
    }

    return false;
}


static bool
handle_reply(struct connection *connection, const char *frame, size_t len,
             bool last)
{
    const struct step *step = &steps[connection->step];
    uint32_t protocol;

    if (!connection->negotiated) {
        if (frame[0] != SMFIC_OPTNEG || len < 13) {
            return false;
        }

        memcpy(&protocol, frame + 9, sizeof(protocol));
        connection->protocol = ntohl(protocol);
        connection->negotiated = true;
        totals.protocol = connection->protocol;
        memcpy(&protocol, frame + 5, sizeof(protocol));
        totals.actions = ntohl(protocol);
        return advance(connection);
    }

    if (strchr("+-2beilhmqp", frame[0]) != NULL) {
        return true;
    }

    if (step->command == SMFIC_MAIL) {
        count_latency(connection);
    }

    if (count_reply(frame[0])) {
        if (step->command != SMFIC_BODYEOB) {
            put_command(&out, SMFIC_ABORT, "", 0);
        }

        return finish_message(connection, last);
    }

    if (step->command == SMFIC_BODYEOB) {
        totals.accepted++;
        return finish_message(connection, last);
    }

    connection->step++;

    return advance(connection);
}


/* False when the connection is broken. */
static bool
handle_input(struct connection *connection, bool last)
{
    uint32_t len;
    size_t used = 0, have;
    ssize_t n;
    int fd = connection->fd;

    n = read(fd, connection->in + connection->len,
             sizeof(connection->in) - connection->len);

    if (n <= 0) {
        return n < 0 && errno == EAGAIN;
    }

    connection->len += (size_t) n;
    have = connection->len;

    while (connection->len - used > sizeof(len)) {
        memcpy(&len, connection->in + used, sizeof(len));
        len = ntohl(len);

        if (len == 0 || len > sizeof(connection->in) - sizeof(len)) {
            return false;
        }

        if (connection->len - used < sizeof(len) + len) {
            break;
        }

        if (!handle_reply(connection, connection->in + used + sizeof(len), len,
                          last)) {
            return false;
        }

        used += sizeof(len) + len;

        /* over, or begun anew: nobody asked for what is left */
        if (connection->fd == -1 || !connection->negotiated) {
            return used == have;
        }
    }

    connection->len -= used;
    memmove(connection->in, connection->in + used, connection->len);

    return true;
}


/* Runs until the time is over and every message begun is answered. */
static double
run(void)
{
    struct epoll_event events[256];
    uint64_t begin = now_nsecs();
    uint64_t end = begin + (uint64_t) (options.seconds * 1e9);
    unsigned int open = options.connections;
    int count;

    while (open > 0) {
        count = epoll_wait(epoll_fd, events, 256, 5000);

        if (count <= 0) {
            totals.broken += open;
            break;
        }

        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;

            if (connection->fd == -1) {
                continue;
            }

            if (!handle_input(connection, now_nsecs() >= end)) {
                totals.broken++;
                close_connection(connection);
            }

            if (connection->fd == -1) {
                open--;
            }
        }
    }

    return (double) (now_nsecs() - begin) / 1e9;
}


static uint32_t
percentile(double part)
{
    uint64_t rank = (uint64_t) ((double) totals.mails * part);
    uint64_t seen = 0;
    uint32_t usecs;

    for (usecs = 0; usecs < LATENCY_MAX; usecs++) {
        seen += totals.latency[usecs];

        if (seen > rank) {
            break;
        }
    }

    return usecs;
}


static void
report(double seconds)
{
    (void) printf("{\"messages\":%" PRIu64 ",\"seconds\":%.3f,"
                  "\"per_second\":%.1f,\"connections\":%" PRIu64 ","
                  "\"broken\":%" PRIu64 ",",
                  totals.messages, seconds, (double) totals.messages / seconds,
                  totals.connections, totals.broken);
    (void) printf("\"accepted\":%" PRIu64 ",\"rejected\":%" PRIu64 ","
                  "\"deferred\":%" PRIu64 ",",
                  totals.accepted, totals.rejected, totals.deferred);
    (void) printf("\"mail_p50_us\":%u,\"mail_p99_us\":%u,"
                  "\"actions\":\"%x\",\"protocol\":\"%x\"}\n",
                  percentile(0.5), percentile(0.99), totals.actions,
                  totals.protocol);
}


static bool
read_domains(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[512];
    size_t room = 0;

    if (file == NULL) {
        perror(path);
        return false;
    }

    while (fgets(line, sizeof(line), file) != NULL) {
        if (domains.count == room) {
            room = room == 0 ? 4096 : room * 2;
            domains.names = realloc(domains.names, room * sizeof(char *));
        }

        line[strcspn(line, "\n")] = '\0';

        if (domains.names == NULL) {
            abort();
        }

        domains.names[domains.count] = strdup(line);
        domains.count++;
    }

    (void) fclose(file);

    return domains.count > 0;
}


static unsigned int
parse_count(const char *text, unsigned int max)
{
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(text, &end, 10);

    if (errno != 0 || end == text || *end != '\0' || number > max) {
        (void) fprintf(stderr, "milter_load: %s: not up to %u\n", text, max);
        exit(2);
    }

    return (unsigned int) number;
}


static void
parse_options(int argc, char **argv)
{
    int c;

    while ((c = getopt(argc, argv, "s:c:t:m:d:")) != -1) {
        switch (c) {
        case 's':
            options.socket = optarg;
            break;
        case 'd':
            options.domains_file = optarg;
            break;
        case 'c':
            options.connections = parse_count(optarg, 10000);
            break;
        case 't':
            options.seconds = strtod(optarg, NULL);
            break;
        case 'm':
            options.messages = parse_count(optarg, 1000000);
            break;
        default:
            options.socket = NULL;
            return;
        }
    }
}


int
main(int argc, char **argv)
{
    struct connection *connections;
    double seconds;

    parse_options(argc, argv);

    if (options.socket == NULL || strlen(options.socket) > 100) {
        (void) fprintf(stderr, "usage: milter_load -s socket [-c connections] "
                               "[-t seconds]\n    [-m messages each] "
                               "[-d domains]\n");
        return 2;
    }

    if (options.domains_file != NULL && !read_domains(options.domains_file)) {
        return 1;
    }

    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc(options.connections, sizeof(*connections));

    if (epoll_fd == -1 || connections == NULL) {
        perror("milter_load");
        return 1;
    }

    for (unsigned int i = 0; i < options.connections; i++) {
        if (!open_connection(&connections[i])) {
            return 1;
        }
    }

    seconds = run();
    report(seconds);

    return totals.broken == 0 ? 0 : 1;
}
