#ifndef MP_LIST_H
#define MP_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp_domain.h"

/*
 * The white- and the blacklist in memory: one table of keyed 64-bit
 * fingerprints of domain names, at most 17 bytes a domain.
 *
 * One thread fills a list; from then on any number of threads may read it,
 * and nobody changes it.  A change is a copy.
 */
struct mp_list;

enum mp_list_kind {
    MP_LIST_NONE = 0,
    MP_LIST_WHITE = 1,
    MP_LIST_BLACK = 2,
};

#define MP_LIST_KEY_SIZE 16

/* Which entry decides. */
struct mp_match {
    enum mp_list_kind kind; /* MP_LIST_NONE: no entry */
    size_t start;           /* where the entry begins in the domain */
};

/* "whitelist", "blacklist" or "none". */
const char *mp_list_kind_name(enum mp_list_kind kind);

/*
 * A new empty list with room for so many domains, or NULL without memory.
 * key is secret and random: without it nobody can choose names that collide.
 * The caller owns the list.
 */
struct mp_list *mp_list_new(const unsigned char key[MP_LIST_KEY_SIZE],
                            size_t room);

/* The same entries, with room for more of them; NULL without memory. */
struct mp_list *mp_list_copy(const struct mp_list *list, size_t more);

void mp_list_free(struct mp_list *list);

/*
 * Adds or removes one entry.  expires is a unix second, or 0 for never; to
 * add again is to set expires anew.  False when memory ran out, which leaves
 * the list as it was.
 */
bool mp_list_put(struct mp_list *list, enum mp_list_kind kind,
                 const char *domain, size_t len, int64_t expires);
void mp_list_del(struct mp_list *list, enum mp_list_kind kind,
                 const char *domain, size_t len);

/*
 * The entry for the domain or its nearest parent; on one name the whitelist
 * goes before the blacklist.  now is a unix second: an entry that has expired
 * is none.  Never allocates, takes no lock.
 */
struct mp_match mp_list_find(const struct mp_list *list,
                             const struct mp_domain *domain, int64_t now);

/*
 * The same rule on answers that came from elsewhere: kinds[i] is what stands
 * for the i-th suffix of mp_domain_suffixes(), a sum of enum mp_list_kind.
 */
struct mp_match mp_match_pick(const unsigned char *starts,
                              const unsigned char *kinds, unsigned int count);

size_t mp_list_count(const struct mp_list *list, enum mp_list_kind kind);

/* Bytes that the list takes in memory. */
size_t mp_list_bytes(const struct mp_list *list);

/*
 * The list as one block of bytes, for a snapshot file: mp_list_image_size()
 * tells how many, mp_list_image() writes them, mp_list_from_image() makes a
 * list of a copy of them, or NULL when they are not such a block or memory
 * ran out.  The block is for machines of the same byte order only, and must
 * be kept as secret as the key, which is in it.
 */
size_t mp_list_image_size(const struct mp_list *list);
void mp_list_image(const struct mp_list *list, unsigned char *bytes);
struct mp_list *mp_list_from_image(const unsigned char *bytes, size_t len);

#endif
