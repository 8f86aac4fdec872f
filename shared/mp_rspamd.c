#include "mp_rspamd.h"

#include <string.h>

#include <jansson.h>

#include "mp_verdict.h"

/* Of "-1234.567890": what is longer is no score. */
#define MP_SCORE_DIGITS 32

#define MP_SPAMD_LINE_MAX 512


/*
 * A decimal number without exponent, as the peers write it; strtod() would
 * heed the locale and take hexadecimal, infinity and NaN.
 */
static bool
mp_decimal(double *value_r, const char *text)
{
    double value = 0, unit = 1;
    bool minus = *text == '-';
    size_t digits = 0;

    text += minus || *text == '+';

    for (; *text >= '0' && *text <= '9'; text++, digits++) {
        value = value * 10 + (*text - '0');
    }

    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9'; text++, digits++) {
            unit /= 10;
            value += unit * (*text - '0');
        }
    }

    *value_r = minus ? -value : value;

    return digits > 0 && digits <= MP_SCORE_DIGITS
        && (*text == '\0' || strchr(" \t\r\n;,/", *text) != NULL);
}


enum mp_status
mp_scan_text_parse(struct mp_scan *scan_r, const char *text,
                   struct mp_error *err)
{
    double value;
    int32_t score;

    text += strspn(text, " \t\r\n");

    if (!mp_decimal(&value, text) || !mp_score_parse(&score, value)) {
        return mp_fail(err, MP_INVALID, "score", "is no number");
    }

    scan_r->score = score;
    scan_r->refused = false;

    return MP_OK;
}


/* Whether it was decided before, or in spite of, the score. */
static bool
mp_rspamd_refuses(const json_t *root)
{
    const char *action = json_string_value(json_object_get(root, "action"));
    const json_t *messages = json_object_get(root, "messages");

    return action != NULL && strcmp(action, "reject") == 0
        && (json_is_true(json_object_get(root, "is_skipped"))
            || json_is_string(json_object_get(messages, "smtp_message")));
}


static enum mp_status
mp_rspamd_read(struct mp_scan *scan_r, const json_t *root,
               struct mp_error *err)
{
    const json_t *score = json_object_get(root, "score");
    int32_t hundredths;

    if (!json_is_object(root)) {
        return mp_fail(err, MP_INVALID, "", "is no answer of rspamd");
    }

    if (!json_is_number(score)
        || !mp_score_parse(&hundredths, json_number_value(score)))
    {
        return mp_fail(err, MP_INVALID, "score", "is no number");
    }

    scan_r->score = hundredths;
    scan_r->refused = mp_rspamd_refuses(root);

    return MP_OK;
}


enum mp_status
mp_rspamd_parse(struct mp_scan *scan_r, const char *bytes, size_t len,
                struct mp_error *err)
{
    json_t *root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
    enum mp_status status;

    if (root == NULL) {
        return mp_fail(err, MP_INVALID, "", "is no JSON");
    }

    status = mp_rspamd_read(scan_r, root, err);
    json_decref(root);

    return status;
}


/*
 * "SPAMD/1.1 0 EX_OK", headers, among them "Spam: True ; 1000.0 / 5.0", an
 * empty line.
 */
enum mp_status
mp_spamd_parse(struct mp_scan *scan_r, const char *bytes, size_t len,
               struct mp_error *err)
{
    static const char good[] = "SPAMD/";
    static const char head[] = "Spam:";
    char line[MP_SPAMD_LINE_MAX];
    const char *end = bytes + len;
    bool first = true;

    while (bytes < end) {
        const char *eol = memchr(bytes, '\n', (size_t) (end - bytes));
        size_t size = (size_t) ((eol != NULL ? eol : end) - bytes);

        if (eol == NULL || size >= sizeof(line)) {
            break;
        }

        memcpy(line, bytes, size);
        line[size] = '\0';
        bytes = eol + 1;

        if (first
            && (strncmp(line, good, sizeof(good) - 1) != 0
                || strstr(line, " 0 ") == NULL))
        {
            break;
        }

        first = false;

        if (strncmp(line, head, sizeof(head) - 1) == 0) {
            const char *mark = strchr(line, ';');

            return mp_scan_text_parse(scan_r, mark != NULL ? mark + 1 : "",
                                      err);
        }
    }

    return mp_fail(err, MP_INVALID, "", "is no answer of spamd");
}
