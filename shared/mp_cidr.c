#include "mp_cidr.h"

#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>

#define MP_CIDR_TEXT 64

static const unsigned char mp_mapped[12] = { 0, 0, 0, 0, 0,    0,
                                             0, 0, 0, 0, 0xff, 0xff };


/* False when the text is no address.  bits_r is what a host has. */
static bool
mp_address_bytes(unsigned char bytes_r[16], bool *v4_r, const char *text)
{
    if (strncmp(text, "IPv6:", 5) == 0) {
        text += 5;
    }

    *v4_r = false;

    if (inet_pton(AF_INET6, text, bytes_r) == 1) {
        return true;
    }

    if (inet_pton(AF_INET, text, bytes_r + sizeof(mp_mapped)) == 1) {
        memcpy(bytes_r, mp_mapped, sizeof(mp_mapped));
        *v4_r = true;
        return true;
    }

    return false;
}


static bool
mp_cidr_bits(unsigned int *bits_r, const char *text, unsigned int max)
{
    unsigned int bits = 0;
    size_t len = strlen(text);

    if (len < 1 || len > 3) {
        return false;
    }

    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }

        bits = bits * 10 + (unsigned int) (text[i] - '0');
    }

    *bits_r = bits;

    return bits <= max;
}


static bool
mp_cidr_word(struct mp_cidr *cidr_r, const char *word, size_t len)
{
    char text[MP_CIDR_TEXT];
    char *host = text;
    char *slash;
    unsigned int bits;
    bool v4;

    if (len >= sizeof(text)) {
        return false;
    }

    memcpy(text, word, len);
    text[len] = '\0';

    slash = strchr(text, '/');
    if (slash != NULL) {
        *slash++ = '\0';
    }

    len = strlen(host);
    if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        host++;
    }

    if (!mp_address_bytes(cidr_r->address, &v4, host)) {
        return false;
    }

    bits = v4 ? 32 : 128;

    if (slash != NULL && !mp_cidr_bits(&bits, slash, bits)) {
        return false;
    }

    cidr_r->bits = v4 ? bits + 96 : bits;

    return true;
}


enum mp_status
mp_cidrs_parse(struct mp_cidrs *cidrs_r, const char *text,
               struct mp_error *err)
{
    static const char gap[] = " \t,";

    cidrs_r->count = 0;

    for (text += strspn(text, gap); *text != '\0'; text += strspn(text, gap)) {
        size_t len = strcspn(text, gap);

        if (cidrs_r->count == MP_CIDR_MAX) {
            return mp_fail(err, MP_INVALID, "", "has over %d networks",
                           MP_CIDR_MAX);
        }

        if (!mp_cidr_word(&cidrs_r->cidr[cidrs_r->count], text, len)) {
            return mp_fail(err, MP_INVALID, "",
                           "\"%.*s\" is no address or network",
                           len > 60 ? 60 : (int) len, text);
        }

        cidrs_r->count++;
        text += len;
    }

    return MP_OK;
}


static bool
mp_cidr_has(const struct mp_cidr *cidr, const unsigned char address[16])
{
    unsigned int whole = cidr->bits / 8;
    unsigned int rest = cidr->bits % 8;

    if (memcmp(cidr->address, address, whole) != 0) {
        return false;
    }

    return rest == 0
        || ((cidr->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}


bool
mp_cidrs_have(const struct mp_cidrs *cidrs, const char *address)
{
    unsigned char bytes[16];
    bool v4;

    if (cidrs->count == 0 || !mp_address_bytes(bytes, &v4, address)) {
        return false;
    }

    for (size_t i = 0; i < cidrs->count; i++) {
        if (mp_cidr_has(&cidrs->cidr[i], bytes)) {
            return true;
        }
    }

    return false;
}


void
mp_cidr_site(char *site_r, size_t size, const char *address)
{
    unsigned char bytes[16];
    char text[INET6_ADDRSTRLEN];
    bool v4;

    if (!mp_address_bytes(bytes, &v4, address)) {
        (void) snprintf(site_r, size, "%s", address);
        return;
    }

    v4 = memcmp(bytes, mp_mapped, sizeof(mp_mapped)) == 0;

    if (v4) {
        bytes[15] = 0;
        (void) inet_ntop(AF_INET, bytes + 12, text, sizeof(text));

    } else {
        memset(bytes + 8, 0, 8);
        (void) inet_ntop(AF_INET6, bytes, text, sizeof(text));
    }

    (void) snprintf(site_r, size, "%s/%d", text, v4 ? 24 : 64);
}
