/*
 * mp_schema: prints the four tables, for the reference pages in docs/.
 *
 *     mp_schema settings|redis|errors|actions   Markdown
 *     mp_schema json                            the settings as /schema shows
 */

#include <stdio.h>
#include <string.h>

#include "mp_action.h"
#include "mp_error.h"
#include "mp_key.h"
#include "mp_settings_json.h"

static void
mp_print_choices(const struct mp_setting *s)
{
    const char *const *choice = mp_setting_choices(s);

    if (choice == NULL) {
        return;
    }

    (void) printf(" One of");

    for (; *choice; choice++) {
        (void) printf(" `%s`%s", *choice, choice[1] != NULL ? "," : ".");
    }
}


static void
mp_print_range(const struct mp_setting *s)
{
    if (s->max == 0) {
        return;
    }

    (void) printf("%lld to %lld", (long long) s->min, (long long) s->max);

    switch (s->type) {
    case MP_TYPE_SCORE:
    case MP_TYPE_DAYS:
    case MP_TYPE_PORT:
        break;

    case MP_TYPE_NETS:
        (void) printf(" networks");
        break;

    case MP_TYPE_BOOL:
    case MP_TYPE_CHOICE:
    case MP_TYPE_HOST:
    case MP_TYPE_NEXTHOP:
    case MP_TYPE_LOGIN:
    case MP_TYPE_NAME:
    case MP_TYPE_ADDRESS:
    case MP_TYPE_TIME:
    case MP_TYPE_SECRET:
        (void) printf(" bytes");
        break;
    }
}


static void
mp_print_settings(void)
{
    (void) printf("# Settings\n\nThe document at `/api/v1/settings`, from "
                  "`shared/mp_settings.def`.\n");

    for (const struct mp_setting_group *g = mp_setting_groups; g->id; g++) {
        (void) printf("\n## %s\n\n`%s`: %s Acted on by: %s.\n\n"
                      "| setting | type | default | allowed | what |\n"
                      "|---|---|---|---|---|\n",
                      g->label, g->id, g->doc, g->owner);

        for (const struct mp_setting *s = mp_setting_table; s->id; s++) {
            if (strcmp(s->group, g->id) != 0) {
                continue;
            }

            (void) printf("| `%s` | %s%s | `%s` | ", s->id,
                          mp_setting_type_name(s->type),
                          mp_setting_nullable(s) ? " or null" : "",
                          s->type == MP_TYPE_NETS ? "[]"
                          : s->dflt[0] != '\0'    ? s->dflt
                                                  : "null");
            mp_print_range(s);
            (void) printf(" | %s", s->doc);
            mp_print_choices(s);
            (void) printf(" |\n");
        }
    }

    (void) printf("\nThe levels that are on keep `defer` < `add_header` < "
                  "`reject`.\n");
}


static void
mp_print_keys(void)
{
    (void) printf("# Redis keys\n\nFrom `shared/mp_keys.def`. A `%%` is a "
                  "name; a key has one writer.\n\n"
                  "| key | type | lives | writer | what |\n"
                  "|---|---|---|---|---|\n");

    for (size_t i = 0; i < MP_KEY_COUNT; i++) {
        const struct mp_key_row *row = &mp_key_table[i];

        (void) printf("| `%s` | %s | ", row->pattern, row->type);

        if (row->ttl != 0) {
            (void) printf("%d s", row->ttl);
        }

        (void) printf(" | %s | %s |\n", row->writer, row->doc);
    }
}


static void
mp_print_errors(void)
{
    (void) printf("# Errors\n\nFrom `shared/mp_errors.def`: the `code` of "
                  "an answer, and the exit code of a program.\n\n"
                  "| code | HTTP | exit | title |\n|---|---|---|---|\n");

    for (int i = 0; i < MP_STATUS_COUNT; i++) {
        enum mp_status status = (enum mp_status) i;

        (void) printf("| `%s` | %d | %d | %s |\n", mp_status_name(status),
                      mp_status_http(status), mp_status_exit(status),
                      mp_status_title(status));
    }
}


static void
mp_print_actions(void)
{
    (void) printf("# Actions\n\nFrom `shared/mp_actions.def`. An action is a "
                  "job: [api.md](api.md) says how one is made, "
                  "[operate.md](operate.md) what comes out. The executor is "
                  "`mailportal-worker` (dovecot) or `mailportal-agent` "
                  "(agent) of every node; a target is one mailbox or a domain "
                  "(users), one mailbox (user), or nothing.\n\n"
                  "| action | executor | targets | label | what |\n"
                  "|---|---|---|---|---|\n");

    for (size_t i = 0; i < MP_ACTION_COUNT; i++) {
        (void) printf("| `%s` | %s | %s | %s | %s |\n",
                      mp_action_table[i].name, mp_action_table[i].executor,
                      mp_action_table[i].targets, mp_action_table[i].label,
                      mp_action_table[i].doc);
    }
}


static void
mp_print_json(void)
{
    struct mp_json json;

    mp_json_init(&json);
    mp_settings_schema(&json);

    if (json.ok) {
        (void) fwrite(json.bytes, 1, json.len, stdout);
        (void) putchar('\n');
    }

    mp_json_free(&json);
}


int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } tables[] = {
        { "settings", mp_print_settings }, { "redis", mp_print_keys },
        { "errors", mp_print_errors },     { "actions", mp_print_actions },
        { "json", mp_print_json },
    };

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (argc == 2 && strcmp(argv[1], tables[i].name) == 0) {
            tables[i].print();
            return fflush(stdout) == 0 ? 0 : 74;
        }
    }

    (void) fprintf(stderr,
                   "usage: mp_schema settings|redis|errors|actions|json\n");
    return 64;
}
