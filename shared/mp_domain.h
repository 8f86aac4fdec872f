#ifndef MP_DOMAIN_H
#define MP_DOMAIN_H

#include <stddef.h>

#include "mp_error.h"

#define MP_DOMAIN_MAX    253 /* bytes of a domain name, RFC 1035 */
#define MP_DOMAIN_LABELS 127

/* A mail domain in its one form: lower-case A-labels without a last dot. */
struct mp_domain {
    char text[MP_DOMAIN_MAX + 1];
    size_t len;
};

/*
 * Parses an entry of a list, as an administrator writes it: a domain name
 * (RFC 1035 with RFC 5890 labels) in any case, in U-labels or A-labels, with
 * or without a trailing dot, with blanks around it.  An underscore may stand
 * where a letter may, because mail comes from such names.  A name of one label,
 * an address, an address literal, a wildcard and a mailbox are MP_INVALID, and
 * err->text says which; err->field is "entry".  domain_r is written only when
 * MP_OK comes out.
 */
enum mp_status mp_domain_parse(struct mp_domain *domain_r, const char *text,
                               size_t len, struct mp_error *err);

/*
 * The domain of an envelope address in the same one form, but forgiving: a
 * name of one label is a domain and so is an address literal, in lower case
 * with its brackets, and hyphens may stand anywhere.  Of a name with a U-label
 * that IDNA refuses, the parent domain is taken that has none.  An empty
 * domain_r (len 0) is what never matches.
 */
void mp_domain_fold(struct mp_domain *domain_r, const char *text, size_t len);

/*
 * Writes the offsets where the name and each of its parent domains begin,
 * longest first, and returns how many; at most MP_DOMAIN_LABELS.  An address
 * literal has one.
 */
unsigned int mp_domain_suffixes(const struct mp_domain *domain,
                                unsigned char start_r[MP_DOMAIN_LABELS]);

#endif
