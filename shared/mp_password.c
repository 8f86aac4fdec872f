#include "mp_password.h"

#include <string.h>

#include <sodium.h>

#include "mp_job.h"

_Static_assert(MP_PASSWORD_HASH == crypto_pwhash_STRBYTES,
               "the hash is libsodium's");

/* RFC 9106 allows more; these keep a sign-in near 100 ms of one core */
#define MP_ARGON_PASSES 2
#define MP_ARGON_MEMORY (64u << 20)

/*
 * A hash with the same cost, of a random password that nobody kept: an
 * unknown account takes as long as a wrong password.
 */
static const char mp_nobody[] =
    "$argon2id$v=19$m=65536,t=2,p=1$XcQXw9a076ciXcA+VxtBGQ$"
    "iQyMVV22rX2OAf9dyme58PDyYcw7tTGr3HF2+CYFbVg";


enum mp_status
mp_password_check(const char *password, size_t len, struct mp_error *err)
{
    if (len < MP_PASSWORD_MIN || len > MP_PASSWORD_MAX) {
        return mp_fail(err, MP_INVALID, "password",
                       "must have %d to %d characters", MP_PASSWORD_MIN,
                       MP_PASSWORD_MAX);
    }

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char) password[i];

        if (c < 0x20 || c == 0x7f) {
            return mp_fail(err, MP_INVALID, "password",
                           "must not have control characters");
        }
    }

    return MP_OK;
}


bool
mp_password_hash(char hash_r[MP_PASSWORD_HASH], const char *password,
                 size_t len)
{
    return sodium_init() >= 0
        && crypto_pwhash_str(hash_r, password, len, MP_ARGON_PASSES,
                             MP_ARGON_MEMORY)
               == 0;
}


/*
 * A hash from Redis may be anybody's: one with another cost than ours, which
 * could ask for all memory, is none.
 */
static bool
mp_hash_is_ours(char padded_r[MP_PASSWORD_HASH], const char *hash)
{
    size_t len = hash == NULL ? 0 : strlen(hash);

    if (len == 0 || len >= MP_PASSWORD_HASH) {
        return false;
    }

    memcpy(padded_r, hash, len);

    return crypto_pwhash_str_needs_rehash(padded_r, MP_ARGON_PASSES,
                                          MP_ARGON_MEMORY)
        == 0;
}


bool
mp_password_verify(const char *hash, const char *password, size_t len)
{
    /* libsodium reads the whole array */
    char padded[MP_PASSWORD_HASH] = { 0 };
    bool known, same;

    if (sodium_init() < 0) {
        return false;
    }

    known = mp_hash_is_ours(padded, hash);
    if (!known) {
        memset(padded, 0, sizeof(padded));
        memcpy(padded, mp_nobody, sizeof(mp_nobody));
    }

    same = crypto_pwhash_str_verify(padded, password, len) == 0;

    return known && same;
}


static bool
mp_is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9') || (c != '\0' && strchr("._@-", c) != NULL);
}


enum mp_status
mp_admin_name_check(const char *name, size_t len, struct mp_error *err)
{
    if (len < 1 || len > 64) {
        return mp_fail(err, MP_INVALID, "name",
                       "must have 1 to 64 characters");
    }

    for (size_t i = 0; i < len; i++) {
        if (!mp_is_name_char(name[i])) {
            return mp_fail(err, MP_INVALID, "name",
                           "may have letters, digits and . _ @ - only");
        }
    }

    if (len == strlen(MP_JOB_OWN) && memcmp(name, MP_JOB_OWN, len) == 0) {
        return mp_fail(err, MP_INVALID, "name",
                       "must be another: as " MP_JOB_OWN
                       " the servers do what they do by themselves");
    }

    return MP_OK;
}
