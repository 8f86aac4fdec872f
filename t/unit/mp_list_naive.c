/*
 * The list against a simple one: thousands of random changes, and after each
 * the same answers.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mp_list.h"

#define NAIVE_MAX 4096

struct naive_entry {
    char name[64];
    enum mp_list_kind kind;
    int64_t expires;
};

struct naive {
    struct naive_entry entry[NAIVE_MAX];
    size_t count;
};

static uint64_t random_state;


static uint32_t
pick(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;

    return (uint32_t) (random_state >> 33) % below;
}


/* Few letters and up to five labels, so that names nest and meet. */
static void
random_name(char name[64], uint32_t letters)
{
    uint32_t labels = 1 + pick(5);
    size_t len = 0;

    for (uint32_t i = 0; i < labels; i++) {
        if (i > 0) {
            name[len++] = '.';
        }

        for (uint32_t k = 0; k <= pick(2); k++) {
            name[len++] = (char) ('a' + pick(letters));
        }
    }

    name[len] = '\0';
}


static size_t
naive_index(const struct naive *naive, enum mp_list_kind kind,
            const char *name)
{
    size_t i;

    for (i = 0; i < naive->count; i++) {
        if (naive->entry[i].kind == kind
            && strcmp(naive->entry[i].name, name) == 0) {
            break;
        }
    }

    return i;
}


static void
naive_put(struct naive *naive, enum mp_list_kind kind, const char *name,
          int64_t expires)
{
    size_t i = naive_index(naive, kind, name);

    assert_true(i < NAIVE_MAX);
    memcpy(naive->entry[i].name, name, strlen(name) + 1);
    naive->entry[i].kind = kind;
    naive->entry[i].expires = expires;
    naive->count += i == naive->count;
}


static void
naive_del(struct naive *naive, enum mp_list_kind kind, const char *name)
{
    size_t i = naive_index(naive, kind, name);

    if (i < naive->count) {
        naive->entry[i] = naive->entry[--naive->count];
    }
}


static bool
naive_has(const struct naive *naive, enum mp_list_kind kind, const char *name,
          int64_t now)
{
    size_t i = naive_index(naive, kind, name);

    return i < naive->count
        && (naive->entry[i].expires == 0 || naive->entry[i].expires > now);
}


static struct mp_match
naive_find(const struct naive *naive, const char *name, int64_t now)
{
    const char *suffix = name;

    while (suffix != NULL) {
        if (naive_has(naive, MP_LIST_WHITE, suffix, now)) {
            return (struct mp_match){ MP_LIST_WHITE,
                                      (size_t) (suffix - name) };
        }

        if (naive_has(naive, MP_LIST_BLACK, suffix, now)) {
            return (struct mp_match){ MP_LIST_BLACK,
                                      (size_t) (suffix - name) };
        }

        suffix = strchr(suffix, '.');
        suffix = suffix != NULL ? suffix + 1 : NULL;
    }

    return (struct mp_match){ MP_LIST_NONE, 0 };
}


static void
compare(const struct mp_list *list, const struct naive *naive,
        uint32_t letters)
{
    struct mp_domain domain;
    struct mp_match match, wanted;
    int64_t now = pick(20);

    random_name(domain.text, letters);
    domain.len = strlen(domain.text);

    match = mp_list_find(list, &domain, now);
    wanted = naive_find(naive, domain.text, now);

    if (match.kind != wanted.kind || match.start != wanted.start) {
        fail_msg("%s: %s at %zu, not %s at %zu", domain.text,
                 mp_list_kind_name(match.kind), match.start,
                 mp_list_kind_name(wanted.kind), wanted.start);
    }

    assert_int_equal(mp_list_count(list, MP_LIST_WHITE)
                         + mp_list_count(list, MP_LIST_BLACK),
                     naive->count);
}


/* Through a copy or an image, as a follower and a restart do. */
static struct mp_list *
replace(struct mp_list *list)
{
    size_t len = mp_list_image_size(list);
    unsigned char *bytes = malloc(len);
    struct mp_list *next;

    assert_non_null(bytes);

    if (pick(2) == 0) {
        next = mp_list_copy(list, pick(100));

    } else {
        mp_list_image(list, bytes);
        next = mp_list_from_image(bytes, len);
    }

    assert_non_null(next);
    mp_list_free(list);
    free(bytes);

    return next;
}


/* deletions: of ten changes */
static void
run(uint64_t seed, uint32_t letters, int changes, uint32_t deletions)
{
    static struct naive naive;
    static const unsigned char key[MP_LIST_KEY_SIZE] = "a key of 16 byte";
    struct mp_list *list = mp_list_new(key, 0);
    enum mp_list_kind kind;
    int64_t expires;
    char name[64];

    random_state = seed;
    naive.count = 0;
    assert_non_null(list);

    for (int i = 0; i < changes; i++) {
        random_name(name, letters);
        kind = pick(2) == 0 ? MP_LIST_WHITE : MP_LIST_BLACK;

        if (pick(10) < deletions) {
            mp_list_del(list, kind, name, strlen(name));
            naive_del(&naive, kind, name);

        } else {
            expires = pick(3) == 0 ? 1 + pick(20) : 0;
            assert_true(mp_list_put(list, kind, name, strlen(name), expires));
            naive_put(&naive, kind, name, expires);
        }

        compare(list, &naive, letters);

        if (pick(500) == 0) {
            list = replace(list);
        }
    }

    mp_list_free(list);
}


static void
few_names_that_come_and_go(void **state)
{
    (void) state;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        run(seed, 2, 2000, 5);
    }
}


static void
a_list_that_grows(void **state)
{
    (void) state;

    for (uint64_t seed = 1; seed <= 3; seed++) {
        run(seed, 26, 4000, 1);
    }
}


static void
a_list_that_shrinks_as_fast_as_it_grows(void **state)
{
    (void) state;

    for (uint64_t seed = 1; seed <= 5; seed++) {
        run(seed, 5, 5000, 8);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_names_that_come_and_go),
        cmocka_unit_test(a_list_that_grows),
        cmocka_unit_test(a_list_that_shrinks_as_fast_as_it_grows),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
