/*
 * Lines as an administrator imports them, into the list and into a simple
 * one; then both answer the same.  A line that begins with + goes to the
 * whitelist, with - it is removed, with = the list goes through its image.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES 256

struct entry {
    struct mp_domain domain;
    enum mp_list_kind kind;
};

struct simple {
    struct entry entry[LINES];
    size_t count;
};

static const unsigned char key[MP_LIST_KEY_SIZE] = "a key of 16 byte";


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


static size_t
simple_index(const struct simple *simple, enum mp_list_kind kind,
             const char *text)
{
    size_t i;

    for (i = 0; i < simple->count; i++) {
        if (simple->entry[i].kind == kind
            && strcmp(simple->entry[i].domain.text, text) == 0)
        {
            break;
        }
    }

    return i;
}


static struct mp_match
simple_find(const struct simple *simple, const char *text)
{
    static const enum mp_list_kind kinds[] = { MP_LIST_WHITE, MP_LIST_BLACK };
    const char *suffix = text;

    for (/* void */; suffix != NULL; suffix = strchr(suffix, '.')) {
        suffix += *suffix == '.';

        for (size_t i = 0; i < 2; i++) {
            if (simple_index(simple, kinds[i], suffix) < simple->count) {
                return (struct mp_match){ kinds[i], (size_t) (suffix - text) };
            }
        }
    }

    return (struct mp_match){ MP_LIST_NONE, 0 };
}


static void
compare(const struct mp_list *list, const struct simple *simple,
        const struct mp_domain *domain)
{
    struct mp_match match = mp_list_find(list, domain, 0);
    struct mp_match wanted = simple_find(simple, domain->text);

    must(match.kind == wanted.kind && match.start == wanted.start);
}


static struct mp_list *
through_image(struct mp_list *list)
{
    size_t len = mp_list_image_size(list);
    unsigned char *bytes = malloc(len);
    struct mp_list *next;

    must(bytes != NULL);
    mp_list_image(list, bytes);
    next = mp_list_from_image(bytes, len);
    must(next != NULL);
    mp_list_free(list);
    free(bytes);

    return next;
}


static void
change(struct mp_list *list, struct simple *simple, enum mp_list_kind kind,
       const struct mp_domain *domain, int removed)
{
    size_t i = simple_index(simple, kind, domain->text);

    if (!removed) {
        must(mp_list_put(list, kind, domain->text, domain->len, 0));
        simple->entry[i] = (struct entry){ *domain, kind };
        simple->count += i == simple->count;

    } else {
        mp_list_del(list, kind, domain->text, domain->len);

        if (i < simple->count) {
            simple->entry[i] = simple->entry[--simple->count];
        }
    }
}


static struct mp_list *
line_read(struct mp_list *list, struct simple *simple, const char *line,
          size_t len)
{
    struct mp_domain domain;
    struct mp_error err = { "", "" };
    enum mp_list_kind kind = MP_LIST_BLACK;
    int mark = len > 0 ? line[0] : 0;

    if (mark == '=') {
        return through_image(list);
    }

    if (mark == '+' || mark == '-') {
        kind = mark == '+' ? MP_LIST_WHITE : MP_LIST_BLACK;
        line++;
        len--;
    }

    if (mp_domain_parse(&domain, line, len, &err) != MP_OK) {
        must(err.text[0] != '\0' && strcmp(err.field, "entry") == 0);
        return list;
    }

    must(domain.len <= MP_DOMAIN_MAX && strlen(domain.text) == domain.len);
    change(list, simple, kind, &domain, mark == '-');
    compare(list, simple, &domain);

    mp_domain_fold(&domain, line, len);
    must(domain.len > 0);
    compare(list, simple, &domain);

    return list;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct simple simple;
    struct mp_list *list = mp_list_new(key, 0);
    const char *line = (const char *) data;
    const char *end = line + size, *next;

    must(list != NULL);
    simple.count = 0;

    for (size_t lines = 0; line < end && lines < LINES; lines++) {
        next = memchr(line, '\n', (size_t) (end - line));
        next = next != NULL ? next : end;
        list = line_read(list, &simple, line, (size_t) (next - line));
        line = next < end ? next + 1 : end;
    }

    for (size_t i = 0; i < simple.count; i++) {
        compare(list, &simple, &simple.entry[i].domain);
    }

    must(mp_list_count(list, MP_LIST_WHITE)
             + mp_list_count(list, MP_LIST_BLACK)
         == simple.count);
    mp_list_free(list);

    return 0;
}
