/*
 * mailportal-ctl: the operator's tool.  The table of commands, the command
 * line and the configuration file.
 */

#include "ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <sodium.h>

#include "mp_conf.h"

#define CTL_CONF     "/etc/mailportal/ctl.conf"
#define CTL_CONF_MAX (64u << 10)

enum {
    CTL_JSON = 1,
    CTL_ROLE = 2,
    CTL_PASSWORD = 4,
    CTL_LIMIT = 8,
    CTL_ANEW = 16,
    CTL_UNCHECKED = 32, /* no option: also an unsafe Redis is talked to */
};

struct ctl_command {
    const char *words;   /* as on the command line, one or two */
    const char *operand; /* "[X]" may be missing */
    ctl_run *run;
    unsigned int options;
    const char *help;
};

/* clang-format off */
static const struct ctl_command ctl_commands[] = {
    { "init", NULL, ctl_init, CTL_ANEW,
      "Create the first version of the settings and the lists, unless they "
      "are there." },
    { "admin add", "NAME", ctl_admin_add,
      CTL_ROLE | CTL_PASSWORD | CTL_JSON,
      "Create an administrator." },
    { "admin list", NULL, ctl_admin_list, CTL_JSON,
      "List the administrators." },
    { "admin reset", "NAME", ctl_admin_reset, CTL_PASSWORD | CTL_JSON,
      "Give an administrator a new password, and end the sessions." },
    { "admin disable", "NAME", ctl_admin_disable, 0,
      "Refuse an administrator's sign-in, and end the sessions." },
    { "admin enable", "NAME", ctl_admin_enable, 0,
      "Let an administrator sign in again." },
    { "admin remove", "NAME", ctl_admin_remove, 0,
      "Remove an administrator, and end the sessions." },
    { "nodes", NULL, ctl_nodes, CTL_JSON,
      "Show what each node has in force." },
    { "jobs", "[ID]", ctl_jobs, CTL_JSON | CTL_LIMIT,
      "Show the newest jobs and how far they are, or one with its "
      "failures." },
    { "versions", NULL, ctl_versions, CTL_JSON | CTL_LIMIT,
      "Show the versions of the settings: who, when and what." },
    { "check", NULL, ctl_check, CTL_JSON | CTL_UNCHECKED,
      "Say whether Redis is safe and who may do what in it." },
    { NULL, NULL, NULL, 0, NULL },
};

static const struct mp_conf_row ctl_conf_rows[] = {
    { "redis", "unix:/run/redis/redis.sock", "Socket of Redis.",
      MP_CONF_TEXT, offsetof(struct ctl_conf, redis) },
    { "redis_user", "mp-ops", "User in Redis.",
      MP_CONF_TEXT, offsetof(struct ctl_conf, redis_user) },
    { "redis_password_file", "/etc/mailportal/redis-mp-ops.pw",
      "File with the user's password.",
      MP_CONF_TEXT, offsetof(struct ctl_conf, redis_password_file) },
    { "redis_timeout", "5s", "Longest wait for an answer.",
      MP_CONF_MSECS, offsetof(struct ctl_conf, redis_timeout) },
    { NULL, NULL, NULL, MP_CONF_TEXT, 0 },
};

/* value is a letter, or above all letters: which row of the help it is. */
static const struct ctl_option {
    struct option option;
    const char *argument;
    unsigned int command; /* which commands take it; 0 for all */
    const char *help;
} ctl_options[] = {
    { { "config", 1, NULL, 'c' }, "FILE", 0,
      "configuration file [" CTL_CONF "]" },
    { { "redis", 1, NULL, 1000 }, "SOCKET", 0,
      "unix:PATH or ADDRESS:PORT of Redis" },
    { { "redis-user", 1, NULL, 1001 }, "NAME", 0, "user in Redis" },
    { { "redis-password-file", 1, NULL, 1002 }, "FILE", 0,
      "file with the password of that user" },
    { { "role", 1, NULL, 1003 }, "ROLE", CTL_ROLE,
      "master (a MasterAdmin, the default) or domain (a DomainAdmin)" },
    { { "password-file", 1, NULL, 1004 }, "FILE", CTL_PASSWORD,
      "first line is the password, - reads standard input; without it a "
      "new password is made and shown once" },
    { { "limit", 1, NULL, 1005 }, "N", CTL_LIMIT,
      "how many of them, 1 to 1000 [20]" },
    { { "anew", 0, NULL, 1006 }, NULL, CTL_ANEW,
      "begin anew although nodes have something in force" },
    { { "json", 0, NULL, 1007 }, NULL, CTL_JSON, "print JSON" },
    { { "help", 0, NULL, 'h' }, NULL, 0, "show this text" },
    { { "version", 0, NULL, 'V' }, NULL, 0, "show the version" },
};
/* clang-format on */

#define CTL_OPTIONS (sizeof(ctl_options) / sizeof(*ctl_options))

