/*
 * Any bytes as a configuration file: what is taken can be written down and
 * is read again as the same.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct conf {
    char *text;
    unsigned int number;
    unsigned int wait;
    size_t size;
    bool on;
};

/* clang-format off */
static const struct mp_conf_row rows[] = {
    { "text", "", "", MP_CONF_TEXT, offsetof(struct conf, text) },
    { "number", "0", "", MP_CONF_NUMBER, offsetof(struct conf, number) },
    { "wait", "0s", "", MP_CONF_MSECS, offsetof(struct conf, wait) },
    { "size", "0", "", MP_CONF_BYTES, offsetof(struct conf, size) },
    { "on", "no", "", MP_CONF_BOOL, offsetof(struct conf, on) },
    { NULL, NULL, NULL, MP_CONF_TEXT, 0 },
};
/* clang-format on */


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


static void
check_again(const struct conf *conf)
{
    size_t room = strlen(conf->text) + 256;
    char *bytes = malloc(room);
    struct conf again = { 0 };
    int len;

    must(bytes != NULL);
    len = snprintf(bytes, room,
                   "text=%s\nnumber=%u\nwait=%ums\nsize=%zu\non=%s\n",
                   conf->text, conf->number, conf->wait, conf->size,
                   conf->on ? "yes" : "no");

    /* a size beyond 32 bits has no form without a unit */
    if (conf->size <= UINT32_MAX) {
        must(mp_conf_default(rows, &again, NULL) == MP_OK);
        must(mp_conf_parse(rows, &again, bytes, (size_t) len, NULL) == MP_OK);
        must(strcmp(again.text, conf->text) == 0);
        must(again.number == conf->number && again.wait == conf->wait);
        must(again.size == conf->size && again.on == conf->on);
        mp_conf_free(rows, &again);
    }

    free(bytes);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf conf = { 0 };
    struct mp_error err = { "", "" };
    enum mp_status status;

    must(mp_conf_default(rows, &conf, &err) == MP_OK);
    status = mp_conf_parse(rows, &conf, (const char *) data, size, &err);

    if (status == MP_OK) {
        check_again(&conf);
    } else {
        must(status == MP_INVALID && strncmp(err.text, "line ", 5) == 0);
    }

    mp_conf_free(rows, &conf);

    return 0;
}
