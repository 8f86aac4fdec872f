#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp_list.h"

#define NOW         1700000000
#define COUNT(rows) (sizeof(rows) / sizeof(rows[0]))

static const unsigned char key[MP_LIST_KEY_SIZE] = "a key of 16 byte";
static const unsigned char other_key[MP_LIST_KEY_SIZE] = "another, as long";


static struct mp_list *
list_new(void)
{
    struct mp_list *list = mp_list_new(key, 0);

    assert_non_null(list);

    return list;
}


static void
put(struct mp_list *list, enum mp_list_kind kind, const char *domain)
{
    assert_true(mp_list_put(list, kind, domain, strlen(domain), 0));
}


static void
put_until(struct mp_list *list, enum mp_list_kind kind, const char *domain,
          int64_t expires)
{
    assert_true(mp_list_put(list, kind, domain, strlen(domain), expires));
}


static void
del(struct mp_list *list, enum mp_list_kind kind, const char *domain)
{
    mp_list_del(list, kind, domain, strlen(domain));
}


static struct mp_match
find_at(const struct mp_list *list, const char *sender, int64_t now)
{
    struct mp_domain domain;

    mp_domain_fold(&domain, sender, strlen(sender));

    return mp_list_find(list, &domain, now);
}


static void
expect(const struct mp_list *list, const char *sender, enum mp_list_kind kind,
       const char *entry)
{
    struct mp_match match = find_at(list, sender, NOW);

    if (match.kind != kind) {
        fail_msg("%s: %s, not %s", sender, mp_list_kind_name(match.kind),
                 mp_list_kind_name(kind));
    }

    if (kind != MP_LIST_NONE) {
        assert_string_equal(sender + match.start, entry);
    }
}


static void
an_entry_covers_itself_and_its_subdomains(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    put(list, MP_LIST_BLACK, "spam.example");
    expect(list, "spam.example", MP_LIST_BLACK, "spam.example");
    expect(list, "mail.spam.example", MP_LIST_BLACK, "spam.example");
    expect(list, "a.b.c.d.spam.example", MP_LIST_BLACK, "spam.example");
    mp_list_free(list);
}


static void
an_entry_covers_only_whole_labels(void **state)
{
    static const char *const others[] = {
        "notspam.example",   "spam.example.com",
        "example",           "spam",
        "pam.example",       "spam.exampl",
        "xspam.example",     "spam-example",
        "spam.example.spam", "example.spam",
    };
    struct mp_list *list = list_new();

    (void) state;

    put(list, MP_LIST_BLACK, "spam.example");

    for (size_t i = 0; i < COUNT(others); i++) {
        expect(list, others[i], MP_LIST_NONE, "");
    }

    mp_list_free(list);
}


static void
the_longest_entry_decides(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    put(list, MP_LIST_BLACK, "example");
    put(list, MP_LIST_WHITE, "good.example");
    put(list, MP_LIST_BLACK, "bad.good.example");

    expect(list, "x.example", MP_LIST_BLACK, "example");
    expect(list, "x.good.example", MP_LIST_WHITE, "good.example");
    expect(list, "good.example", MP_LIST_WHITE, "good.example");
    expect(list, "x.bad.good.example", MP_LIST_BLACK, "bad.good.example");
    mp_list_free(list);
}


static void
on_a_tie_the_whitelist_wins(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    put(list, MP_LIST_BLACK, "both.example");
    put(list, MP_LIST_WHITE, "both.example");
    expect(list, "mail.both.example", MP_LIST_WHITE, "both.example");

    del(list, MP_LIST_WHITE, "both.example");
    expect(list, "mail.both.example", MP_LIST_BLACK, "both.example");

    put(list, MP_LIST_WHITE, "both.example");
    del(list, MP_LIST_BLACK, "both.example");
    expect(list, "mail.both.example", MP_LIST_WHITE, "both.example");
    mp_list_free(list);
}


static void
the_empty_domain_matches_nothing(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    put(list, MP_LIST_BLACK, "");
    put(list, MP_LIST_BLACK, "example");
    expect(list, "", MP_LIST_NONE, "");
    assert_int_equal(mp_list_count(list, MP_LIST_BLACK), 1);
    mp_list_free(list);
}


