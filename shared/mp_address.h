#ifndef MP_ADDRESS_H
#define MP_ADDRESS_H

#include <stddef.h>

#include "mp_domain.h"

/*
 * The domain of an envelope sender (RFC 5321), for the lists.
 *
 * mail_addr is Postfix's macro {mail_addr}, or NULL when there is none; then
 * raw, the argument of MAIL FROM, is taken: angle brackets and blanks are
 * stripped, a source route up to its colon, a bang path is swapped, the last
 * @ divides, a trailing dot goes.  Each has its length, neither needs to end
 * with a NUL.  The null sender, an address without a domain and anything that
 * cannot be a domain give len 0, which never matches.
 */
void mp_address_domain(struct mp_domain *domain_r, const char *mail_addr,
                       size_t mail_addr_len, const char *raw, size_t raw_len);

#endif
