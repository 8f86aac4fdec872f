#include "mp_conf.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct mp_unit {
    const char *name;
    uint64_t factor;
};

static const struct mp_unit mp_time_units[] = {
    { "ms", 1 },      { "s", 1000 },     { "m", 60000 },
    { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 },
};

static const struct mp_unit mp_size_units[] = {
    { "", 1 },         { "k", 1u << 10 }, { "m", 1u << 20 },
    { "g", 1u << 30 }, { NULL, 0 },
};

static const struct mp_unit mp_no_units[] = { { "", 1 }, { NULL, 0 } };

/* A part of the file; not ended by a NUL. */
struct mp_word {
    const char *text;
    size_t len;
};


static bool
mp_word_is(const struct mp_word *word, const char *text)
{
    return word->len == strlen(text)
        && memcmp(word->text, text, word->len) == 0;
}


static bool
mp_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}


static void
mp_word_trim(struct mp_word *word)
{
    while (word->len > 0 && mp_is_blank(word->text[0])) {
        word->text++;
        word->len--;
    }

    while (word->len > 0 && mp_is_blank(word->text[word->len - 1])) {
        word->len--;
    }
}


/* Digits and a unit; false also above max. */
static bool
mp_word_amount(uint64_t *value_r, const struct mp_word *word,
               const struct mp_unit *units, uint64_t max)
{
    uint64_t value = 0;
    size_t i = 0;
    struct mp_word unit;

    while (i < word->len && word->text[i] >= '0' && word->text[i] <= '9') {
        if (value > UINT32_MAX) {
            return false;
        }

        value = value * 10 + (uint64_t) (word->text[i++] - '0');
    }

    unit.text = word->text + i;
    unit.len = word->len - i;

    for (; i > 0 && units->name != NULL; units++) {
        if (mp_word_is(&unit, units->name) && value <= max / units->factor) {
            *value_r = value * units->factor;
            return true;
        }
    }

    return false;
}


