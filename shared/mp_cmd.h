#ifndef MP_CMD_H
#define MP_CMD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A Redis command under construction: an argument vector for
 * redisCommandArgv() and redisAsyncCommandArgv(), never a format string.
 *
 * The caller owns it.  Arguments are copied into one growing block, so that
 * nothing needs to outlive the call that added it.  A failure (no memory) is
 * remembered: ok is false, and later additions do nothing.
 */
struct mp_cmd {
    char *bytes;
    size_t used;
    size_t size;
    size_t *lens;
    size_t argc;
    size_t room;
    const char **argv; /* valid after mp_cmd_argv() */
    bool ok;
};

void mp_cmd_init(struct mp_cmd *cmd);
void mp_cmd_free(struct mp_cmd *cmd);

/* Forgets the arguments and keeps the memory. */
void mp_cmd_reset(struct mp_cmd *cmd);

void mp_cmd_add(struct mp_cmd *cmd, const void *bytes, size_t len);
void mp_cmd_text(struct mp_cmd *cmd, const char *text);
void mp_cmd_number(struct mp_cmd *cmd, long long value);

/* Several texts, the last argument is NULL: mp_cmd_texts(cmd, "GET", k, NULL) */
void mp_cmd_texts(struct mp_cmd *cmd, ...) __attribute__((sentinel));

/*
 * The vector, lent until the next change of cmd; NULL when cmd->ok is false.
 * The lengths are cmd->lens, the count is cmd->argc.
 */
const char **mp_cmd_argv(struct mp_cmd *cmd);

#endif
