#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mp_verdict.h"

struct row {
    int32_t score;
    enum mp_verdict verdict;
    enum mp_rule rule;
};


/* Only the levels: mp_settings.c has its own test. */
static struct mp_settings
levels(int32_t defer, int32_t add_header, int32_t reject)
{
    struct mp_settings set;

    memset(&set, 0, sizeof(set));
    set.antispam_defer = defer;
    set.antispam_add_header = add_header;
    set.antispam_reject = reject;

    return set;
}


static void
check(const struct mp_settings *set, const struct row *rows, size_t count)
{
    struct mp_decision decision;

    for (size_t i = 0; i < count; i++) {
        decision = mp_verdict_of_score(set, rows[i].score);
        assert_int_equal(decision.verdict, rows[i].verdict);
        assert_int_equal(decision.rule, rows[i].rule);
    }
}

#define CHECK(set, rows) check(&(set), rows, sizeof(rows) / sizeof(rows[0]))


static void
a_level_begins_at_its_score(void **state)
{
    static const struct row rows[] = {
        { -500, MP_PASS, MP_RULE_BELOW },
        { 0, MP_PASS, MP_RULE_BELOW },
        { 290, MP_PASS, MP_RULE_BELOW },
        { 299, MP_PASS, MP_RULE_BELOW },
        { 300, MP_DEFER, MP_RULE_DEFER },
        { 399, MP_DEFER, MP_RULE_DEFER },
        { 400, MP_JUNK, MP_RULE_ADD_HEADER },
        { 999, MP_JUNK, MP_RULE_ADD_HEADER },
        { 1000, MP_REJECT, MP_RULE_REJECT },
        { 1000000000, MP_REJECT, MP_RULE_REJECT },
    };
    struct mp_settings set = levels(300, 400, 1000);

    (void) state;

    CHECK(set, rows);
}


static void
a_level_at_999_applies_to_no_message(void **state)
{
    static const struct row no_defer[] = {
        { 399, MP_PASS, MP_RULE_BELOW },
        { 400, MP_JUNK, MP_RULE_ADD_HEADER },
    };
    static const struct row no_junk[] = {
        { 999, MP_DEFER, MP_RULE_DEFER },
        { 1000, MP_REJECT, MP_RULE_REJECT },
    };
    static const struct row no_reject[] = {
        { 1000, MP_JUNK, MP_RULE_ADD_HEADER },
        { 99900, MP_JUNK, MP_RULE_ADD_HEADER },
        { 5000000, MP_JUNK, MP_RULE_ADD_HEADER },
    };
    static const struct row nothing[] = {
        { 99900, MP_PASS, MP_RULE_BELOW },
        { 1000000000, MP_PASS, MP_RULE_BELOW },
    };
    struct mp_settings set;

    (void) state;

    set = levels(MP_SCORE_OFF, 400, 1000);
    CHECK(set, no_defer);
    set = levels(300, MP_SCORE_OFF, 1000);
    CHECK(set, no_junk);
    set = levels(300, 400, MP_SCORE_OFF);
    CHECK(set, no_reject);
    set = levels(MP_SCORE_OFF, MP_SCORE_OFF, MP_SCORE_OFF);
    CHECK(set, nothing);
}


static void
a_level_just_below_off_is_on(void **state)
{
    static const struct row rows[] = {
        { 99898, MP_JUNK, MP_RULE_ADD_HEADER },
        { 99899, MP_REJECT, MP_RULE_REJECT },
    };
    struct mp_settings set = levels(300, 400, MP_SCORE_OFF - 1);

    (void) state;

    CHECK(set, rows);
}


static void
a_score_is_rounded_to_hundredths(void **state)
{
    static const struct {
        double score;
        int32_t hundredths;
    } rows[] = {
        { 0, 0 },       { 3, 300 },       { 3.99, 399 },
        { 9.99, 999 },  { 2.9, 290 },     { -0.1, -10 },
        { 3.994, 399 }, { 3.996, 400 },   { 0.1, 10 },
        { 1e-300, 0 },  { -1.005, -100 }, { 1e7, 1000000000 },
        { 4.35, 435 },  { 1.15, 115 },    { 99899.5, 9989950 },
    };
    int32_t score;

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(mp_score_parse(&score, rows[i].score));
        assert_int_equal(score, rows[i].hundredths);
    }
}


static void
what_is_no_score_is_refused_and_writes_nothing(void **state)
{
    const double rows[] = { NAN,   -NAN,   INFINITY, -INFINITY,
                            1e308, -1e308, 1e7 + 1 };
    int32_t score = 77;

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_false(mp_score_parse(&score, rows[i]));
        assert_int_equal(score, 77);
    }
}


static void
a_blacklisted_sender_is_refused_without_a_score(void **state)
{
    struct mp_decision decision = { MP_PASS, MP_RULE_BELOW };

    (void) state;

    assert_false(mp_verdict_needs_score(&decision, MP_LIST_BLACK));
    assert_int_equal(decision.verdict, MP_REJECT);
    assert_int_equal(decision.rule, MP_RULE_BLACKLIST);
}


static void
a_whitelisted_sender_passes_without_a_score(void **state)
{
    struct mp_decision decision = { MP_REJECT, MP_RULE_REJECT };

    (void) state;

    assert_false(mp_verdict_needs_score(&decision, MP_LIST_WHITE));
    assert_int_equal(decision.verdict, MP_PASS);
    assert_int_equal(decision.rule, MP_RULE_WHITELIST);
}


static void
any_other_sender_needs_a_score(void **state)
{
    struct mp_decision decision = { MP_DEFER, MP_RULE_UNSCORED };

    (void) state;

    assert_true(mp_verdict_needs_score(&decision, MP_LIST_NONE));
    assert_int_equal(decision.verdict, MP_DEFER);
    assert_int_equal(decision.rule, MP_RULE_UNSCORED);
}


static void
every_verdict_and_rule_has_a_name_of_its_own(void **state)
{
    (void) state;

    for (int i = MP_PASS; i <= MP_REJECT; i++) {
        for (int k = MP_PASS; k < i; k++) {
            assert_string_not_equal(mp_verdict_name((enum mp_verdict) i),
                                    mp_verdict_name((enum mp_verdict) k));
        }
    }

    for (int i = MP_RULE_TRUSTED; i <= MP_RULE_UNSCORED; i++) {
        for (int k = MP_RULE_TRUSTED; k < i; k++) {
            assert_string_not_equal(mp_rule_name((enum mp_rule) i),
                                    mp_rule_name((enum mp_rule) k));
        }
    }

    assert_string_equal(mp_verdict_name(MP_JUNK), "junk");
    assert_string_equal(mp_rule_name(MP_RULE_ADD_HEADER), "add_header");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_level_begins_at_its_score),
        cmocka_unit_test(a_level_at_999_applies_to_no_message),
        cmocka_unit_test(a_level_just_below_off_is_on),
        cmocka_unit_test(a_score_is_rounded_to_hundredths),
        cmocka_unit_test(what_is_no_score_is_refused_and_writes_nothing),
        cmocka_unit_test(a_blacklisted_sender_is_refused_without_a_score),
        cmocka_unit_test(a_whitelisted_sender_passes_without_a_score),
        cmocka_unit_test(any_other_sender_needs_a_score),
        cmocka_unit_test(every_verdict_and_rule_has_a_name_of_its_own),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
