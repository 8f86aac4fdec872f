#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mp_settings_json.h"


static enum mp_status
patch(struct mp_settings *set, const char *text, struct mp_faults *faults_r,
      struct mp_new_secrets *secrets_r)
{
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    enum mp_status status;

    assert_non_null(json);
    status = mp_settings_patch(set, json, secrets_r, faults_r);
    json_decref(json);
    return status;
}


/* The patch is refused for this field, and the settings stay as they were. */
static void
is_refused(const char *text, const char *field)
{
    struct mp_settings set, before;
    struct mp_new_secrets secrets;
    struct mp_faults faults;
    bool named = false;

    mp_settings_default(&set);
    before = set;

    if (patch(&set, text, &faults, &secrets) != MP_INVALID) {
        fail_msg("%s should be refused", text);
    }

    for (unsigned int i = 0; i < faults.count; i++) {
        named = named || strcmp(faults.fault[i].field, field) == 0;
        assert_true(faults.fault[i].text[0] != '\0');
    }

    if (!named) {
        fail_msg("%s: %s is not named, but %s", text, field,
                 faults.fault[0].field);
    }

    assert_true(mp_settings_equal(&set, &before));
}


static struct mp_settings
is_taken(const char *text)
{
    struct mp_settings set;
    struct mp_new_secrets secrets;
    struct mp_faults faults;

    mp_settings_default(&set);

    if (patch(&set, text, &faults, &secrets) != MP_OK) {
        fail_msg("%s: %s %s", text, faults.fault[0].field,
                 faults.fault[0].text);
    }

    return set;
}


static void
the_defaults_obey_the_rules(void **state)
{
    struct mp_settings set;

    (void) state;

    mp_settings_default(&set);
    assert_int_equal(mp_settings_check(&set, NULL), MP_OK);
    assert_int_equal(set.antispam_reject, 1000);
    assert_int_equal(set.antispam_add_header, 400);
    assert_int_equal(set.antispam_defer, 300);
    assert_string_equal(set.relayhost_tls, "encrypt");
    assert_string_equal(set.system_mailer_from, "postmaster@example.com");
    assert_int_equal(set.clearing_junk_days, 0);
    assert_false(set.imap_master_enabled);
}


static void
the_document_is_the_one_that_the_design_shows(void **state)
{
    static const char want[] =
        "{\"antispam\":{\"reject\":10,\"add_header\":4,\"defer\":3},"
        "\"system_mailer\":{\"host\":\"127.0.0.1\",\"port\":25,"
        "\"tls\":\"none\",\"username\":null,\"password_set\":false,"
        "\"from\":\"postmaster@example.com\"},"
        "\"clearing\":{\"junk_days\":null,\"trash_days\":null},"
        "\"relayhost\":{\"host\":null,\"port\":587,\"tls\":\"encrypt\","
        "\"username\":null,\"password_set\":false},"
        "\"imap_master\":{\"enabled\":false,\"username\":\"masteradmin\","
        "\"password_set\":false,\"expires\":null,\"allow_nets\":[]}}";
    struct mp_settings set;
    struct mp_json json;

    (void) state;

    mp_settings_default(&set);
    mp_json_init(&json);
    mp_settings_render(&json, &set);
    assert_true(json.ok);
    assert_int_equal(json.len, strlen(want));
    assert_memory_equal(json.bytes, want, json.len);
    mp_json_free(&json);
}


static void
levels_that_are_on_keep_their_order(void **state)
{
    (void) state;

    is_refused("{\"antispam\":{\"defer\":4}}", "antispam.defer");
    is_refused("{\"antispam\":{\"defer\":5}}", "antispam.defer");
    is_refused("{\"antispam\":{\"add_header\":10}}", "antispam.add_header");
    is_refused("{\"antispam\":{\"reject\":4}}", "antispam.add_header");
    is_refused("{\"antispam\":{\"add_header\":999,\"defer\":10}}",
               "antispam.defer");
    assert_int_equal(
        is_taken("{\"antispam\":{\"reject\":4.01}}").antispam_reject, 401);
}


static void
a_level_of_999_is_off_and_out_of_the_order(void **state)
{
    (void) state;

    (void) is_taken("{\"antispam\":{\"defer\":999}}");
    (void) is_taken("{\"antispam\":{\"add_header\":999}}");
    (void) is_taken("{\"antispam\":{\"reject\":999}}");
    (void) is_taken("{\"antispam\":{\"reject\":999,\"add_header\":999,"
                    "\"defer\":999}}");
}


