/*
 * Secrets are sealed to the installation's key (libsodium's sealed boxes):
 * the API can write them and not read them.
 */

#include "mpa.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "mp_key.h"
#include "mp_stream.h"

#define MPA_SEALED_MAX (MP_TEXT_SIZE + crypto_box_SEALBYTES)


/* The file holds 64 hex digits; the public half follows from them. */
static enum mp_status
mpa_secret_key(const struct mpa *agent,
               unsigned char public_r[crypto_box_PUBLICKEYBYTES],
               unsigned char secret_r[crypto_box_SECRETKEYBYTES],
               struct mp_error *err)
{
    char hex[2 * crypto_box_SECRETKEYBYTES + 1];
    const char *path = agent->config.key_file;
    FILE *file = fopen(path, "re");
    size_t len, done = 0;

    if (file == NULL) {
        return mp_fail(err, MP_FORBIDDEN, "key_file", "%s: %s", path,
                       strerror(errno));
    }

    len = fread(hex, 1, sizeof(hex) - 1, file);
    (void) fclose(file);

    if (sodium_hex2bin(secret_r, crypto_box_SECRETKEYBYTES, hex, len, NULL,
                       &done, NULL)
            != 0
        || done != crypto_box_SECRETKEYBYTES)
    {
        sodium_memzero(hex, sizeof(hex));
        return mp_fail(err, MP_INVALID, "key_file",
                       "%s is not a key: 64 hex digits", path);
    }

    sodium_memzero(hex, sizeof(hex));
    (void) crypto_scalarmult_base(public_r, secret_r);

    return MP_OK;
}


enum mp_status
mpa_secret_check(const struct mpa *agent, struct mp_error *err)
{
    unsigned char public[crypto_box_PUBLICKEYBYTES];
    unsigned char secret[crypto_box_SECRETKEYBYTES];
    enum mp_status status = mpa_secret_key(agent, public, secret, err);

    sodium_memzero(secret, sizeof(secret));

    return status;
}


/* The member "sealed" of an entry; NULL when it has none. */
static const redisReply *
mpa_secret_sealed(const redisReply *entry)
{
    const redisReply *fields = entry->elements == 2 ? entry->element[1] : NULL;

    if (fields == NULL || fields->type != REDIS_REPLY_ARRAY) {
        return NULL;
    }

    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        if (fields->element[i]->type == REDIS_REPLY_STRING
            && fields->element[i + 1]->type == REDIS_REPLY_STRING
            && strcmp(fields->element[i]->str, "sealed") == 0)
        {
            return fields->element[i + 1];
        }
    }

    return NULL;
}


static enum mp_status
mpa_secret_unseal(const struct mpa *agent, const redisReply *sealed,
                  char *text_r, struct mp_error *err)
{
    unsigned char public[crypto_box_PUBLICKEYBYTES];
    unsigned char secret[crypto_box_SECRETKEYBYTES];
    unsigned char box[MPA_SEALED_MAX];
    enum mp_status status = mpa_secret_key(agent, public, secret, err);
    size_t len = 0;

    if (status != MP_OK) {
        return status;
    }

    if (sodium_base642bin(box, sizeof(box), sealed->str, sealed->len, NULL,
                          &len, NULL, sodium_base64_VARIANT_ORIGINAL)
            != 0
        || len < crypto_box_SEALBYTES
        || len - crypto_box_SEALBYTES >= MP_TEXT_SIZE
        || crypto_box_seal_open((unsigned char *) text_r, box, len, public,
                                secret)
               != 0)
    {
        status = mp_fail(err, MP_FORBIDDEN, "",
                         "the password is not sealed to the key of this node");
    } else {
        text_r[len - crypto_box_SEALBYTES] = '\0';
    }

    sodium_memzero(secret, sizeof(secret));

    return status;
}


enum mp_status
mpa_secret_open(const struct mpa *agent, struct mp_redis *redis,
                const char *ref, char *text_r, struct mp_error *err)
{
    const redisReply *entry, *sealed;
    redisReply *reply;
    enum mp_status status;

    status = mp_stream_entry(redis, mp_key(MP_KEY_SECRETS), ref, &reply,
                             &entry, err);
    if (status != MP_OK) {
        return status;
    }

    sealed = entry != NULL ? mpa_secret_sealed(entry) : NULL;
    status = sealed != NULL ? mpa_secret_unseal(agent, sealed, text_r, err)
                            : mp_fail(err, MP_NOT_FOUND, "",
                                      "Redis does not have the password");
    freeReplyObject(reply);

    return status;
}
