/* A list as a block of bytes, and what such a block may not be. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sodium.h>

#include "mp_list.h"

#define NOW 1700000000

/* where the numbers of the head stand, and how long it is */
#define AT_KEY         8
#define AT_ORDER       24
#define AT_SIZE        32
#define AT_USED        40
#define AT_EXPIRY_SIZE 48
#define AT_EXPIRY_USED 56
#define HEAD           64

struct image {
    unsigned char *bytes;
    size_t len;
};


static int
setup(void **state)
{
    static const unsigned char key[MP_LIST_KEY_SIZE] = "a key of 16 byte";
    struct mp_list *list = mp_list_new(key, 0);
    struct image *image = malloc(sizeof(*image));
    char name[32];

    for (int i = 0; i < 100; i++) {
        (void) snprintf(name, sizeof(name), "n%d.example", i);
        (void) mp_list_put(list, i % 3 == 0 ? MP_LIST_WHITE : MP_LIST_BLACK,
                           name, strlen(name), i % 10 == 0 ? NOW + i : 0);
    }

    image->len = mp_list_image_size(list);
    image->bytes = malloc(image->len);
    mp_list_image(list, image->bytes);
    mp_list_free(list);
    *state = image;

    return 0;
}


static int
teardown(void **state)
{
    struct image *image = *state;

    free(image->bytes);
    free(image);

    return 0;
}


/* A changed image gets the sum that it would have had, had we made it. */
static void
seal(struct image *image)
{
    (void) crypto_shorthash(image->bytes + image->len - 8, image->bytes,
                            image->len - 8, image->bytes + AT_KEY);
}


static uint64_t
number(const struct image *image, size_t at)
{
    uint64_t value;

    memcpy(&value, image->bytes + at, sizeof(value));

    return value;
}


static void
set_number(struct image *image, size_t at, uint64_t value)
{
    memcpy(image->bytes + at, &value, sizeof(value));
}


static void
refuse(const unsigned char *bytes, size_t len)
{
    struct mp_list *list = mp_list_from_image(bytes, len);

    assert_null(list);
}


static void
a_list_comes_back_from_its_image(void **state)
{
    struct image *image = *state;
    struct mp_list *list = mp_list_from_image(image->bytes, image->len);
    struct mp_domain domain;
    struct mp_match match;

    assert_non_null(list);
    assert_int_equal(mp_list_count(list, MP_LIST_WHITE), 34);
    assert_int_equal(mp_list_count(list, MP_LIST_BLACK), 66);

    for (int i = 0; i < 100; i++) {
        domain.len = (size_t) snprintf(domain.text, sizeof(domain.text),
                                       "mail.n%d.example", i);
        match = mp_list_find(list, &domain, NOW - 1);
        assert_int_equal(match.kind,
                         i % 3 == 0 ? MP_LIST_WHITE : MP_LIST_BLACK);
        assert_int_equal(match.start, 5);

        match = mp_list_find(list, &domain, NOW + 1000);
        assert_int_equal(match.kind == MP_LIST_NONE, i % 10 == 0);
    }

    mp_list_free(list);
}


static void
a_list_from_an_image_has_the_same_image(void **state)
{
    struct image *image = *state;
    struct mp_list *list = mp_list_from_image(image->bytes, image->len);
    unsigned char *again = malloc(image->len);

    assert_non_null(list);
    assert_int_equal(mp_list_image_size(list), image->len);
    mp_list_image(list, again);
    assert_memory_equal(again, image->bytes, image->len);

    free(again);
    mp_list_free(list);
}


static void
a_list_from_an_image_can_be_changed(void **state)
{
    struct image *image = *state;
    struct mp_list *list = mp_list_from_image(image->bytes, image->len);
    char name[32];

    assert_non_null(list);

    for (int i = 0; i < 1000; i++) {
        (void) snprintf(name, sizeof(name), "more%d.example", i);
        assert_true(mp_list_put(list, MP_LIST_BLACK, name, strlen(name),
                                i % 2 == 0 ? NOW : 0));
    }

    assert_int_equal(mp_list_count(list, MP_LIST_BLACK), 1066);
    mp_list_free(list);
}


static void
an_empty_list_has_an_image(void **state)
{
    static const unsigned char key[MP_LIST_KEY_SIZE] = { 0 };
    struct mp_list *list = mp_list_new(key, 0), *back;
    size_t len = mp_list_image_size(list);
    unsigned char *bytes = malloc(len);

    (void) state;

    mp_list_image(list, bytes);
    back = mp_list_from_image(bytes, len);
    assert_non_null(back);
    assert_int_equal(mp_list_count(back, MP_LIST_BLACK), 0);

    mp_list_free(back);
    mp_list_free(list);
    free(bytes);
}


static void
an_image_may_lie_at_any_address(void **state)
{
    struct image *image = *state;
    unsigned char *odd = malloc(image->len + 1);
    struct mp_list *list;

    memcpy(odd + 1, image->bytes, image->len);
    list = mp_list_from_image(odd + 1, image->len);
    assert_non_null(list);

    mp_list_free(list);
    free(odd);
}


