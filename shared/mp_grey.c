#include "mp_grey.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "mp_cidr.h"

#define MP_GREY_BYTES 16
#define MP_GREY_TEXT  320 /* a longer address is cut */


static char
mp_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}


/* In lower case and without brackets and blanks. */
static size_t
mp_grey_address(char text_r[MP_GREY_TEXT], const char *address)
{
    size_t len = 0;

    for (; *address != '\0' && len < MP_GREY_TEXT - 1; address++) {
        if (strchr("<> \t", *address) == NULL) {
            text_r[len++] = mp_lower(*address);
        }
    }

    text_r[len] = '\0';

    return len;
}


/*
 * Mailing lists and bounce tags (VERP, BATV, SRS) put numbers and codes into
 * the local part, so that no message would ever come a second time.
 */
static void
mp_grey_sender(char text_r[MP_GREY_TEXT], const char *address)
{
    char text[MP_GREY_TEXT];
    size_t len = mp_grey_address(text, address);
    char *at = strrchr(text, '@');
    size_t local = at != NULL ? (size_t) (at - text) : len;
    size_t used = 0;
    bool digits = false;

    if (strncmp(text, "prvs=", 5) == 0) {
        memset(text, '0', 5);

        for (size_t i = 5; i < local && text[i] != '='; i++) {
            text[i] = '0';
        }
    }

    for (size_t i = 0; i < len; i++) {
        if (i < local && text[i] == '+') {
            i = local;
        }

        if (i < local && text[i] >= '0' && text[i] <= '9') {
            if (!digits) {
                text_r[used++] = '#';
            }

            digits = true;
            continue;
        }

        digits = false;

        if (i < len) {
            text_r[used++] = text[i];
        }
    }

    text_r[used] = '\0';
}


static int
mp_grey_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}


static void
mp_grey_hash(crypto_generichash_state *state, const char *text)
{
    /* with its NUL, so that two texts are not one */
    (void) crypto_generichash_update(state, (const unsigned char *) text,
                                     strlen(text) + 1);
}


bool
mp_grey_name(char hex_r[MP_GREY_HEX], const struct mp_grey *grey)
{
    crypto_generichash_state state;
    unsigned char hash[MP_GREY_BYTES];
    char text[MP_GREY_TEXT];
    char(*rcpts)[MP_GREY_TEXT] = calloc(grey->rcpt_count + 1, sizeof(*rcpts));

    if (rcpts == NULL) {
        return false;
    }

    (void) crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    mp_grey_hash(&state, grey->secret);

    mp_cidr_site(text, sizeof(text), grey->client);
    mp_grey_hash(&state, text);

    mp_grey_sender(text, grey->sender);
    mp_grey_hash(&state, text);

    for (size_t i = 0; i < grey->rcpt_count; i++) {
        (void) mp_grey_address(rcpts[i], grey->rcpts[i]);
    }

    qsort(rcpts, grey->rcpt_count, sizeof(*rcpts), mp_grey_compare);

    for (size_t i = 0; i < grey->rcpt_count; i++) {
        mp_grey_hash(&state, rcpts[i]);
    }

    (void) crypto_generichash_final(&state, hash, sizeof(hash));
    (void) sodium_bin2hex(hex_r, MP_GREY_HEX, hash, sizeof(hash));
    free(rcpts);

    return true;
}


int64_t
mp_grey_left(const char *first, int64_t now_msecs, int64_t delay_msecs)
{
    int64_t since = 0;
    size_t len = strspn(first, "0123456789");

    if (len == 0 || len > 15 || first[len] != '\0') {
        return 0;
    }

    for (size_t i = 0; i < len; i++) {
        since = since * 10 + (first[i] - '0');
    }

    if (since > now_msecs || now_msecs - since >= delay_msecs) {
        return 0;
    }

    return delay_msecs - (now_msecs - since);
}