static void
a_literal_has_no_parents(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    put(list, MP_LIST_BLACK, "1]");
    put(list, MP_LIST_BLACK, "2.1]");
    expect(list, "[192.0.2.1]", MP_LIST_NONE, "");

    put(list, MP_LIST_BLACK, "[192.0.2.1]");
    expect(list, "[192.0.2.1]", MP_LIST_BLACK, "[192.0.2.1]");
    mp_list_free(list);
}


static void
an_entry_counts_once(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    put(list, MP_LIST_BLACK, "a.example");
    put(list, MP_LIST_BLACK, "a.example");
    put(list, MP_LIST_WHITE, "a.example");
    put(list, MP_LIST_NONE, "b.example");
    assert_int_equal(mp_list_count(list, MP_LIST_BLACK), 1);
    assert_int_equal(mp_list_count(list, MP_LIST_WHITE), 1);
    assert_int_equal(mp_list_count(list, MP_LIST_NONE), 0);

    del(list, MP_LIST_BLACK, "a.example");
    del(list, MP_LIST_BLACK, "a.example");
    del(list, MP_LIST_BLACK, "b.example");
    assert_int_equal(mp_list_count(list, MP_LIST_BLACK), 0);
    assert_int_equal(mp_list_count(list, MP_LIST_WHITE), 1);
    mp_list_free(list);
}


static void
an_entry_ends_at_the_second_in_which_it_expires(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    put_until(list, MP_LIST_BLACK, "a.example", NOW);
    assert_int_equal(find_at(list, "x.a.example", NOW - 1).kind,
                     MP_LIST_BLACK);
    assert_int_equal(find_at(list, "x.a.example", NOW).kind, MP_LIST_NONE);
    assert_int_equal(find_at(list, "x.a.example", NOW + 1).kind, MP_LIST_NONE);
    mp_list_free(list);
}


static void
behind_an_expired_entry_stands_its_parent(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    put(list, MP_LIST_BLACK, "example");
    put_until(list, MP_LIST_WHITE, "a.example", NOW);
    assert_int_equal(find_at(list, "a.example", NOW - 1).kind, MP_LIST_WHITE);
    assert_int_equal(find_at(list, "a.example", NOW).kind, MP_LIST_BLACK);
    assert_int_equal(find_at(list, "a.example", NOW).start, 2);
    mp_list_free(list);
}


static void
each_list_has_its_own_expiry(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    put_until(list, MP_LIST_WHITE, "a.example", NOW);
    put_until(list, MP_LIST_BLACK, "a.example", NOW + 10);
    assert_int_equal(find_at(list, "a.example", NOW - 1).kind, MP_LIST_WHITE);
    assert_int_equal(find_at(list, "a.example", NOW).kind, MP_LIST_BLACK);
    assert_int_equal(find_at(list, "a.example", NOW + 10).kind, MP_LIST_NONE);
    mp_list_free(list);
}


static void
to_add_again_is_to_set_the_expiry_anew(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    put_until(list, MP_LIST_BLACK, "a.example", NOW);
    put_until(list, MP_LIST_BLACK, "a.example", NOW + 10);
    assert_int_equal(find_at(list, "a.example", NOW).kind, MP_LIST_BLACK);

    put(list, MP_LIST_BLACK, "a.example");
    assert_int_equal(find_at(list, "a.example", INT64_MAX).kind,
                     MP_LIST_BLACK);
    assert_int_equal(mp_list_count(list, MP_LIST_BLACK), 1);
    mp_list_free(list);
}


static void
a_removed_entry_takes_its_expiry_along(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    put_until(list, MP_LIST_BLACK, "a.example", NOW);
    del(list, MP_LIST_BLACK, "a.example");
    put(list, MP_LIST_BLACK, "a.example");
    assert_int_equal(find_at(list, "a.example", NOW + 1).kind, MP_LIST_BLACK);
    mp_list_free(list);
}


