/* Where a password of an administrator comes from. */

#include "ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <sodium.h>

#include "mp_password.h"

/* 32 characters that nobody takes for another: five bits each */
static const char ctl_letters[] = "abcdefghijkmnpqrstuvwxyz23456789";

#define CTL_GROUPS 4
#define CTL_GROUP  6 /* 4 x 6 x 5 bits: 120 */


static void
ctl_password_make(char password_r[CTL_PASSWORD_SIZE])
{
    char *p = password_r;

    for (int i = 0; i < CTL_GROUPS * CTL_GROUP; i++) {
        if (i > 0 && i % CTL_GROUP == 0) {
            *p++ = '-';
        }

        *p++ = ctl_letters[randombytes_uniform(sizeof(ctl_letters) - 1)];
    }

    *p = '\0';
}


/* Reads a line of a person without showing it. */
static char *
ctl_line_hidden(char *line, int size)
{
    struct termios shown, hidden;
    bool terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
    char *got;

    if (terminal) {
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t) ECHO;
        (void) fputs("New password: ", stderr);
        (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }

    got = fgets(line, size, stdin);

    if (terminal) {
        (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        (void) fputc('\n', stderr);
    }

    return got;
}


static enum mp_status
ctl_password_line(const char *path, char *line, int size, struct mp_error *err)
{
    FILE *file;
    char *got;

    if (strcmp(path, "-") == 0) {
        got = ctl_line_hidden(line, size);
        path = "standard input";

    } else {
        file = fopen(path, "re");
        if (file == NULL) {
            return mp_fail(err, MP_INVALID, "password_file", "%s: %s", path,
                           strerror(errno));
        }

        got = fgets(line, size, file);
        (void) fclose(file);
    }

    if (got == NULL) {
        return mp_fail(err, MP_INVALID, "password_file",
                       "%s: there is no line in it", path);
    }

    line[strcspn(line, "\r\n")] = '\0';

    return MP_OK;
}


enum mp_status
ctl_password(const struct ctl_args *args, char password_r[CTL_PASSWORD_SIZE],
             struct mp_error *err)
{
    /* longer than what is allowed, so that nothing is cut unseen */
    char line[CTL_PASSWORD_SIZE * 2];
    enum mp_status status;

    if (args->password_file == NULL) {
        ctl_password_make(password_r);
        return MP_OK;
    }

    status = ctl_password_line(args->password_file, line, sizeof(line), err);
    if (status == MP_OK) {
        status = mp_password_check(line, strlen(line), err);
    }

    if (status == MP_OK) {
        memcpy(password_r, line, strlen(line) + 1);
    }

    sodium_memzero(line, sizeof(line));

    return status;
}