static void
a_score_is_a_number_of_two_decimals_from_0_to_999(void **state)
{
    (void) state;

    assert_int_equal(is_taken("{\"antispam\":{\"defer\":0}}").antispam_defer,
                     0);
    assert_int_equal(
        is_taken("{\"antispam\":{\"defer\":3.99}}").antispam_defer, 399);
    assert_int_equal(
        is_taken("{\"antispam\":{\"reject\":998.99}}").antispam_reject, 99899);
    is_refused("{\"antispam\":{\"reject\":\"10\"}}", "antispam.reject");
    is_refused("{\"antispam\":{\"reject\":null}}", "antispam.reject");
    is_refused("{\"antispam\":{\"reject\":true}}", "antispam.reject");
    is_refused("{\"antispam\":{\"reject\":[10]}}", "antispam.reject");
    is_refused("{\"antispam\":{\"defer\":-0.01}}", "antispam.defer");
    is_refused("{\"antispam\":{\"reject\":999.01}}", "antispam.reject");
    is_refused("{\"antispam\":{\"reject\":1e300}}", "antispam.reject");
    is_refused("{\"antispam\":{\"reject\":9223372036854775807}}",
               "antispam.reject");
    is_refused("{\"antispam\":{\"reject\":10.001}}", "antispam.reject");
}


static void
unknown_fields_and_groups_are_refused_by_name(void **state)
{
    (void) state;

    is_refused("{\"antispam\":{\"rejekt\":1}}", "antispam.rejekt");
    is_refused("{\"thresholds\":{}}", "thresholds");
    is_refused("{\"antispam\":3}", "antispam");
    is_refused("{\"antispam\":null}", "antispam");
    is_refused("[]", "");
    is_refused("{\"relayhost\":{\"password_set\":true}}",
               "relayhost.password_set");
    is_refused("{\"relayhost\":{\"password_ref\":\"1-1\"}}",
               "relayhost.password_ref");
}


static void
each_type_refuses_what_it_does_not_take(void **state)
{
    static const struct {
        const char *patch;
        const char *field;
    } rows[] = {
        { "{\"clearing\":{\"junk_days\":0}}", "clearing.junk_days" },
        { "{\"clearing\":{\"junk_days\":3651}}", "clearing.junk_days" },
        { "{\"clearing\":{\"junk_days\":1.5}}", "clearing.junk_days" },
        { "{\"clearing\":{\"trash_days\":\"7\"}}", "clearing.trash_days" },
        { "{\"relayhost\":{\"port\":0}}", "relayhost.port" },
        { "{\"relayhost\":{\"port\":65536}}", "relayhost.port" },
        { "{\"relayhost\":{\"port\":null}}", "relayhost.port" },
        { "{\"relayhost\":{\"host\":\"$(id)\"}}", "relayhost.host" },
        { "{\"relayhost\":{\"host\":\"\"}}", "relayhost.host" },
        { "{\"relayhost\":{\"tls\":\"maybe\"}}", "relayhost.tls" },
        { "{\"relayhost\":{\"username\":\"a\\nb\"}}", "relayhost.username" },
        { "{\"relayhost\":{\"password\":\"\"}}", "relayhost.password" },
        { "{\"relayhost\":{\"password\":\"a\\u0001\"}}",
          "relayhost.password" },
        { "{\"relayhost\":{\"password\":1}}", "relayhost.password" },
        { "{\"system_mailer\":{\"host\":null}}", "system_mailer.host" },
        { "{\"system_mailer\":{\"tls\":\"encrypt\"}}", "system_mailer.tls" },
        { "{\"system_mailer\":{\"from\":\"a@b.c\\r\\nBcc: x@y\"}}",
          "system_mailer.from" },
        { "{\"imap_master\":{\"enabled\":1}}", "imap_master.enabled" },
        { "{\"imap_master\":{\"username\":\"a*b\"}}", "imap_master.username" },
        { "{\"imap_master\":{\"password\":\"short\"}}",
          "imap_master.password" },
        { "{\"imap_master\":{\"expires\":\"tomorrow\"}}",
          "imap_master.expires" },
        { "{\"imap_master\":{\"allow_nets\":\"10.0.0.0/8\"}}",
          "imap_master.allow_nets" },
        { "{\"imap_master\":{\"allow_nets\":[\"10.0.0.1/8\"]}}",
          "imap_master.allow_nets" },
        { "{\"imap_master\":{\"allow_nets\":[1]}}", "imap_master.allow_nets" },
        { "{\"imap_master\":{\"allow_nets\":[\"1.1.1.1\",\"1.1.1.1\","
          "\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\","
          "\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\","
          "\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\",\"1.1.1.1\"]}}",
          "imap_master.allow_nets" },
    };

    (void) state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        is_refused(rows[i].patch, rows[i].field);
    }
}


