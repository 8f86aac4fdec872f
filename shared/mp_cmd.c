#include "mp_cmd.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MP_CMD_BYTES 256
#define MP_CMD_ARGS  8


void
mp_cmd_init(struct mp_cmd *cmd)
{
    memset(cmd, 0, sizeof(*cmd));
    cmd->ok = true;
}


void
mp_cmd_free(struct mp_cmd *cmd)
{
    free(cmd->bytes);
    free(cmd->lens);
    free(cmd->argv);
    mp_cmd_init(cmd);
}


void
mp_cmd_reset(struct mp_cmd *cmd)
{
    cmd->used = 0;
    cmd->argc = 0;
    cmd->ok = true;
}


static bool
mp_cmd_grow_bytes(struct mp_cmd *cmd, size_t need)
{
    size_t size = cmd->size == 0 ? MP_CMD_BYTES : cmd->size;
    char *bytes;

    if (need <= cmd->size) {
        return true;
    }

    while (size < need) {
        size = size > SIZE_MAX / 2 ? need : size * 2;
    }

    bytes = realloc(cmd->bytes, size);
    if (bytes == NULL) {
        return false;
    }

    cmd->bytes = bytes;
    cmd->size = size;

    return true;
}


static bool
mp_cmd_grow_args(struct mp_cmd *cmd)
{
    size_t room = cmd->room == 0 ? MP_CMD_ARGS : cmd->room * 2;
    size_t *lens;
    const char **argv;

    if (cmd->argc < cmd->room) {
        return true;
    }

    if (room > SIZE_MAX / sizeof(size_t) / 2) {
        return false;
    }

    lens = realloc(cmd->lens, room * sizeof(*lens));
    if (lens == NULL) {
        return false;
    }

    cmd->lens = lens;

    argv = realloc(cmd->argv, room * sizeof(*argv));
    if (argv == NULL) {
        return false;
    }

    cmd->argv = argv;
    cmd->room = room;

    return true;
}


void
mp_cmd_add(struct mp_cmd *cmd, const void *bytes, size_t len)
{
    if (!cmd->ok) {
        return;
    }

    if (len >= SIZE_MAX - cmd->used
        || !mp_cmd_grow_bytes(cmd, cmd->used + len + 1)
        || !mp_cmd_grow_args(cmd))
    {
        cmd->ok = false;
        return;
    }

    if (len != 0) {
        memcpy(cmd->bytes + cmd->used, bytes, len);
    }

    /* a NUL after each, so that an argument can be printed */
    cmd->bytes[cmd->used + len] = '\0';
    cmd->used += len + 1;
    cmd->lens[cmd->argc++] = len;
}


void
mp_cmd_text(struct mp_cmd *cmd, const char *text)
{
    mp_cmd_add(cmd, text, strlen(text));
}


void
mp_cmd_number(struct mp_cmd *cmd, long long value)
{
    char text[32];

    (void) snprintf(text, sizeof(text), "%lld", value);
    mp_cmd_text(cmd, text);
}


void
mp_cmd_texts(struct mp_cmd *cmd, ...)
{
    const char *text;
    va_list args;

    va_start(args, cmd);

    for (text = va_arg(args, const char *); text != NULL;
         text = va_arg(args, const char *))
    {
        mp_cmd_text(cmd, text);
    }

    va_end(args);
}


const char **
mp_cmd_argv(struct mp_cmd *cmd)
{
    const char *next = cmd->bytes;

    if (!cmd->ok) {
        return NULL;
    }

    /* only now: the block may have moved with every addition */
    for (size_t i = 0; i < cmd->argc; i++) {
        cmd->argv[i] = next;
        next += cmd->lens[i] + 1;
    }

    return cmd->argv;
}