static enum mp_status
mp_conf_text(void *place, const struct mp_word *value, struct mp_error *err)
{
    char *text;
    char **place_text = place;

    for (size_t i = 0; i < value->len; i++) {
        unsigned char c = (unsigned char) value->text[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return mp_fail(err, MP_INVALID, "",
                           "must not have control characters");
        }
    }

    text = strndup(value->text, value->len);
    if (text == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    free(*place_text);
    *place_text = text;

    return MP_OK;
}


static enum mp_status
mp_conf_amount(enum mp_conf_type type, void *place,
               const struct mp_word *value, struct mp_error *err)
{
    uint64_t amount = 0;

    if (type == MP_CONF_BYTES) {
        if (!mp_word_amount(&amount, value, mp_size_units, SIZE_MAX / 2)) {
            return mp_fail(err, MP_INVALID, "",
                           "must be a size, as 512, 64k, 10m or 1g");
        }

        *(size_t *) place = (size_t) amount;
        return MP_OK;
    }

    if (type == MP_CONF_MSECS
        && !mp_word_amount(&amount, value, mp_time_units, UINT32_MAX))
    {
        return mp_fail(err, MP_INVALID, "",
                       "must be a time, as 500ms, 5s, 2m, 1h or 7d");
    }

    if (type == MP_CONF_NUMBER
        && !mp_word_amount(&amount, value, mp_no_units, UINT32_MAX))
    {
        return mp_fail(err, MP_INVALID, "",
                       "must be a number from 0 to 4294967295");
    }

    *(unsigned int *) place = (unsigned int) amount;

    return MP_OK;
}


static enum mp_status
mp_conf_bool(void *place, const struct mp_word *value, struct mp_error *err)
{
    if (!mp_word_is(value, "yes") && !mp_word_is(value, "no")) {
        return mp_fail(err, MP_INVALID, "", "must be yes or no");
    }

    *(bool *) place = mp_word_is(value, "yes");

    return MP_OK;
}


/* err->field is left empty; the caller knows the name. */
static enum mp_status
mp_conf_value(const struct mp_conf_row *row, void *conf,
              const struct mp_word *value, struct mp_error *err)
{
    void *place = (char *) conf + row->offset;

    switch (row->type) {
    case MP_CONF_TEXT:
        return mp_conf_text(place, value, err);
    case MP_CONF_BOOL:
        return mp_conf_bool(place, value, err);
    case MP_CONF_NUMBER:
    case MP_CONF_MSECS:
    case MP_CONF_BYTES:
        return mp_conf_amount(row->type, place, value, err);
    }

    return mp_fail(err, MP_INTERNAL, "", "has an unknown type");
}


static const struct mp_conf_row *
mp_conf_find(const struct mp_conf_row *rows, const struct mp_word *name)
{
    for (; rows->name != NULL; rows++) {
        if (mp_word_is(name, rows->name)) {
            return rows;
        }
    }

    return NULL;
}


enum mp_status
mp_conf_put(const struct mp_conf_row *rows, void *conf, const char *name,
            const char *value, struct mp_error *err)
{
    struct mp_word word = { name, strlen(name) };
    const struct mp_conf_row *row = mp_conf_find(rows, &word);
    struct mp_error why;
    enum mp_status status;

    if (row == NULL) {
        return mp_fail(err, MP_INVALID, name, "is not a known name");
    }

    word.text = value;
    word.len = strlen(value);

    status = mp_conf_value(row, conf, &word, &why);
    if (status != MP_OK) {
        return mp_fail(err, status, name, "%s", why.text);
    }

    return MP_OK;
}


enum mp_status
mp_conf_default(const struct mp_conf_row *rows, void *conf,
                struct mp_error *err)
{
    const struct mp_conf_row *row;

    /* so that mp_conf_free() may follow whatever happens */
    for (row = rows; row->name != NULL; row++) {
        if (row->type == MP_CONF_TEXT) {
            *(char **) (void *) ((char *) conf + row->offset) = NULL;
        }
    }

    for (row = rows; row->name != NULL; row++) {
        enum mp_status status;

        if (row->dflt == NULL) {
            continue;
        }

        status = mp_conf_put(rows, conf, row->name, row->dflt, err);
        if (status != MP_OK) {
            return status;
        }
    }

    return MP_OK;
}


/* Cuts the comment: a # that begins the line or follows a blank. */
static void
mp_line_cut(struct mp_word *line)
{
    for (size_t i = 0; i < line->len; i++) {
        if (line->text[i] == '#' && (i == 0 || mp_is_blank(line->text[i - 1])))
        {
            line->len = i;
        }
    }

    mp_word_trim(line);
}


static enum mp_status
mp_conf_line(const struct mp_conf_row *rows, void *conf,
             const struct mp_word *line, bool *seen, unsigned int number,
             struct mp_error *err)
{
    const char *equals = memchr(line->text, '=', line->len);
    const struct mp_conf_row *row;
    struct mp_word name = *line;
    struct mp_word value;
    struct mp_error why;
    enum mp_status status;

    if (equals == NULL) {
        return mp_fail(err, MP_INVALID, "",
                       "line %u: is not of the form name = value", number);
    }

    name.len = (size_t) (equals - line->text);
    value.text = equals + 1;
    value.len = line->len - name.len - 1;
    mp_word_trim(&name);
    mp_word_trim(&value);

    row = mp_conf_find(rows, &name);
    if (row == NULL) {
        return mp_fail(err, MP_INVALID, "", "line %u: has an unknown name",
                       number);
    }

    if (seen[row - rows]) {
        return mp_fail(err, MP_INVALID, row->name,
                       "line %u: is given a second time", number);
    }

    seen[row - rows] = true;

    status = mp_conf_value(row, conf, &value, &why);
    if (status != MP_OK) {
        return mp_fail(err, status, row->name, "line %u: %s", number,
                       why.text);
    }

    return MP_OK;
}


enum mp_status
mp_conf_parse(const struct mp_conf_row *rows, void *conf, const char *bytes,
              size_t len, struct mp_error *err)
{
    bool seen[MP_CONF_ROWS_MAX] = { false };
    const char *end = bytes + len;
    unsigned int number = 0;

    while (bytes < end) {
        const char *eol = memchr(bytes, '\n', (size_t) (end - bytes));
        struct mp_word line = { bytes, 0 };
        enum mp_status status;

        line.len = (size_t) ((eol != NULL ? eol : end) - bytes);
        bytes += line.len + (eol != NULL);
        number++;
        mp_line_cut(&line);

        if (line.len == 0) {
            continue;
        }

        status = mp_conf_line(rows, conf, &line, seen, number, err);
        if (status != MP_OK) {
            return status;
        }
    }

    return MP_OK;
}


void
mp_conf_free(const struct mp_conf_row *rows, void *conf)
{
    for (; rows->name != NULL; rows++) {
        if (rows->type == MP_CONF_TEXT) {
            char **text = (void *) ((char *) conf + rows->offset);

            free(*text);
            *text = NULL;
        }
    }
}