static void
a_torn_image_is_refused_at_every_length(void **state)
{
    struct image *image = *state;

    for (size_t len = 0; len < image->len; len++) {
        unsigned char *torn = malloc(len + 1);

        memcpy(torn, image->bytes, len);
        refuse(torn, len);
        torn[len] = 0;
        refuse(torn, len + 1);
        free(torn);
    }
}


static void
an_image_with_one_changed_bit_is_refused(void **state)
{
    struct image *image = *state;

    for (size_t i = 0; i < image->len; i++) {
        image->bytes[i] ^= (unsigned char) (1u << i % 8);
        refuse(image->bytes, image->len);
        image->bytes[i] ^= (unsigned char) (1u << i % 8);
    }
}


static void
random_bytes_are_refused(void **state)
{
    unsigned char bytes[512];
    unsigned char seed[randombytes_SEEDBYTES] = { 0 };

    (void) state;

    for (int i = 0; i < 1000; i++) {
        seed[0] = (unsigned char) i;
        seed[1] = (unsigned char) (i >> 8);
        randombytes_buf_deterministic(bytes, sizeof(bytes), seed);
        refuse(bytes, sizeof(bytes));
    }
}


static void
a_wrong_number_of_entries_is_refused_even_with_a_right_sum(void **state)
{
    struct image *image = *state;
    uint64_t used = number(image, AT_USED);

    for (int delta = -1; delta <= 1; delta++) {
        set_number(image, AT_USED, used + (uint64_t) (int64_t) delta);
        seal(image);

        if (delta != 0) {
            refuse(image->bytes, image->len);

        } else {
            mp_list_free(mp_list_from_image(image->bytes, image->len));
        }
    }

    set_number(image, AT_USED, used);
    set_number(image, AT_EXPIRY_USED, 0);
    seal(image);
    refuse(image->bytes, image->len);
}


/* A search in a table without a free slot would not end. */
static void
a_full_table_is_refused_even_with_a_right_sum(void **state)
{
    struct image *image = *state;
    uint64_t size = number(image, AT_SIZE);

    for (size_t i = 0; i < size; i++) {
        set_number(image, HEAD + 8 * i, (i << 40) + 5);
    }

    set_number(image, AT_USED, size);
    seal(image);
    refuse(image->bytes, image->len);
}


static void
a_slot_of_no_list_is_refused_even_with_a_right_sum(void **state)
{
    struct image *image = *state;
    size_t at = HEAD;

    while (number(image, at) == 0) {
        at += 8;
    }

    set_number(image, at, number(image, at) & ~UINT64_C(3));
    seal(image);
    refuse(image->bytes, image->len);
}


static void
sizes_that_are_not_those_of_the_block_are_refused(void **state)
{
    static const uint64_t sizes[] = { 0,
                                      1,
                                      UINT64_MAX,
                                      UINT64_MAX / 8,
                                      UINT64_MAX / 8 + 1,
                                      UINT64_C(1) << 61,
                                      UINT64_C(1) << 63 };
    struct image *image = *state;
    uint64_t size = number(image, AT_SIZE);
    uint64_t expiry = number(image, AT_EXPIRY_SIZE);

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        set_number(image, AT_SIZE, sizes[i]);
        seal(image);
        refuse(image->bytes, image->len);

        set_number(image, AT_SIZE, size + sizes[i]);
        set_number(image, AT_EXPIRY_SIZE, sizes[i]);
        seal(image);
        refuse(image->bytes, image->len);

        set_number(image, AT_SIZE, size);
        set_number(image, AT_EXPIRY_SIZE, expiry);
    }
}


static void
an_image_of_the_other_byte_order_is_refused(void **state)
{
    struct image *image = *state;

    set_number(image, AT_ORDER, __builtin_bswap64(number(image, AT_ORDER)));
    seal(image);
    refuse(image->bytes, image->len);
}


#define WITH_IMAGE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_IMAGE(a_list_comes_back_from_its_image),
        WITH_IMAGE(a_list_from_an_image_has_the_same_image),
        WITH_IMAGE(a_list_from_an_image_can_be_changed),
        WITH_IMAGE(an_empty_list_has_an_image),
        WITH_IMAGE(an_image_may_lie_at_any_address),
        WITH_IMAGE(a_torn_image_is_refused_at_every_length),
        WITH_IMAGE(an_image_with_one_changed_bit_is_refused),
        WITH_IMAGE(random_bytes_are_refused),
        WITH_IMAGE(a_wrong_number_of_entries_is_refused_even_with_a_right_sum),
        WITH_IMAGE(a_full_table_is_refused_even_with_a_right_sum),
        WITH_IMAGE(a_slot_of_no_list_is_refused_even_with_a_right_sum),
        WITH_IMAGE(sizes_that_are_not_those_of_the_block_are_refused),
        WITH_IMAGE(an_image_of_the_other_byte_order_is_refused),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