/* A command line as it was read. */
struct ctl_line {
    const char *config;
    const char *redis[3]; /* for the first rows of ctl_conf_rows */
    unsigned int given;   /* options of commands */
    bool help;
    bool version;
    bool wrong; /* getopt has said what */
};


static int
ctl_usage(const char *text, const char *what)
{
    (void) fprintf(stderr, "mailportal-ctl: %s%s\n", text, what);
    (void) fputs("Try: mailportal-ctl --help\n", stderr);

    return EX_USAGE;
}


static void
ctl_help_options(unsigned int options)
{
    (void) puts("\nOptions:");

    for (size_t i = 0; i < CTL_OPTIONS; i++) {
        const struct ctl_option *row = &ctl_options[i];
        char form[64];
        char letter[8] = "    ";

        if (row->command != 0 && (row->command & options) == 0) {
            continue;
        }

        if (row->option.val < 128) {
            (void) snprintf(letter, sizeof(letter), "-%c, ", row->option.val);
        }

        (void) snprintf(form, sizeof(form), "%s--%s%s%s", letter,
                        row->option.name, row->argument != NULL ? " " : "",
                        row->argument != NULL ? row->argument : "");
        (void) printf("  %-32s %s\n", form, row->help);
    }
}


static void
ctl_help(void)
{
    (void) puts("usage: mailportal-ctl [OPTION]... COMMAND\n\n"
                "Sets up and shows the state of a mail portal.\n\n"
                "Commands:");

    for (const struct ctl_command *row = ctl_commands; row->words != NULL;
         row++) {
        char form[64];

        (void) snprintf(form, sizeof(form), "%s%s%s", row->words,
                        row->operand != NULL ? " " : "",
                        row->operand != NULL ? row->operand : "");
        (void) printf("  %-20s %s\n", form, row->help);
    }

    ctl_help_options(0);
    (void) puts("\nmailportal-ctl COMMAND --help shows a command's options.");
}


static void
ctl_help_command(const struct ctl_command *row)
{
    (void) printf("usage: mailportal-ctl %s%s%s [OPTION]...\n\n%s\n",
                  row->words, row->operand != NULL ? " " : "",
                  row->operand != NULL ? row->operand : "", row->help);
    ctl_help_options(row->options);
}


static bool
ctl_number(unsigned int *number_r, const char *text, unsigned int max)
{
    char *end;
    unsigned long number;

    if (text[0] < '0' || text[0] > '9') {
        return false;
    }

    errno = 0;
    number = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || number < 1 || number > max) {
        return false;
    }

    *number_r = (unsigned int) number;

    return true;
}


static void
ctl_line_option(struct ctl_line *line, struct ctl_args *args, int value)
{
    switch (value) {
    case 'c':
        line->config = optarg;
        break;
    case 'h':
        line->help = true;
        break;
    case 'V':
        line->version = true;
        break;
    case 1000:
    case 1001:
    case 1002:
        line->redis[value - 1000] = optarg;
        break;
    case 1003:
        args->role = optarg;
        break;
    case 1004:
        args->password_file = optarg;
        break;
    case 1005:
        if (!ctl_number(&args->limit, optarg, 1000)) {
            (void) fputs("mailportal-ctl: --limit must be 1 to 1000\n",
                         stderr);
            line->wrong = true;
        }

        break;
    case 1006:
        args->anew = true;
        break;
    case 1007:
        args->json = true;
        break;
    default:
        line->wrong = true;
        break;
    }
}


