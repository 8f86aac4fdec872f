/* What mailportal-ctl writes to its standard output. */

#include "ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


static bool
ctl_is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f;
}


void
ctl_print(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char) *text;

        if (ctl_is_plain(c)) {
            (void) fputc(c, to);
        } else {
            (void) fprintf(to, "\\x%02x", c);
        }
    }
}


/* Columns that ctl_print() takes for a text. */
static size_t
ctl_width(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++) {
        width += ctl_is_plain((unsigned char) *text) ? 1 : 4;
    }

    return width;
}


void
ctl_table_init(struct ctl_table *table, size_t columns)
{
    memset(table, 0, sizeof(*table));
    table->columns = columns;
}


void
ctl_table_add(struct ctl_table *table, const char *fmt, ...)
{
    char text[1024];
    va_list args;

    if (table->count == table->room) {
        size_t room = table->room == 0 ? 64 : table->room * 2;
        char **cells = realloc(table->cells, room * sizeof(*cells));

        if (cells == NULL) {
            (void) fputs("mailportal-ctl: no memory\n", stderr);
            exit(mp_status_exit(MP_INTERNAL));
        }

        table->cells = cells;
        table->room = room;
    }

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    table->cells[table->count] = strdup(text);
    if (table->cells[table->count] == NULL) {
        (void) fputs("mailportal-ctl: no memory\n", stderr);
        exit(mp_status_exit(MP_INTERNAL));
    }

    table->count++;
}


static size_t
ctl_column_width(const struct ctl_table *table, size_t column)
{
    size_t widest = 0;

    for (size_t i = column; i < table->count; i += table->columns) {
        size_t width = ctl_width(table->cells[i]);

        if (width > widest) {
            widest = width;
        }
    }

    return widest;
}


void
ctl_table_print(const struct ctl_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        size_t column = i % table->columns;
        size_t pad;

        ctl_print(stdout, table->cells[i]);

        if (column + 1 == table->columns) {
            (void) putchar('\n');
            continue;
        }

        pad = ctl_column_width(table, column) - ctl_width(table->cells[i]) + 2;
        (void) printf("%*s", (int) pad, "");
    }
}


void
ctl_table_free(struct ctl_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->cells[i]);
    }

    free(table->cells);
}


enum mp_status
ctl_print_json(struct mp_json *json, struct mp_error *err)
{
    bool ok = json->ok;

    if (ok) {
        (void) fwrite(json->bytes, 1, json->len, stdout);
        (void) putchar('\n');
    }

    mp_json_free(json);

    return ok ? MP_OK : mp_fail(err, MP_INTERNAL, "", "no memory");
}
