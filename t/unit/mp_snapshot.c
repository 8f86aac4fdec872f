#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "mp_snapshot.h"

static const unsigned char image[] = "not really the image of a list";


/* A whole file; the caller frees it. */
static unsigned char *
file_of(const struct mp_snapshot *snapshot, size_t *len_r)
{
    char start[MP_SNAPSHOT_START];
    struct mp_json head;
    unsigned char *bytes;
    size_t len;

    mp_json_init(&head);
    mp_snapshot_head(start, &head, snapshot);
    assert_true(head.ok);

    len = sizeof(start) + head.len + snapshot->image_len;
    bytes = malloc(len + MP_SNAPSHOT_SUM);
    assert_non_null(bytes);

    memcpy(bytes, start, sizeof(start));
    memcpy(bytes + sizeof(start), head.bytes, head.len);
    memcpy(bytes + sizeof(start) + head.len, snapshot->image,
           snapshot->image_len);
    (void) crypto_generichash(bytes + len, MP_SNAPSHOT_SUM, bytes, len, NULL,
                              0);
    mp_json_free(&head);
    *len_r = len + MP_SNAPSHOT_SUM;

    return bytes;
}


static void
sample(struct mp_snapshot *snapshot_r)
{
    memset(snapshot_r, 0, sizeof(*snapshot_r));
    mp_settings_default(&snapshot_r->version.set);
    snapshot_r->version.number = 42;
    snapshot_r->version.set.antispam_reject = 777;
    (void) snprintf(snapshot_r->version.epoch, MP_EPOCH_SIZE, "e%031d", 1);
    (void) snprintf(snapshot_r->version.hash, MP_HASH_HEX, "h%063d", 2);
    (void) snprintf(snapshot_r->lists, sizeof(snapshot_r->lists), "17-3");
    snapshot_r->image = image;
    snapshot_r->image_len = sizeof(image);
}


static void
what_was_written_is_read(void **state)
{
    struct mp_snapshot out, back;
    unsigned char *bytes;
    size_t len;

    (void) state;

    sample(&out);
    bytes = file_of(&out, &len);

    assert_int_equal(mp_snapshot_parse(&back, bytes, len, NULL), MP_OK);
    assert_int_equal(back.version.number, 42);
    assert_int_equal(back.version.set.antispam_reject, 777);
    assert_string_equal(back.version.epoch, out.version.epoch);
    assert_string_equal(back.version.hash, out.version.hash);
    assert_string_equal(back.lists, "17-3");
    assert_int_equal(back.image_len, sizeof(image));
    assert_memory_equal(back.image, image, sizeof(image));

    free(bytes);
}


static void
a_file_may_have_no_settings(void **state)
{
    struct mp_snapshot out, back;
    unsigned char *bytes;
    size_t len;

    (void) state;

    sample(&out);
    out.version.number = 0;
    bytes = file_of(&out, &len);

    assert_int_equal(mp_snapshot_parse(&back, bytes, len, NULL), MP_OK);
    assert_int_equal(back.version.number, 0);

    free(bytes);
}


static void
no_changed_byte_goes_unseen(void **state)
{
    struct mp_snapshot out, back;
    unsigned char *bytes;
    size_t len;

    (void) state;

    sample(&out);
    bytes = file_of(&out, &len);

    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= 0x20;
        assert_int_equal(mp_snapshot_parse(&back, bytes, len, NULL),
                         MP_INVALID);
        bytes[i] ^= 0x20;
    }

    free(bytes);
}


static void
no_shorter_file_is_one(void **state)
{
    struct mp_snapshot out, back;
    unsigned char *bytes;
    size_t len;

    (void) state;

    sample(&out);
    bytes = file_of(&out, &len);

    for (size_t i = 0; i < len; i++) {
        assert_int_equal(mp_snapshot_parse(&back, bytes, i, NULL), MP_INVALID);
    }

    free(bytes);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_file_may_have_no_settings),
        cmocka_unit_test(no_changed_byte_goes_unseen),
        cmocka_unit_test(no_shorter_file_is_one),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