/* Options may stand anywhere; what is left are the words and the operand. */
static void
ctl_line_read(struct ctl_line *line, struct ctl_args *args, int argc,
              char **argv)
{
    struct option options[CTL_OPTIONS + 1];
    int value;

    memset(line, 0, sizeof(*line));
    memset(args, 0, sizeof(*args));
    memset(options, 0, sizeof(options));
    args->limit = 20;

    for (size_t i = 0; i < CTL_OPTIONS; i++) {
        options[i] = ctl_options[i].option;
    }

    while ((value = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
        ctl_line_option(line, args, value);

        for (size_t i = 0; i < CTL_OPTIONS; i++) {
            if (ctl_options[i].option.val == value) {
                line->given |= ctl_options[i].command;
            }
        }
    }
}


/* The row whose words are argv's first; *used_r says how many they are. */
static const struct ctl_command *
ctl_command_find(int *used_r, int argc, char **argv)
{
    for (const struct ctl_command *row = ctl_commands; row->words != NULL;
         row++) {
        const char *space = strchr(row->words, ' ');
        size_t first =
            space != NULL ? (size_t) (space - row->words) : strlen(row->words);

        if (argc < 1 || strlen(argv[0]) != first
            || memcmp(argv[0], row->words, first) != 0)
        {
            continue;
        }

        *used_r = space != NULL ? 2 : 1;

        if (space == NULL || (argc > 1 && strcmp(argv[1], space + 1) == 0)) {
            return row;
        }
    }

    return NULL;
}


static enum mp_status
ctl_conf_file(struct ctl_conf *conf, const char *path, struct mp_error *err)
{
    FILE *file = fopen(path != NULL ? path : CTL_CONF, "re");
    char bytes[CTL_CONF_MAX];
    struct mp_error why;
    size_t len;
    bool failed;

    if (file == NULL) {
        /* without a file the defaults and the command line hold */
        return path == NULL && errno == ENOENT
                 ? MP_OK
                 : mp_fail(err, MP_REDIS_UNSAFE, "", "%s: %s",
                           path != NULL ? path : CTL_CONF, strerror(errno));
    }

    len = fread(bytes, 1, sizeof(bytes), file);
    failed = ferror(file) != 0 || len == sizeof(bytes);
    (void) fclose(file);

    if (failed) {
        return mp_fail(err, MP_REDIS_UNSAFE, "", "%s: cannot be read",
                       path != NULL ? path : CTL_CONF);
    }

    if (mp_conf_parse(ctl_conf_rows, conf, bytes, len, &why) != MP_OK) {
        return mp_fail(err, MP_REDIS_UNSAFE, why.field, "%s: %s",
                       path != NULL ? path : CTL_CONF, why.text);
    }

    return MP_OK;
}


static enum mp_status
ctl_conf_read(struct ctl_conf *conf, const struct ctl_line *line,
              struct mp_error *err)
{
    enum mp_status status = mp_conf_default(ctl_conf_rows, conf, err);

    if (status == MP_OK) {
        status = ctl_conf_file(conf, line->config, err);
    }

    for (int i = 0; status == MP_OK && i < 3; i++) {
        if (line->redis[i] != NULL) {
            status = mp_conf_put(ctl_conf_rows, conf, ctl_conf_rows[i].name,
                                 line->redis[i], err);
        }
    }

    return status;
}


static enum mp_status
ctl_run_command(struct ctl *ctl, const struct ctl_command *row,
                struct mp_error *err)
{
    struct mp_redis_options options = {
        .socket = ctl->conf.redis,
        .user = ctl->conf.redis_user,
        .password_file = ctl->conf.redis_password_file,
        .name = "mailportal-ctl",
        .timeout_msecs = ctl->conf.redis_timeout,
        .unchecked = (row->options & CTL_UNCHECKED) != 0,
    };
    enum mp_status status;

    if (sodium_init() < 0) {
        return mp_fail(err, MP_INTERNAL, "", "libsodium does not start");
    }

    ctl->redis = mp_redis_new(&options);
    if (ctl->redis == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    status = row->run(ctl, err);
    mp_redis_free(ctl->redis);

    return status;
}


static bool
ctl_operand_fits(const struct ctl_command *row, int words)
{
    if (row->operand == NULL) {
        return words == 0;
    }

    return words == 1 || (words == 0 && row->operand[0] == '[');
}


static int
ctl_answer(enum mp_status status, const struct mp_error *err)
{
    if (status == MP_OK) {
        if (fflush(stdout) == 0 && ferror(stdout) == 0) {
            return EX_OK;
        }

        (void) fprintf(stderr, "mailportal-ctl: standard output: %s\n",
                       strerror(errno));
        return EX_IOERR;
    }

    (void) fflush(stdout);
    (void) fprintf(stderr, "mailportal-ctl: %s%s", err->field,
                   err->field[0] != '\0' ? ": " : "");
    ctl_print(stderr, err->text);
    (void) fputc('\n', stderr);

    return mp_status_exit(status);
}


int
main(int argc, char **argv)
{
    struct ctl ctl = { 0 };
    struct ctl_line line;
    struct mp_error err = { "", "" };
    const struct ctl_command *row;
    enum mp_status status;
    int used = 0;

    ctl_line_read(&line, &ctl.args, argc, argv);
    argc -= optind;
    argv += optind;

    if (line.wrong) {
        (void) fputs("Try: mailportal-ctl --help\n", stderr);
        return EX_USAGE;
    }

    if (line.version) {
        (void) puts("mailportal-ctl " MP_VERSION);
        return ctl_answer(MP_OK, &err);
    }

    row = ctl_command_find(&used, argc, argv);

    if (line.help) {
        if (row != NULL) {
            ctl_help_command(row);
        } else {
            ctl_help();
        }

        return ctl_answer(MP_OK, &err);
    }

    if (row == NULL) {
        return used == 2 ? ctl_usage("which command of ", argv[0])
             : argc == 0 ? ctl_usage("which command", "")
                         : ctl_usage("there is no such command: ", argv[0]);
    }

    if (!ctl_operand_fits(row, argc - used)) {
        return ctl_usage(argc == used ? "a name is missing after "
                                      : "there are too many words after ",
                         row->words);
    }

    if ((line.given & ~row->options) != 0) {
        return ctl_usage("an option is not one of ", row->words);
    }

    ctl.args.name = argc > used ? argv[used] : NULL;

    status = ctl_conf_read(&ctl.conf, &line, &err);
    if (status == MP_OK) {
        status = ctl_run_command(&ctl, row, &err);
    }

    mp_conf_free(ctl_conf_rows, &ctl.conf);

    return ctl_answer(status, &err);
}
