/*
 * Any text as a host, a relayhost, a network, networks of clients, a mailbox
 * or a time: what is taken is in its form and bounds.
 */

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mp_cidr.h"
#include "mp_net.h"
#include "mp_time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


/* Nothing that ends a line or a word of a map, or begins an option. */
static void
check_host(const char *text)
{
    must(text[0] != '\0' && text[0] != '-');

    for (const char *at = text; *at != '\0'; at++) {
        must((unsigned char) *at > ' ' && (unsigned char) *at < 0x7f);
        must(strchr("/\"'\\,;=<>(){}$", *at) == NULL);
    }
}


static void
check_cidrs(const char *text)
{
    struct mp_error err = { "", "" };
    struct mp_cidrs cidrs;
    char site[64];

    if (mp_cidrs_parse(&cidrs, text, &err) == MP_OK) {
        must(cidrs.count <= MP_CIDR_MAX);

        for (size_t i = 0; i < cidrs.count; i++) {
            must(cidrs.cidr[i].bits <= 128);
        }

        (void) mp_cidrs_have(&cidrs, "192.0.2.1");
        (void) mp_cidrs_have(&cidrs, text);
    } else {
        must(err.text[0] != '\0');
    }

    mp_cidr_site(site, sizeof(site), text);
    must(strlen(site) < sizeof(site));
}


static void
check_time(const char *text, size_t len)
{
    char again[MP_TIME_SIZE];
    int64_t seconds, read;

    if (mp_time_parse(&seconds, text, len)) {
        mp_time_format(again, seconds);
        must(mp_time_parse(&read, again, strlen(again)) && read == seconds);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *) data, size);
    unsigned char address[16];

    must(text != NULL);

    if (mp_host_check(text)) {
        check_host(text);
        must(mp_nexthop_check(text));
    }

    if (mp_nexthop_check(text)) {
        check_host(text);
    }

    if (mp_net_check(text)) {
        must(strspn(text, "0123456789abcdefABCDEF.:/") == strlen(text));
    }

    if (inet_pton(AF_INET, text, address) == 1) {
        must(mp_host_check(text) && mp_net_check(text));
    }

    if (mp_mailbox_check(text)) {
        must(strlen(text) <= 254 && strchr(text, '@') != NULL);
        must(strpbrk(text, " \t\r\n<>\"") == NULL);
    }

    check_cidrs(text);
    check_time(text, strlen(text));
    free(text);

    return 0;
}
