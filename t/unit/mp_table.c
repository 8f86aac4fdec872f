#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mp_table.h"

/* Fingerprints that all belong into one slot: where n is, n + 4 is too. */
#define FIRST UINT64_C(0x7654321000000000)
#define LAST  (UINT64_MAX - UINT64_C(0xffff))

/* Its multiples are spread evenly. */
#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)


static void
fill(struct mp_table *table, uint64_t base, size_t count)
{
    assert_true(mp_table_init(table, count, false));

    for (size_t i = 0; i < count; i++) {
        (void) mp_table_add(table, base + 4 * i, 1);
    }

    assert_int_equal(table->used, count);
}


static bool
has(const struct mp_table *table, uint64_t fingerprint)
{
    return mp_table_find(table, fingerprint) != table->size;
}


static void
remove_all(struct mp_table *table, uint64_t base, size_t count, size_t step)
{
    size_t gone = 0;

    for (size_t i = 0; i < count; i++, gone = (gone + step) % count) {
        assert_true(mp_table_remove(table, base + 4 * gone, 1));
        assert_false(has(table, base + 4 * gone));
        assert_int_equal(table->used, count - 1 - i);

        for (size_t k = 0, next = (gone + step) % count; k + 1 < count - i;
             k++, next = (next + step) % count)
        {
            assert_true(has(table, base + 4 * next));
        }
    }

    for (size_t i = 0; i < table->size; i++) {
        assert_int_equal(table->slots[i], 0);
    }
}


static void
collisions_are_found_and_removed_in_any_order(void **state)
{
    static const size_t steps[] = { 1, 2, 7, 50, 99, 100 };
    struct mp_table table;

    (void) state;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        fill(&table, FIRST, 101);
        remove_all(&table, FIRST, 101, steps[i]);
        mp_table_free(&table);
    }
}


static void
collisions_at_the_end_go_on_at_the_beginning(void **state)
{
    static const size_t steps[] = { 1, 3, 50, 100 };
    struct mp_table table;

    (void) state;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        fill(&table, LAST, 101);
        assert_true(table.slots[0] != 0);
        remove_all(&table, LAST, 101, steps[i]);
        mp_table_free(&table);
    }
}


static void
a_removal_leaves_what_is_at_home_where_it_is(void **state)
{
    struct mp_table table;
    uint64_t home_of_5 = UINT64_MAX / 10 & ~UINT64_C(3);
    size_t slot;

    (void) state;

    assert_true(mp_table_init(&table, 10, false));
    (void) mp_table_add(&table, home_of_5, 1);
    slot = mp_table_find(&table, home_of_5);
    (void) mp_table_add(&table, home_of_5 - UINT64_MAX / table.size, 1);

    assert_true(
        mp_table_remove(&table, home_of_5 - UINT64_MAX / table.size, 1));
    assert_int_equal(mp_table_find(&table, home_of_5), slot);

    mp_table_free(&table);
}


static void
a_kind_is_added_to_and_taken_from_one_slot(void **state)
{
    struct mp_table table;
    size_t slot;

    (void) state;

    assert_true(mp_table_init(&table, 1, false));
    slot = mp_table_add(&table, FIRST, 1);
    assert_int_equal(mp_table_add(&table, FIRST, 2), slot);
    assert_int_equal(table.used, 1);
    assert_int_equal(table.slots[slot] & 3, 3);

    assert_true(mp_table_remove(&table, FIRST, 1));
    assert_false(mp_table_remove(&table, FIRST, 1));
    assert_int_equal(table.slots[slot] & 3, 2);
    assert_int_equal(table.used, 1);

    assert_true(mp_table_remove(&table, FIRST, 2));
    assert_int_equal(table.used, 0);

    mp_table_free(&table);
}


static void
values_move_with_their_slots(void **state)
{
    struct mp_table table;
    size_t slot;

    (void) state;

    assert_true(mp_table_init(&table, 0, true));

    for (uint64_t i = 0; i < 500; i++) {
        assert_true(mp_table_reserve(&table, 1, true));
        slot = mp_table_add(&table, FIRST + 4 * i, 2);
        table.values[2 * slot + 1] = (int64_t) i;
    }

    for (uint64_t i = 0; i < 500; i += 2) {
        assert_true(mp_table_remove(&table, FIRST + 4 * i, 2));
    }

    for (uint64_t i = 1; i < 500; i += 2) {
        slot = mp_table_find(&table, FIRST + 4 * i);
        assert_int_not_equal(slot, table.size);
        assert_int_equal(table.values[2 * slot + 1], i);
    }

    mp_table_free(&table);
}


static void
an_empty_table_has_nothing(void **state)
{
    struct mp_table table = { NULL, NULL, 0, 0 };

    (void) state;

    assert_false(has(&table, FIRST));
    assert_false(mp_table_remove(&table, FIRST, 1));
    mp_table_free(&table);
}


static void
a_table_grows_by_a_quarter(void **state)
{
    struct mp_table table;
    size_t before;

    (void) state;

    assert_true(mp_table_init(&table, 1000, false));

    for (uint64_t i = 0; i < 100000; i++) {
        before = table.size;
        assert_true(mp_table_reserve(&table, 1, false));
        assert_true(table.size * 4 <= before * 5 + 136);
        (void) mp_table_add(&table, i * GOLDEN & ~UINT64_C(3), 1);
    }

    mp_table_free(&table);
}


static void
more_than_memory_can_hold_is_refused(void **state)
{
    struct mp_table table, copy;

    (void) state;

    assert_false(mp_table_init(&table, SIZE_MAX, false));
    assert_true(mp_table_init(&table, 1, false));
    assert_false(mp_table_reserve(&table, SIZE_MAX, false));
    assert_false(mp_table_copy(&copy, &table, SIZE_MAX, false));
    assert_null(copy.slots);
    mp_table_free(&table);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collisions_are_found_and_removed_in_any_order),
        cmocka_unit_test(collisions_at_the_end_go_on_at_the_beginning),
        cmocka_unit_test(a_removal_leaves_what_is_at_home_where_it_is),
        cmocka_unit_test(a_kind_is_added_to_and_taken_from_one_slot),
        cmocka_unit_test(values_move_with_their_slots),
        cmocka_unit_test(an_empty_table_has_nothing),
        cmocka_unit_test(a_table_grows_by_a_quarter),
        cmocka_unit_test(more_than_memory_can_hold_is_refused),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