static void
every_fault_of_a_patch_is_named(void **state)
{
    struct mp_settings set;
    struct mp_new_secrets secrets;
    struct mp_faults faults;

    (void) state;

    mp_settings_default(&set);
    assert_int_equal(patch(&set,
                           "{\"antispam\":{\"reject\":\"x\",\"y\":1},"
                           "\"relayhost\":{\"port\":0}}",
                           &faults, &secrets),
                     MP_INVALID);
    assert_int_equal(faults.count, 3);
}


static void
more_faults_than_fit_are_still_a_refusal(void **state)
{
    char text[2048] = "{";
    struct mp_settings set;
    struct mp_new_secrets secrets;
    struct mp_faults faults;
    size_t len = 1;

    (void) state;

    for (int i = 0; i < 60; i++) {
        len += (size_t) snprintf(text + len, sizeof(text) - len,
                                 "%s\"g%d\":{}", i != 0 ? "," : "", i);
    }

    (void) snprintf(text + len, sizeof(text) - len, "}");
    mp_settings_default(&set);
    assert_int_equal(patch(&set, text, &faults, &secrets), MP_INVALID);
    assert_int_equal(faults.count, MP_FAULTS_MAX);
}


static void
the_master_password_must_be_set_before_it_is_enabled(void **state)
{
    (void) state;

    is_refused("{\"imap_master\":{\"enabled\":true}}", "imap_master.enabled");
    (void) is_taken("{\"imap_master\":{\"enabled\":true,"
                    "\"password\":\"correct horse\"}}");
}


static void
a_password_comes_out_for_its_store_and_not_into_the_settings(void **state)
{
    struct mp_settings set;
    struct mp_new_secrets secrets;
    struct mp_faults faults;
    const char *text = "{\"relayhost\":{\"password\":\"hunter2\"}}";
    json_t *json = json_loads(text, 0, NULL);

    (void) state;

    mp_settings_default(&set);
    assert_int_equal(mp_settings_patch(&set, json, &secrets, &faults), MP_OK);
    assert_int_equal(secrets.count, 1);
    assert_string_equal(secrets.secret[0].setting->name, "relayhost.password");
    assert_string_equal(secrets.secret[0].value, "hunter2");
    assert_string_equal(set.relayhost_password, "");
    json_decref(json);
}


static void
a_null_password_is_cleared(void **state)
{
    struct mp_settings set;
    struct mp_new_secrets secrets;
    struct mp_faults faults;

    (void) state;

    mp_settings_default(&set);
    (void) mp_settings_put_text(&set, mp_setting_find("relayhost", "password"),
                                "12-0", NULL);
    assert_string_equal(set.relayhost_password, "12-0");
    assert_int_equal(
        patch(&set, "{\"relayhost\":{\"password\":null}}", &faults, &secrets),
        MP_OK);
    assert_string_equal(set.relayhost_password, "");
}


static void
what_is_stored_loads_as_the_same_settings(void **state)
{
    struct mp_settings set, loaded;
    struct mp_error err;
    struct mp_json json;

    (void) state;

    set = is_taken("{\"antispam\":{\"reject\":12.34},\"clearing\":{"
                   "\"junk_days\":30},\"relayhost\":{\"host\":"
                   "\"[relay.example]\",\"username\":\"b\u00fc\"},"
                   "\"imap_master\":{\"allow_nets\":[\"10.0.0.0/8\","
                   "\"::1\"],\"expires\":\"2027-01-31T12:00:00Z\"}}");
    (void) mp_settings_put_text(
        &set, mp_setting_find("imap_master", "password"), "1700-3", NULL);

    mp_json_init(&json);
    mp_settings_store(&json, &set);
    assert_int_equal(mp_settings_load(&loaded, json.bytes, json.len, &err),
                     MP_OK);
    assert_true(mp_settings_equal(&set, &loaded));
    mp_json_free(&json);
}


