#include "mp_mail.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mp_net.h"

#define MP_SUBJECT_MAX 200

/*
 * Octets of the text in one encoded word, which may be 75 characters long
 * (RFC 2047), and in one line of base64 (RFC 2045).
 */
#define MP_WORD_OCTETS 45
#define MP_LINE_OCTETS 57

static const char mp_base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct mp_block {
    char *bytes;
    size_t len;
    size_t size;
};


static void
mp_block_add(struct mp_block *block, const char *bytes, size_t len)
{
    if (block->len + len < block->size) {
        memcpy(block->bytes + block->len, bytes, len);
        block->bytes[block->len + len] = '\0';
    }

    /* one that was too long is seen by its length */
    block->len += len;
}


static void
mp_block_text(struct mp_block *block, const char *text)
{
    mp_block_add(block, text, strlen(text));
}


static void
mp_block_base64(struct mp_block *block, const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t three = (uint32_t) bytes[i] << 16
                       | (uint32_t) (n > 1 ? bytes[i + 1] : 0) << 8
                       | (uint32_t) (n > 2 ? bytes[i + 2] : 0);
        char four[4] = { mp_base64[three >> 18], mp_base64[three >> 12 & 63],
                         n > 1 ? mp_base64[three >> 6 & 63] : '=',
                         n > 2 ? mp_base64[three & 63] : '=' };

        mp_block_add(block, four, sizeof(four));
    }
}


/* The length of a piece that does not cut a character of UTF-8. */
static size_t
mp_piece(const char *text, size_t len, size_t most)
{
    size_t n = len < most ? len : most;

    while (n > 0 && n < len && ((unsigned char) text[n] & 0xc0) == 0x80) {
        n--;
    }

    return n > 0 ? n : len < most ? len : most;
}


/* Always encoded: then no character of it means anything to anybody. */
static void
mp_mail_subject(struct mp_block *block, const char *subject)
{
    size_t left = strlen(subject);

    mp_block_text(block, "Subject: ");

    for (const char *from = subject; left > 0;) {
        size_t n = mp_piece(from, left, MP_WORD_OCTETS);

        mp_block_text(block,
                      from != subject ? "\r\n =?UTF-8?B?" : "=?UTF-8?B?");
        mp_block_base64(block, (const unsigned char *) from, n);
        mp_block_text(block, "?=");
        from += n;
        left -= n;
    }

    mp_block_text(block, "\r\n");
}


/* RFC 5322, in UTC; not by strftime(), which speaks the locale's language. */
static void
mp_mail_date(struct mp_block *block, int64_t at)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t when = (time_t) at;
    char line[64];
    struct tm tm;

    if (gmtime_r(&when, &tm) == NULL) {
        return;
    }

    (void) snprintf(line, sizeof(line),
                    "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\r\n",
                    days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
                    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    mp_block_text(block, line);
}


/* In base64: no line of it can end the message or be cut by anybody. */
static enum mp_status
mp_mail_body(struct mp_block *block, const char *text, struct mp_error *err)
{
    size_t len = strlen(text), used = 0;
    unsigned char *body = malloc(2 * len + 1);

    if (body == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char) text[i];

        if (c == '\n') {
            body[used++] = '\r';
            body[used++] = '\n';
        } else {
            body[used++] = (c < ' ' && c != '\t') || c == 0x7f ? ' ' : c;
        }
    }

    for (size_t i = 0; i < used; i += MP_LINE_OCTETS) {
        mp_block_base64(block, body + i,
                        used - i < MP_LINE_OCTETS ? used - i : MP_LINE_OCTETS);
        mp_block_text(block, "\r\n");
    }

    free(body);

    return MP_OK;
}


static bool
mp_mail_is_plain(const char *text, size_t most)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char) text[i] < ' ' || text[i] == 0x7f) {
            return false;
        }
    }

    return len <= most;
}


static enum mp_status
mp_mail_check(const struct mp_mail *mail, struct mp_error *err)
{
    const struct {
        const char *field;
        const char *address;
    } rows[] = { { "from", mail->from }, { "to", mail->to } };
    size_t len = strlen(mail->id);

    for (size_t i = 0; i < 2; i++) {
        if (!mp_mailbox_check(rows[i].address)) {
            return mp_fail(err, MP_INVALID, rows[i].field,
                           "must be a mail address");
        }
    }

    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char) mail->id[i])) {
            len = 0;
        }
    }

    if (len == 0 || len > 64) {
        return mp_fail(err, MP_INVALID, "id",
                       "must be 1 to 64 letters and digits");
    }

    if (!mp_mail_is_plain(mail->subject, MP_SUBJECT_MAX)) {
        return mp_fail(err, MP_INVALID, "subject",
                       "must be at most %d bytes without control characters",
                       MP_SUBJECT_MAX);
    }

    return MP_OK;
}


static enum mp_status
mp_mail_write(struct mp_block *block, const struct mp_mail *mail,
              struct mp_error *err)
{
    enum mp_status status;

    mp_mail_date(block, mail->at);
    mp_block_text(block, "From: mailportal <");
    mp_block_text(block, mail->from);
    mp_block_text(block, ">\r\nTo: <");
    mp_block_text(block, mail->to);
    mp_block_text(block, ">\r\nMessage-ID: <");
    mp_block_text(block, mail->id);
    mp_block_text(block, strrchr(mail->from, '@'));
    mp_block_text(block, ">\r\n");
    mp_mail_subject(block, mail->subject);
    mp_block_text(block, "Auto-Submitted: auto-generated\r\n"
                         "MIME-Version: 1.0\r\n"
                         "Content-Type: text/plain; charset=utf-8\r\n"
                         "Content-Transfer-Encoding: base64\r\n"
                         "\r\n");
    status = mp_mail_body(block, mail->text, err);

    if (status == MP_OK && block->len >= block->size) {
        status = mp_fail(err, MP_INVALID, "text", "is too long");
    }

    return status;
}


enum mp_status
mp_mail_render(char **bytes_r, size_t *len_r, const struct mp_mail *mail,
               struct mp_error *err)
{
    struct mp_block block = { malloc(MP_MAIL_MAX), 0, MP_MAIL_MAX };
    enum mp_status status = mp_mail_check(mail, err);

    if (block.bytes == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    if (status == MP_OK) {
        status = mp_mail_write(&block, mail, err);
    }

    if (status != MP_OK) {
        free(block.bytes);
        return status;
    }

    *bytes_r = block.bytes;
    *len_r = block.len;

    return MP_OK;
}
