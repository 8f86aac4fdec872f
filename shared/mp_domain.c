#include "mp_domain.h"

#include <stdbool.h>
#include <string.h>

#include <idn2.h>

#define MP_LABEL_MAX 63

/*
 * A U-label can take four times the bytes of its A-label; what is longer than
 * this cannot become a domain.
 */
#define MP_DOMAIN_RAW (4 * MP_DOMAIN_MAX)

#define MP_FIELD "entry"


static bool
mp_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}


static bool
mp_is_digit(char c)
{
    return c >= '0' && c <= '9';
}


static bool
mp_is_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char) text[i] >= 0x80) {
            return false;
        }
    }

    return true;
}


static char
mp_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}


/*
 * An underscore is no letter of a host name, but mail comes from names that
 * have one, and Postfix takes them.
 */
static bool
mp_is_ldh(char c)
{
    return (c >= 'a' && c <= 'z') || mp_is_digit(c) || c == '-' || c == '_';
}


static void
mp_trim(const char **text, size_t *len)
{
    while (*len > 0 && mp_is_blank((*text)[*len - 1])) {
        (*len)--;
    }

    while (*len > 0 && mp_is_blank((*text)[0])) {
        (*text)++;
        (*len)--;
    }
}


/* Bytes of the dot at text, 0 if there is none: IDNA knows four (UTS 46). */
static size_t
mp_dot(const char *text, size_t len)
{
    static const char *const wide[] = { "\xe3\x80\x82", "\xef\xbc\x8e",
                                        "\xef\xbd\xa1" };

    if (len >= 1 && text[0] == '.') {
        return 1;
    }

    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
        if (len >= 3 && memcmp(text, wide[i], 3) == 0) {
            return 3;
        }
    }

    return 0;
}


/* What IDNA maps may become anything in ASCII, as a/c from U+2100. */
static bool
mp_is_label(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!mp_is_ldh(text[i])) {
            return false;
        }
    }

    return len > 0;
}


static int
mp_append(struct mp_domain *domain, const char *text, size_t len)
{
    if (domain->len > MP_DOMAIN_MAX || len > MP_DOMAIN_MAX - domain->len) {
        return IDN2_TOO_BIG_DOMAIN;
    }

    for (size_t i = 0; i < len; i++) {
        domain->text[domain->len++] = mp_lower(text[i]);
    }

    return IDN2_OK;
}


/* Appends one label in its A-form; what libidn2 says if it has none. */
static int
mp_label_append(struct mp_domain *domain, const char *text, size_t len)
{
    char label[MP_DOMAIN_RAW + 1];
    char *ascii;
    int rc;

    if (mp_is_ascii(text, len)) {
        return mp_append(domain, text, len);
    }

    memcpy(label, text, len);
    label[len] = '\0';

    rc = idn2_to_ascii_8z(label, &ascii, IDN2_NONTRANSITIONAL);
    if (rc != IDN2_OK) {
        return rc;
    }

    len = strlen(ascii);
    rc = mp_is_label(ascii, len) ? mp_append(domain, ascii, len)
                                 : IDN2_DISALLOWED;
    idn2_free(ascii);

    return rc;
}


/*
 * Turns a text of at most MP_DOMAIN_RAW bytes without NUL into labels of
 * ASCII without the last dot.  With forgive, a label that IDNA does not take
 * is left out together with all before it: Postfix lets it through, and it
 * must not hide its parent domains from the lists.
 */
static int
mp_domain_ascii(struct mp_domain *domain_r, const char *text, size_t len,
                bool forgive)
{
    size_t label, dot;
    int rc;

    domain_r->len = 0;

    while (len > 0) {
        for (label = 0; label < len; label++) {
            if (mp_dot(text + label, len - label) != 0) {
                break;
            }
        }

        dot = mp_dot(text + label, len - label);

        rc = mp_label_append(domain_r, text, label);
        text += label + dot;
        len -= label + dot;

        if (rc == IDN2_OK) {
            if (dot != 0 && domain_r->len <= MP_DOMAIN_MAX) {
                domain_r->text[domain_r->len++] = '.';
            }

        } else if (forgive && rc != IDN2_TOO_BIG_DOMAIN) {
            domain_r->len = 0;

        } else {
            return rc;
        }
    }

    if (domain_r->len > 0 && domain_r->text[domain_r->len - 1] == '.') {
        domain_r->len--;
    }

    domain_r->text[domain_r->len] = '\0';

    return IDN2_OK;
}