static void
a_copy_is_changed_without_its_original(void **state)
{
    struct mp_list *list = list_new(), *copy;

    (void) state;

    put(list, MP_LIST_BLACK, "a.example");
    put_until(list, MP_LIST_BLACK, "e.example", NOW);
    copy = mp_list_copy(list, 1);
    assert_non_null(copy);

    put(copy, MP_LIST_BLACK, "b.example");
    del(copy, MP_LIST_BLACK, "a.example");
    put(copy, MP_LIST_BLACK, "e.example");

    expect(list, "a.example", MP_LIST_BLACK, "a.example");
    expect(list, "b.example", MP_LIST_NONE, "");
    expect(list, "e.example", MP_LIST_NONE, "");
    expect(copy, "a.example", MP_LIST_NONE, "");
    expect(copy, "b.example", MP_LIST_BLACK, "b.example");
    expect(copy, "e.example", MP_LIST_BLACK, "e.example");
    assert_int_equal(mp_list_count(list, MP_LIST_BLACK), 2);
    assert_int_equal(mp_list_count(copy, MP_LIST_BLACK), 2);

    mp_list_free(copy);
    mp_list_free(list);
}


static void
a_copy_has_the_room_that_it_is_asked_for(void **state)
{
    struct mp_list *list = list_new(), *copy;
    char name[32];
    size_t bytes;

    (void) state;

    put(list, MP_LIST_BLACK, "a.example");
    copy = mp_list_copy(list, 1000);
    assert_non_null(copy);
    bytes = mp_list_bytes(copy);

    for (int i = 0; i < 1000; i++) {
        (void) snprintf(name, sizeof(name), "n%d.example", i);
        put(copy, MP_LIST_BLACK, name);
    }

    assert_int_equal(mp_list_bytes(copy), bytes);
    expect(copy, "a.example", MP_LIST_BLACK, "a.example");
    mp_list_free(copy);
    mp_list_free(list);
}


static void
a_list_that_cannot_be_is_refused(void **state)
{
    struct mp_list *list = list_new();

    (void) state;

    assert_null(mp_list_new(key, SIZE_MAX));
    assert_null(mp_list_copy(list, SIZE_MAX));
    mp_list_free(list);
    mp_list_free(NULL);
}


static void
a_domain_takes_17_bytes_at_most_at_any_size(void **state)
{
    struct mp_list *list = list_new(), *copy;
    char name[32];

    (void) state;

    for (size_t i = 0; i < 50000; i++) {
        (void) snprintf(name, sizeof(name), "n%zu.example", i);
        put(list, MP_LIST_BLACK, name);

        if (i >= 1000) {
            assert_true(mp_list_bytes(list) <= 17 * (i + 1));
        }
    }

    for (size_t i = 2000; i < 50000; i++) {
        (void) snprintf(name, sizeof(name), "n%zu.example", i);
        del(list, MP_LIST_BLACK, name);
    }

    copy = mp_list_copy(list, 0);
    assert_non_null(copy);
    assert_int_equal(mp_list_count(copy, MP_LIST_BLACK), 2000);
    assert_true(mp_list_bytes(copy) <= 17 * 2000);
    expect(copy, "n1999.example", MP_LIST_BLACK, "n1999.example");

    mp_list_free(copy);
    mp_list_free(list);
}


static void
the_rule_picks_from_answers_that_came_from_elsewhere(void **state)
{
    static const unsigned char starts[] = { 0, 5, 8 };
    static const struct {
        unsigned char kinds[3];
        enum mp_list_kind kind;
        size_t start;
    } rows[] = {
        { { 0, 0, 0 }, MP_LIST_NONE, 0 },  { { 0, 1, 2 }, MP_LIST_WHITE, 5 },
        { { 2, 1, 0 }, MP_LIST_BLACK, 0 }, { { 0, 0, 3 }, MP_LIST_WHITE, 8 },
        { { 0, 2, 3 }, MP_LIST_BLACK, 5 }, { { 3, 2, 2 }, MP_LIST_WHITE, 0 },
    };
    struct mp_match match;

    (void) state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        match = mp_match_pick(starts, rows[i].kinds, 3);
        assert_int_equal(match.kind, rows[i].kind);
        assert_int_equal(match.start, rows[i].start);
    }

    assert_int_equal(mp_match_pick(starts, rows[1].kinds, 0).kind,
                     MP_LIST_NONE);
}


static void
a_name_of_127_labels_finds_every_parent(void **state)
{
    struct mp_list *list;
    char text[254];

    (void) state;

    for (size_t i = 0; i < 253; i++) {
        text[i] = i % 2 == 0 ? 'a' : '.';
    }

    text[253] = '\0';

    for (size_t i = 0; i < 253; i += 2) {
        list = list_new();
        put(list, MP_LIST_BLACK, text + i);
        expect(list, text, MP_LIST_BLACK, text + i);
        mp_list_free(list);
    }
}


