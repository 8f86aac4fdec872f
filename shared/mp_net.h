#ifndef MP_NET_H
#define MP_NET_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Names and addresses of hosts, as they stand in settings: checks of form
 * only, nothing is resolved.
 */

/*
 * A host name (RFC 1123: labels of letters, digits and hyphens, the last one
 * not a number) or an IPv4 or IPv6 address, the latter without brackets.
 */
bool mp_host_check(const char *text);

/* The same, and it may stand in brackets, as Postfix takes a relayhost. */
bool mp_nexthop_check(const char *text);

/* An address, or a network as address/length without host bits set. */
bool mp_net_check(const char *text);

/* A mailbox in ASCII (RFC 5321 dot-string and a host name), 254 bytes. */
bool mp_mailbox_check(const char *text);

#endif
