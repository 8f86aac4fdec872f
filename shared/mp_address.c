#include "mp_address.h"

#include <stdbool.h>
#include <string.h>

/* A piece of a text that somebody else owns. */
struct mp_piece {
    const char *text;
    size_t len;
};


static void
mp_piece_skip(struct mp_piece *piece, size_t len)
{
    piece->text += len;
    piece->len -= len;
}


static const char *
mp_piece_last(const struct mp_piece *piece, int c)
{
    return memrchr(piece->text, c, piece->len);
}


/* Takes what stands in angle brackets; without them all is the address. */
static void
mp_strip_brackets(struct mp_piece *address)
{
    const char *open = mp_piece_last(address, '<');
    const char *close;

    if (open != NULL) {
        mp_piece_skip(address, (size_t) (open - address->text) + 1);
    }

    close = mp_piece_last(address, '>');
    if (close != NULL) {
        address->len = (size_t) (close - address->text);
    }

    while (address->len > 0 && strchr(" \t", address->text[0]) != NULL
           && address->text[0] != '\0')
    {
        mp_piece_skip(address, 1);
    }
}


/* @relay.example,@[IPv6:2001:db8::1]:user@example.com */
static void
mp_strip_route(struct mp_piece *address)
{
    bool literal = false;

    if (address->len == 0 || address->text[0] != '@') {
        return;
    }

    for (size_t i = 0; i < address->len; i++) {
        if (address->text[i] == '[') {
            literal = true;

        } else if (address->text[i] == ']') {
            literal = false;

        } else if (address->text[i] == ':' && !literal) {
            mp_piece_skip(address, i + 1);
            return;
        }
    }
}


/*
 * An address in any form that Postfix takes.  It rewrites site!user only
 * when there is no @.
 */
static struct mp_piece
mp_address_host(struct mp_piece address)
{
    const char *mark;

    mp_strip_brackets(&address);
    mp_strip_route(&address);

    mark = mp_piece_last(&address, '@');
    if (mark != NULL) {
        mp_piece_skip(&address, (size_t) (mark - address.text) + 1);
        return address;
    }

    mark = memchr(address.text, '!', address.len);
    address.len = mark != NULL ? (size_t) (mark - address.text) : 0;

    return address;
}


void
mp_address_domain(struct mp_domain *domain_r, const char *mail_addr,
                  size_t mail_addr_len, const char *raw, size_t raw_len)
{
    struct mp_piece host = { "", 0 };

    if (mail_addr != NULL) {
        host = mp_address_host((struct mp_piece){ mail_addr, mail_addr_len });

    } else if (raw != NULL) {
        host = mp_address_host((struct mp_piece){ raw, raw_len });
    }

    mp_domain_fold(domain_r, host.text, host.len);
}
