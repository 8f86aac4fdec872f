#include "mp_net.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define MP_DIGITS  "0123456789"
#define MP_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


static bool
mp_label_check(const char *label, size_t len)
{
    if (len == 0 || len > 63 || label[0] == '-' || label[len - 1] == '-') {
        return false;
    }

    return strspn(label, MP_LETTERS MP_DIGITS "-") >= len;
}


static bool
mp_hostname_check(const char *text)
{
    const char *label = text;
    size_t len = strlen(text);

    if (len > 253) {
        return false;
    }

    for (;;) {
        len = strcspn(label, ".");

        if (!mp_label_check(label, len)) {
            return false;
        }

        if (label[len] == '\0') {
            break;
        }

        label += len + 1;
    }

    /* 10.1, 2130706433 and 0x7f.1 are addresses to some resolvers */
    return strspn(label, MP_DIGITS) != len
        && !(label[0] == '0' && (label[1] == 'x' || label[1] == 'X'));
}


bool
mp_host_check(const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, text, address) == 1
        || inet_pton(AF_INET6, text, address) == 1 || mp_hostname_check(text);
}


bool
mp_nexthop_check(const char *text)
{
    char host[256];
    size_t len = strlen(text);

    if (text[0] != '[') {
        return mp_host_check(text);
    }

    if (len < 3 || len >= sizeof(host) || text[len - 1] != ']') {
        return false;
    }

    memcpy(host, text + 1, len - 2);
    host[len - 2] = '\0';
    return mp_host_check(host);
}


/* Whether all bits behind the first `bits` of an address are 0. */
static bool
mp_net_is_aligned(const unsigned char *address, size_t size, size_t bits)
{
    for (size_t i = bits; i < size * 8; i++) {
        if ((address[i / 8] >> (7 - i % 8)) & 1) {
            return false;
        }
    }

    return true;
}


bool
mp_net_check(const char *text)
{
    unsigned char address[sizeof(struct in6_addr)];
    const char *slash = strchr(text, '/');
    char host[INET6_ADDRSTRLEN];
    size_t len = slash != NULL ? (size_t) (slash - text) : strlen(text);
    size_t size, bits;

    if (len >= sizeof(host)) {
        return false;
    }

    memcpy(host, text, len);
    host[len] = '\0';

    if (inet_pton(AF_INET, host, address) == 1) {
        size = 4;
    } else if (inet_pton(AF_INET6, host, address) == 1) {
        size = 16;
    } else {
        return false;
    }

    if (slash == NULL) {
        return true;
    }

    len = strlen(slash + 1);
    if (len == 0 || len > 3 || strspn(slash + 1, MP_DIGITS) != len
        || (slash[1] == '0' && len > 1))
    {
        return false;
    }

    bits = strtoul(slash + 1, NULL, 10);
    return bits <= size * 8 && mp_net_is_aligned(address, size, bits);
}


bool
mp_mailbox_check(const char *text)
{
    const char *at = strrchr(text, '@');
    size_t local;

    if (at == NULL || strlen(text) > 254) {
        return false;
    }

    local = (size_t) (at - text);
    if (local == 0 || local > 64 || text[0] == '.' || at[-1] == '.'
        || strspn(text, MP_LETTERS MP_DIGITS "!#$%&'*+-/=?^_`{|}~.") != local)
    {
        return false;
    }

    for (size_t i = 1; i < local; i++) {
        if (text[i] == '.' && text[i - 1] == '.') {
            return false;
        }
    }

    return mp_hostname_check(at + 1);
}