static void
the_names_of_the_kinds_are_those_of_the_api(void **state)
{
    (void) state;

    assert_string_equal(mp_list_kind_name(MP_LIST_WHITE), "whitelist");
    assert_string_equal(mp_list_kind_name(MP_LIST_BLACK), "blacklist");
    assert_string_equal(mp_list_kind_name(MP_LIST_NONE), "none");
}


static uint32_t
fnv1a(const char *text)
{
    uint32_t hash = 2166136261u;

    for (/* void */; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char) *text) * 16777619u;
    }

    return hash;
}


/* Steps that all searches for entries take together beyond the first. */
static size_t
steps_of(const struct mp_list *list, size_t *used_r)
{
    size_t len = mp_list_image_size(list), steps = 0, home;
    unsigned char *image = malloc(len);
    uint64_t size, slot;

    assert_non_null(image);
    mp_list_image(list, image);
    memcpy(&size, image + 32, sizeof(size));
    *used_r = 0;

    for (size_t i = 0; i < size; i++) {
        memcpy(&slot, image + 64 + 8 * i, sizeof(slot));

        if (slot != 0) {
            home = (size_t) ((slot >> 32) * size >> 32);
            steps += i >= home ? i - home : i + size - home;
            (*used_r)++;
        }
    }

    free(image);

    return steps;
}


/* V34: 5000 names whose FNV-1a hashes end in the same byte */
static void
names_chosen_to_collide_do_not_gather(void **state)
{
    struct mp_list *list = list_new();
    size_t found = 0, used;
    char name[32];

    (void) state;

    for (unsigned int i = 0; found < 5000; i++) {
        (void) snprintf(name, sizeof(name), "n%u.example", i);

        if ((fnv1a(name) & 0xff) == 0x42) {
            put(list, MP_LIST_BLACK, name);
            found++;
        }
    }

    assert_true(steps_of(list, &used) < 4 * found);
    assert_int_equal(used, found);
    mp_list_free(list);
}


static void
another_key_puts_the_names_elsewhere(void **state)
{
    struct mp_list *one = mp_list_new(key, 10);
    struct mp_list *two = mp_list_new(other_key, 10);
    size_t len = mp_list_image_size(one);
    unsigned char *image = calloc(2, len);

    (void) state;

    assert_non_null(image);
    put(one, MP_LIST_BLACK, "a.example");
    put(two, MP_LIST_BLACK, "a.example");
    mp_list_image(one, image);
    mp_list_image(two, image + len);
    assert_memory_not_equal(image + 64, image + len + 64, len - 64 - 8);

    free(image);
    mp_list_free(one);
    mp_list_free(two);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_covers_itself_and_its_subdomains),
        cmocka_unit_test(an_entry_covers_only_whole_labels),
        cmocka_unit_test(the_longest_entry_decides),
        cmocka_unit_test(on_a_tie_the_whitelist_wins),
        cmocka_unit_test(the_empty_domain_matches_nothing),
        cmocka_unit_test(a_literal_has_no_parents),
        cmocka_unit_test(an_entry_counts_once),
        cmocka_unit_test(an_entry_ends_at_the_second_in_which_it_expires),
        cmocka_unit_test(behind_an_expired_entry_stands_its_parent),
        cmocka_unit_test(each_list_has_its_own_expiry),
        cmocka_unit_test(to_add_again_is_to_set_the_expiry_anew),
        cmocka_unit_test(a_removed_entry_takes_its_expiry_along),
        cmocka_unit_test(a_copy_is_changed_without_its_original),
        cmocka_unit_test(a_copy_has_the_room_that_it_is_asked_for),
        cmocka_unit_test(a_list_that_cannot_be_is_refused),
        cmocka_unit_test(a_domain_takes_17_bytes_at_most_at_any_size),
        cmocka_unit_test(the_rule_picks_from_answers_that_came_from_elsewhere),
        cmocka_unit_test(a_name_of_127_labels_finds_every_parent),
        cmocka_unit_test(the_names_of_the_kinds_are_those_of_the_api),
        cmocka_unit_test(names_chosen_to_collide_do_not_gather),
        cmocka_unit_test(another_key_puts_the_names_elsewhere),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
