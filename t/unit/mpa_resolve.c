/*
 * Names of mail servers, by a name server that is not to be trusted, or that
 * does not answer.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mpa_smtp.h"

struct server {
    int fd;
    pid_t pid;
};

/* What the server says to a question: by the first label of its name. */
struct record {
    const char *label;
    uint16_t type;
    uint8_t data[64];
    size_t len;
};

#define MX(label, preference, ...)                                            \
    {                                                                         \
        label, ns_t_mx, { 0, preference, __VA_ARGS__ },                       \
            sizeof((uint8_t[]){ 0, preference, __VA_ARGS__ })                 \
    }

/* clang-format off */
static const struct record records[] = {
    { "here", ns_t_a, { 127, 0, 0, 1 }, 4 },
    MX("mail", 20, 5, 'w', 'o', 'r', 's', 'e', 0),
    MX("mail", 10, 6, 'b', 'e', 't', 't', 'e', 'r', 0),
    { "better", ns_t_a, { 192, 0, 2, 1 }, 4 },
    { "worse", ns_t_a, { 192, 0, 2, 2 }, 4 },
    MX("bad", 1, 11, '1', '2', '7', '.', '0', '.', '0', '.', '1', '/', 'x', 0),
    MX("bad", 2, 3, 'a', '@', 'b', 0),
    MX("bad", 3, 3, 'a', '\n', 'b', 0),
    MX("bad", 4, 3, 'a', 0xff, 'b', 0),
    MX("bad", 5, 3, 'a', ':', 'b', 0),
    MX("bad", 6, 0),
    MX("bad", 7, 0xc0, 0xff),
    MX("bad", 8, 60, 'x'),
    MX("bad", 9, 6, 'b', 'e', 't', 't', 'e', 'r', 0),
    { "short", ns_t_mx, { 0 }, 1 },
    { "short", ns_t_a, { 192, 0, 2, 3 }, 4 },
    { "odd", ns_t_a, { 127, 0 }, 2 },
};
/* clang-format on */


static size_t
answer(uint8_t *packet, size_t len)
{
    const uint8_t *label = packet + NS_HFIXEDSZ + 1;
    size_t label_len = packet[NS_HFIXEDSZ];
    const uint8_t *type = packet + len - 4;
    size_t count = 0, end = len;

    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        const struct record *r = &records[i];

        if (strlen(r->label) != label_len
            || memcmp(r->label, label, label_len) != 0
            || r->type != type[0] * 256 + type[1])
        {
            continue;
        }

        memcpy(packet + end,
               (uint8_t[]){ 0xc0, NS_HFIXEDSZ, 0, (uint8_t) r->type, 0, 1, 0,
                            0, 0, 1, 0, (uint8_t) r->len },
               12);
        memcpy(packet + end + 12, r->data, r->len);
        end += 12 + r->len;
        count++;
    }

    packet[2] = 0x84;
    packet[3] = 0x80;
    packet[7] = (uint8_t) count;

    return end;
}


static void
serve(int fd)
{
    uint8_t packet[4096];
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    ssize_t n;

    while ((n = recvfrom(fd, packet, 512, 0, (struct sockaddr *) &from, &size))
           >= NS_HFIXEDSZ + 5)
    {
        size_t len = (size_t) n;

        /* what follows the question, as EDNS, is not looked at */
        for (len = NS_HFIXEDSZ; packet[len] != 0; len += 1u + packet[len]) {
        }
        len += 5;

        if (packet[NS_HFIXEDSZ + 1] == 's' && packet[NS_HFIXEDSZ + 2] == 'i') {
            continue; /* silent */
        }

        packet[11] = 0;
        len = answer(packet, len);
        (void) sendto(fd, packet, len, 0, (struct sockaddr *) &from, size);
    }

    _exit(0);
}


static int
setup(void **state)
{
    static struct server server;
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof(address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.fd, (struct sockaddr *) &address, size), 0);
    assert_int_equal(
        getsockname(server.fd, (struct sockaddr *) &address, &size), 0);
    server.pid = fork();

    if (server.pid == 0) {
        serve(server.fd);
    }

    /* the resolver of this thread asks it and nobody else */
    assert_int_equal(res_init(), 0);
    _res.nscount = 1;
    _res.nsaddr_list[0] = address;
    _res.options &= ~(unsigned long) (RES_DNSRCH | RES_DEFNAMES);
    *state = &server;

    return 0;
}


static int
teardown(void **state)
{
    struct server *server = *state;

    (void) kill(server->pid, SIGKILL);
    assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
    (void) close(server->fd);

    return 0;
}


static void
finds(const char *host, bool mx, const char *name, const char *list)
{
    char name_r[MP_TEXT_SIZE], list_r[256];
    struct mp_error err = { "", "" };

    assert_int_equal(
        mpa_resolve(host, mx, name_r, list_r, sizeof(list_r), &err), MP_OK);
    assert_string_equal(name_r, name);
    assert_string_equal(list_r, list);
}


static void
fails(const char *host, bool mx, enum mp_status status, const char *text)
{
    char name_r[MP_TEXT_SIZE], list_r[256];
    struct mp_error err = { "", "" };

    assert_int_equal(
        mpa_resolve(host, mx, name_r, list_r, sizeof(list_r), &err), status);
    assert_string_equal(err.field, "resolve");
    assert_string_equal(err.text, text);
}


static void
takes_the_best_of_the_mx_records(void **state)
{
    (void) state;
    finds("mail.example", true, "better", "192.0.2.1");
    finds("here.example", true, "here.example", "127.0.0.1");
    finds("here.example", false, "here.example", "127.0.0.1");
    finds("127.0.0.1", false, "127.0.0.1", "127.0.0.1");
    finds("::1", false, "::1", "::1");
}


/* A slash, an at or a colon would make another URL of it. */
static void
takes_no_name_that_is_none(void **state)
{
    (void) state;
    finds("bad.example", true, "better", "192.0.2.1");
    finds("short.example", true, "short.example", "192.0.2.3");
    fails("odd.example", true, MP_INVALID, "there is no address of that name");
    fails("nobody.example", true, MP_INVALID,
          "there is no address of that name");
}


/* In time: the limit of the resolver's own is half a minute for each. */
static void
waits_for_nobody(void **state)
{
    (void) state;
    _res.retrans = 5;
    _res.retry = 4;
    fails("silent.example", true, MP_TIMEOUT,
          "the name server does not answer");
    assert_int_equal(_res.retry, 1);
    assert_true(_res.retrans > 0 && _res.retrans <= 4);

    _res.retrans = 1;
    fails("silent.example", false, MP_TIMEOUT,
          "the name server does not answer");
    assert_int_equal(_res.retrans, 1);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_best_of_the_mx_records),
        cmocka_unit_test(takes_no_name_that_is_none),
        cmocka_unit_test(waits_for_nobody),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