/* Whether there is no character but those of addresses, and a colon. */
static bool
mp_is_ipv6(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = mp_lower(text[i]);

        if (!mp_is_digit(c) && !(c >= 'a' && c <= 'f') && c != ':' && c != '.')
        {
            return false;
        }
    }

    return memchr(text, ':', len) != NULL;
}


/* Says what a text is that is plainly something else than a domain. */
static const char *
mp_domain_other(const char *text, size_t len)
{
    if (len == 0) {
        return "is empty; write a domain, as example.com";
    }

    if (memchr(text, '@', len) != NULL) {
        return "is a mailbox; write only its domain, without the @ and what "
               "stands before it";
    }

    if (text[0] == '[') {
        return "is an address literal, not a domain";
    }

    if (memchr(text, '*', len) != NULL) {
        return "has a * in it; a domain covers its subdomains without one";
    }

    if (memchr(text, '/', len) != NULL) {
        return "has a / in it; neither a URL nor a network is a domain";
    }

    if (mp_dot(text, len) != 0) {
        return "begins with a dot; a domain covers its subdomains without one";
    }

    if (mp_is_ipv6(text, len)) {
        return "is an address, not a domain";
    }

    return NULL;
}


static enum mp_status
mp_character_fail(struct mp_error *err, char c)
{
    if (c > ' ' && c < 0x7f) {
        return mp_fail(err, MP_INVALID, MP_FIELD,
                       "has a %c in it; letters, digits, - and _ are allowed "
                       "between the dots",
                       c);
    }

    return mp_fail(err, MP_INVALID, MP_FIELD,
                   "has a blank or a control character in it; letters, "
                   "digits, - and _ are allowed between the dots");
}


static enum mp_status
mp_label_check(const char *label, size_t len, struct mp_error *err)
{
    if (len == 0) {
        return mp_fail(err, MP_INVALID, MP_FIELD,
                       "has two dots in a row; a label of 1 to %d characters "
                       "stands between dots",
                       MP_LABEL_MAX);
    }

    for (size_t i = 0; i < len; i++) {
        if (!mp_is_ldh(label[i])) {
            return mp_character_fail(err, label[i]);
        }
    }

    if (len > MP_LABEL_MAX) {
        return mp_fail(err, MP_INVALID, MP_FIELD,
                       "has a label of %zu characters; at most %d are allowed",
                       len, MP_LABEL_MAX);
    }

    if (label[0] == '-' || label[len - 1] == '-') {
        return mp_fail(err, MP_INVALID, MP_FIELD,
                       "has a label that begins or ends with a hyphen; it may "
                       "only stand inside");
    }

    return MP_OK;
}


static enum mp_status
mp_domain_check(const struct mp_domain *domain, struct mp_error *err)
{
    const char *label = domain->text;
    const char *end = domain->text + domain->len;
    const char *dot = label;
    enum mp_status status;

    while (dot != NULL) {
        dot = memchr(label, '.', (size_t) (end - label));

        status = mp_label_check(
            label, (size_t) ((dot != NULL ? dot : end) - label), err);
        if (status != MP_OK) {
            return status;
        }

        if (dot != NULL) {
            label = dot + 1;
        }
    }

    /* no top-level domain is all digits (RFC 3696), but IPv4 addresses are */
    if (strspn(label, "0123456789") == (size_t) (end - label)) {
        return mp_fail(err, MP_INVALID, MP_FIELD,
                       "is an address, not a domain");
    }

    if (label == domain->text) {
        return mp_fail(err, MP_INVALID, MP_FIELD,
                       "is a name of one label; a mail domain has two or "
                       "more, as example.com");
    }

    return MP_OK;
}


