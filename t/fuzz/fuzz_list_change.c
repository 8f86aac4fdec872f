/*
 * Any bytes as what Redis answers: the reader of hiredis, an entry of the
 * change stream, the list.  What is taken is in its one form, counts add up,
 * and the command that would write the change is read as the same change.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mp_list_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const unsigned char key[MP_LIST_KEY_SIZE] = "a key of 16 byte";


static void
must(int truth)
{
    if (!truth) {
        abort();
    }
}


/*
 * hiredis takes memory for as many elements as a head promises, which is its
 * affair: an array here has four digits at most.
 */
static int
is_modest(const uint8_t *data, size_t size)
{
    const uint8_t *star = data, *end = data + size, *stop;

    for (;;) {
        star = memchr(star, '*', (size_t) (end - star));
        if (star == NULL) {
            return 1;
        }

        stop = memchr(star, '\r', (size_t) (end - star));
        if (stop == NULL || stop - star > 5) {
            return 0;
        }

        star++;
    }
}


/* The entry that Redis would make of a command. */
static redisReply *
entry_of(struct mp_cmd *cmd, size_t first)
{
    redisReader *reader = redisReaderCreate();
    char head[64];
    void *reply = NULL;
    int len;

    must(reader != NULL && mp_cmd_argv(cmd) != NULL);
    len = snprintf(head, sizeof(head), "*2\r\n$3\r\n1-0\r\n*%zu\r\n",
                   cmd->argc - first);
    (void) redisReaderFeed(reader, head, (size_t) len);

    for (size_t i = first; i < cmd->argc; i++) {
        len = snprintf(head, sizeof(head), "$%zu\r\n", cmd->lens[i]);
        (void) redisReaderFeed(reader, head, (size_t) len);
        (void) redisReaderFeed(reader, cmd->argv[i], cmd->lens[i]);
        (void) redisReaderFeed(reader, "\r\n", 2);
    }

    must(redisReaderGetReply(reader, &reply) == REDIS_OK && reply != NULL);
    redisReaderFree(reader);

    return reply;
}


static void
write_and_read(const struct mp_list_change *change)
{
    struct mp_list_change back;
    struct mp_cmd cmd;
    redisReply *entry;

    mp_cmd_init(&cmd);
    mp_list_change_command(&cmd, change, "a", "t", "r");
    entry = entry_of(&cmd, change->op == MP_LIST_INIT ? 6 : 7);

    must(mp_list_change_parse(&back, entry, NULL) == MP_OK);
    must(back.op == change->op && back.kind == change->kind);
    must(back.expires == change->expires);
    must(back.domains_len == change->domains_len);

    if (back.op == MP_LIST_INIT) {
        must(strcmp(back.epoch, change->epoch) == 0);

    } else {
        must(memcmp(back.domains, change->domains, back.domains_len) == 0);
    }

    freeReplyObject(entry);
    mp_cmd_free(&cmd);
}


static void
check(const redisReply *entry)
{
    struct mp_list *list = mp_list_new(key, 0);
    struct mp_list_change change;
    struct mp_error err = { "", "" };
    unsigned int refused = 0;
    size_t count, lines = 1;

    must(list != NULL);

    if (mp_list_change_parse(&change, entry, &err) != MP_OK) {
        must(err.text[0] != '\0');
        mp_list_free(list);
        return;
    }

    must(change.id != NULL);
    must(mp_list_apply(list, &change, &refused));

    for (size_t i = 0; i < change.domains_len; i++) {
        lines += change.domains[i] == '\n';
    }

    count = mp_list_count(list, MP_LIST_WHITE)
          + mp_list_count(list, MP_LIST_BLACK);

    must(refused <= lines && lines <= MP_LIST_BATCH);
    must(change.op == MP_LIST_ADD ? count + refused <= lines : count == 0);
    write_and_read(&change);
    mp_list_free(list);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    redisReader *reader;
    void *reply = NULL;

    if (size == 0 || !is_modest(data, size)) {
        return 0;
    }

    reader = redisReaderCreate();
    must(reader != NULL);

    if (redisReaderFeed(reader, (const char *) data, size) == REDIS_OK) {
        while (redisReaderGetReply(reader, &reply) == REDIS_OK
               && reply != NULL) {
            check(reply);
            freeReplyObject(reply);
            reply = NULL;
        }
    }

    redisReaderFree(reader);

    return 0;
}
