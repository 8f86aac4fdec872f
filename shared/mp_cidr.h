#ifndef MP_CIDR_H
#define MP_CIDR_H

#include <stdbool.h>
#include <stddef.h>

#include "mp_error.h"

#define MP_CIDR_MAX 256

/* Networks of clients (RFC 4632, RFC 4291); a plain value. */
struct mp_cidr {
    unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned int bits;         /* 0 to 128 */
};

struct mp_cidrs {
    size_t count;
    struct mp_cidr cidr[MP_CIDR_MAX];
};

/*
 * Reads addresses and networks that are divided by blanks or commas.  An IPv6
 * address may stand in brackets.  MP_INVALID names the first bad one.
 */
enum mp_status mp_cidrs_parse(struct mp_cidrs *cidrs_r, const char *text,
                              struct mp_error *err);

/*
 * Whether an address lies in one of the networks: "192.0.2.1", "2001:db8::1",
 * or "IPv6:2001:db8::1".  What is no address lies in none.
 */
bool mp_cidrs_have(const struct mp_cidrs *cidrs, const char *address);

/*
 * The /24 of an IPv4 or the /64 of an IPv6 address, as text; the text itself
 * when it is no address.
 */
void mp_cidr_site(char *site_r, size_t size, const char *address);

#endif