static enum mp_status
mp_idn_fail(struct mp_error *err, int rc, size_t len)
{
    switch (rc) {
    case IDN2_MALLOC:
        return mp_fail(err, MP_INTERNAL, MP_FIELD, "there is no memory left");
    case IDN2_ENCODING_ERROR:
        return mp_fail(err, MP_INVALID, MP_FIELD, "is not valid UTF-8");
    case IDN2_TOO_BIG_DOMAIN:
        return mp_fail(err, MP_INVALID, MP_FIELD,
                       "is too long (%zu bytes); a domain has at most %d", len,
                       MP_DOMAIN_MAX);
    default:
        return mp_fail(err, MP_INVALID, MP_FIELD,
                       "is not a valid international name: %s",
                       idn2_strerror(rc));
    }
}


enum mp_status
mp_domain_parse(struct mp_domain *domain_r, const char *text, size_t len,
                struct mp_error *err)
{
    struct mp_domain domain;
    const char *other;
    enum mp_status status;
    int rc;

    mp_trim(&text, &len);

    other = mp_domain_other(text, len);
    if (other != NULL) {
        return mp_fail(err, MP_INVALID, MP_FIELD, "%s", other);
    }

    if (len > MP_DOMAIN_RAW) {
        return mp_idn_fail(err, IDN2_TOO_BIG_DOMAIN, len);
    }

    if (memchr(text, '\0', len) != NULL) {
        return mp_character_fail(err, '\0');
    }

    rc = mp_domain_ascii(&domain, text, len, false);
    if (rc != IDN2_OK) {
        return mp_idn_fail(err, rc, len);
    }

    status = mp_domain_check(&domain, err);
    if (status == MP_OK) {
        *domain_r = domain;
    }

    return status;
}


/* [192.0.2.1] or [ipv6:2001:db8::1]: nothing else can be in the brackets. */
static bool
mp_literal_fold(struct mp_domain *domain_r, const char *text, size_t len)
{
    if (len < 3 || len > MP_DOMAIN_MAX || text[len - 1] != ']') {
        return false;
    }

    for (size_t i = 0; i < len; i++) {
        char c = mp_lower(text[i]);

        if (i > 0 && i < len - 1 && !mp_is_ldh(c) && c != ':' && c != '.') {
            return false;
        }

        domain_r->text[i] = c;
    }

    domain_r->text[len] = '\0';
    domain_r->len = len;

    return true;
}


/*
 * Hyphens may stand anywhere: a name that breaks that rule still has parent
 * domains.
 */
static bool
mp_is_folded(const struct mp_domain *domain)
{
    size_t label = 0;

    for (size_t i = 0; i < domain->len; i++) {
        if (domain->text[i] == '.') {
            if (label == 0) {
                return false;
            }

            label = 0;
            continue;
        }

        if (!mp_is_ldh(domain->text[i]) || ++label > MP_LABEL_MAX) {
            return false;
        }
    }

    return label > 0;
}


void
mp_domain_fold(struct mp_domain *domain_r, const char *text, size_t len)
{
    mp_trim(&text, &len);

    if (len > 0 && text[0] == '[') {
        if (mp_literal_fold(domain_r, text, len)) {
            return;
        }

    } else if (len > 0 && len <= MP_DOMAIN_RAW
               && memchr(text, '\0', len) == NULL
               && mp_domain_ascii(domain_r, text, len, true) == IDN2_OK
               && mp_is_folded(domain_r))
    {
        return;
    }

    domain_r->text[0] = '\0';
    domain_r->len = 0;
}


unsigned int
mp_domain_suffixes(const struct mp_domain *domain,
                   unsigned char start_r[MP_DOMAIN_LABELS])
{
    unsigned int count = 0;

    if (domain->len == 0) {
        return 0;
    }

    start_r[count++] = 0;

    if (domain->text[0] == '[') {
        return count;
    }

    for (size_t i = 0; i + 1 < domain->len && count < MP_DOMAIN_LABELS; i++) {
        if (domain->text[i] == '.') {
            start_r[count++] = (unsigned char) (i + 1);
        }
    }

    return count;
}
