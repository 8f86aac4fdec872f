/*
 * Any bytes as an entry of the settings' history, its id and then a name or a
 * value a line.  The hash is made right first where a document can be read, or
 * nothing would get beyond it; what is taken is published as the same.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mp_settings_json.h"
#include "mp_settings_log.h"

#define TEXTS 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


static enum mp_status
parse(struct mp_version *version_r, redisReply *text, size_t count,
      struct mp_error *err)
{
    redisReply *element[TEXTS], *two[2];
    redisReply fields = { .type = REDIS_REPLY_ARRAY, .element = element + 1 };
    redisReply entry = { .type = REDIS_REPLY_ARRAY, .elements = 2 };

    for (size_t i = 0; i < count; i++) {
        element[i] = &text[i];
    }

    fields.elements = count - 1;
    two[0] = element[0];
    two[1] = &fields;
    entry.element = two;

    return mp_version_parse(version_r, &entry, err);
}


/* As who publishes it writes it, what stands in the text of a stranger. */
static void
publish(const struct mp_version *version)
{
    struct mp_version back;
    struct mp_cmd cmd;
    redisReply text[TEXTS] = { 0 };
    size_t first, count = 0;

    mp_cmd_init(&cmd);
    mp_version_command(&cmd, version);
    must(mp_cmd_argv(&cmd) != NULL);
    first = version->number > 1 ? 3 : 2;

    for (size_t i = first; i < cmd.argc; i++) {
        text[count].type = REDIS_REPLY_STRING;
        text[count].str = strndup(cmd.argv[i], cmd.lens[i]);
        text[count].len = cmd.lens[i];
        must(text[count].str != NULL);
        count++;
    }

    must(parse(&back, text, count, NULL) == MP_OK);
    must(back.number == version->number);
    must(mp_settings_equal(&back.set, &version->set));
    must(strcmp(back.actor, version->actor) == 0);

    while (count > 0) {
        free(text[--count].str);
    }

    mp_cmd_free(&cmd);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = strndup((const char *) data, size), *at = copy, *doc;
    redisReply text[TEXTS] = { 0 };
    struct mp_error err = { "", "" };
    struct mp_version version;
    size_t count = 0;

    must(copy != NULL);

    while (at != NULL && count < TEXTS) {
        text[count].type = REDIS_REPLY_STRING;
        text[count].str = strsep(&at, "\n");
        text[count].len = strlen(text[count].str);
        count++;
    }

    if (parse(&version, text, count, &err) == MP_OK) {
        publish(&version);
    } else {
        must(err.text[0] != '\0');
    }

    /* the first line alone, as what an administrator wrote */
    doc = text[0].str;
    memset(&version, 0, sizeof(version));

    if (mp_settings_load(&version.set, doc, strlen(doc), NULL) == MP_OK) {
        memcpy(version.epoch, "00112233445566778899aabbccddeeff", 33);
        memcpy(version.at, "2026-01-31T12:00:00Z", 21);
        memcpy(version.actor, "admin", 6);
        memcpy(version.request_id, "00112233445566778899aabbccddeeff", 33);
        mp_version_seal(&version, NULL);
        publish(&version);
    }

    free(copy);

    return 0;
}
