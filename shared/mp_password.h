#ifndef MP_PASSWORD_H
#define MP_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#include "mp_error.h"

#define MP_PASSWORD_MIN  12
#define MP_PASSWORD_MAX  255
#define MP_PASSWORD_HASH 128

/*
 * Passwords of administrators: argon2id (RFC 9106) by libsodium, 64 MiB and
 * two passes.  Both calls take some 100 ms of processor time: never on an
 * event loop.
 */

/* Length and characters; MP_INVALID says what is allowed. */
enum mp_status mp_password_check(const char *password, size_t len,
                                 struct mp_error *err);

/* False when memory ran out.  hash_r is "$argon2id$…". */
bool mp_password_hash(char hash_r[MP_PASSWORD_HASH], const char *password,
                      size_t len);

/*
 * Whether the password is the one of the hash.  hash NULL compares with a
 * hash of nothing, in the same time, and is false.
 */
bool mp_password_verify(const char *hash, const char *password, size_t len);

/* A name of an administrator: 1 to 64 letters, digits and ._@-, not ours */
enum mp_status mp_admin_name_check(const char *name, size_t len,
                                   struct mp_error *err);

#endif