static void
an_older_document_without_a_setting_gets_its_default(void **state)
{
    struct mp_settings set;
    const char *doc = "{\"antispam\":{\"reject\":8}}";

    (void) state;

    assert_int_equal(mp_settings_load(&set, doc, strlen(doc), NULL), MP_OK);
    assert_int_equal(set.antispam_reject, 800);
    assert_int_equal(set.antispam_defer, 300);
}


static void
a_bad_document_is_refused_as_a_whole(void **state)
{
    static const char *const docs[] = {
        "",
        "null",
        "[]",
        "{",
        "{\"thresholds\":{\"reject\":\"10\"}}",
        "{\"antispam\":{\"reject\":\"10\"}}",
        "{\"antispam\":{\"reject\":NaN}}",
        "{\"antispam\":{\"reject\":-1e308}}",
        "{\"antispam\":{\"reject\":1e309}}",
        "{\"antispam\":{\"defer\":5}}",
        "{\"antispam\":{\"reject\":9,\"reject\":9}}",
        "{\"antispam\":{\"extra\":1}}",
        "{\"relayhost\":{\"password\":\"clear\"}}",
        "{\"relayhost\":{\"password_ref\":\"../x\"}}",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++) {
        struct mp_settings set;
        struct mp_error err;

        if (mp_settings_load(&set, docs[i], strlen(docs[i]), &err)
            != MP_INVALID) {
            fail_msg("%s should be refused", docs[i]);
        }
    }
}


static void
a_difference_names_fields_and_hides_passwords(void **state)
{
    struct mp_settings from, to;
    struct mp_json json;
    const char *want =
        "{\"changes\":[{\"field\":\"antispam.reject\",\"from\":10,"
        "\"to\":12.5},{\"field\":\"relayhost.password\",\"from\":null,"
        "\"to\":\"set\"}]}";

    (void) state;

    mp_settings_default(&from);
    to = is_taken("{\"antispam\":{\"reject\":12.5}}");
    (void) mp_settings_put_text(&to, mp_setting_find("relayhost", "password"),
                                "12-0", NULL);

    mp_json_init(&json);
    mp_json_object(&json, NULL);
    mp_settings_diff(&json, "changes", &from, &to);
    mp_json_end_object(&json);
    assert_int_equal(json.len, strlen(want));
    assert_memory_equal(json.bytes, want, json.len);
    mp_json_free(&json);
}


static void
the_schema_is_json_and_has_every_setting(void **state)
{
    struct mp_json json;
    json_t *root, *group, *row;
    size_t i, k, rows = 0, settings = 0;

    (void) state;

    mp_json_init(&json);
    mp_settings_schema(&json);
    root = json_loadb(json.bytes, json.len, 0, NULL);
    assert_non_null(root);

    json_array_foreach(json_object_get(root, "groups"), i, group)
    {
        json_array_foreach(json_object_get(group, "settings"), k, row)
        {
            assert_non_null(json_object_get(row, "label"));
            rows++;
        }
    }

    for (const struct mp_setting *s = mp_setting_table; s->id; s++) {
        settings++;
    }

    assert_int_equal(rows, settings);
    json_decref(root);
    mp_json_free(&json);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_obey_the_rules),
        cmocka_unit_test(the_document_is_the_one_that_the_design_shows),
        cmocka_unit_test(levels_that_are_on_keep_their_order),
        cmocka_unit_test(a_level_of_999_is_off_and_out_of_the_order),
        cmocka_unit_test(a_score_is_a_number_of_two_decimals_from_0_to_999),
        cmocka_unit_test(unknown_fields_and_groups_are_refused_by_name),
        cmocka_unit_test(each_type_refuses_what_it_does_not_take),
        cmocka_unit_test(every_fault_of_a_patch_is_named),
        cmocka_unit_test(more_faults_than_fit_are_still_a_refusal),
        cmocka_unit_test(the_master_password_must_be_set_before_it_is_enabled),
        cmocka_unit_test(
            a_password_comes_out_for_its_store_and_not_into_the_settings),
        cmocka_unit_test(a_null_password_is_cleared),
        cmocka_unit_test(what_is_stored_loads_as_the_same_settings),
        cmocka_unit_test(an_older_document_without_a_setting_gets_its_default),
        cmocka_unit_test(a_bad_document_is_refused_as_a_whole),
        cmocka_unit_test(a_difference_names_fields_and_hides_passwords),
        cmocka_unit_test(the_schema_is_json_and_has_every_setting),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
