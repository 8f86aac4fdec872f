/*
 * Any bytes as the argument of MAIL FROM and as the macro {mail_addr}: the
 * domain is empty or in its one form, and stays what it is when it is asked
 * for again.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mp_address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAME    "abcdefghijklmnopqrstuvwxyz0123456789-_."
#define LITERAL NAME ":"


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


static void
check_name(const struct mp_domain *domain)
{
    const char *label = domain->text;
    size_t len;

    must(strspn(label, NAME) == domain->len);

    for (;;) {
        len = strcspn(label, ".");
        must(len >= 1 && len <= 63);

        if (label[len] == '\0') {
            return;
        }

        label += len + 1;
    }
}


static void
check_literal(const struct mp_domain *domain)
{
    must(domain->len >= 3);
    must(strspn(domain->text + 1, LITERAL) == domain->len - 2);
    must(domain->text[domain->len - 1] == ']');
}


static void
check_suffixes(const struct mp_domain *domain)
{
    unsigned char start[MP_DOMAIN_LABELS];
    unsigned int count = mp_domain_suffixes(domain, start);

    must(count >= 1 && start[0] == 0);

    for (unsigned int i = 1; i < count; i++) {
        must(start[i] > start[i - 1] && start[i] < domain->len);
        must(domain->text[start[i] - 1] == '.');
    }
}


static void
check(const struct mp_domain *domain)
{
    struct mp_domain again;
    char address[3 + MP_DOMAIN_MAX] = "a@";

    must(domain->len <= MP_DOMAIN_MAX);
    must(strlen(domain->text) == domain->len);

    if (domain->len == 0) {
        return;
    }

    if (domain->text[0] == '[') {
        check_literal(domain);

    } else {
        check_name(domain);
    }

    check_suffixes(domain);

    mp_domain_fold(&again, domain->text, domain->len);
    must(again.len == domain->len && strcmp(again.text, domain->text) == 0);

    memcpy(address + 2, domain->text, domain->len);
    mp_address_domain(&again, NULL, 0, address, 2 + domain->len);
    must(strcmp(again.text, domain->text) == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mp_domain domain, entry;
    const char *text = (const char *) data;

    mp_address_domain(&domain, NULL, 0, text, size);
    check(&domain);

    mp_address_domain(&domain, text, size, "<a@other.example>", 17);
    check(&domain);

    mp_domain_fold(&domain, text, size);
    check(&domain);

    /* an entry meets the senders that are written as it was */
    if (mp_domain_parse(&entry, text, size, NULL) == MP_OK) {
        check(&entry);
        must(strcmp(entry.text, domain.text) == 0);
    }

    return 0;
}
