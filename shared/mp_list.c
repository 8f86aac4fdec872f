#include "mp_list.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "mp_table.h"

#define MP_HASH_SIZE crypto_shorthash_BYTES

_Static_assert(MP_LIST_KEY_SIZE == crypto_shorthash_KEYBYTES,
               "key of SipHash");
_Static_assert((MP_LIST_WHITE | MP_LIST_BLACK) == MP_TABLE_KINDS, "two bits");

struct mp_list {
    unsigned char key[MP_LIST_KEY_SIZE];
    struct mp_table entries;
    struct mp_table expiries; /* of the few entries that have one */
    size_t white;
    size_t black;
};

static const char mp_image_magic[8] = "mplist1";

/* Followed by slots, slots and values of the expiries, and a SipHash. */
struct mp_image_head {
    char magic[8];
    unsigned char key[MP_LIST_KEY_SIZE];
    uint64_t order; /* reads the same on machines of the same byte order */
    uint64_t size;
    uint64_t used;
    uint64_t expiry_size;
    uint64_t expiry_used;
};

#define MP_IMAGE_ORDER UINT64_C(0x0102030405060708)


const char *
mp_list_kind_name(enum mp_list_kind kind)
{
    switch (kind) {
    case MP_LIST_NONE:
        return "none";
    case MP_LIST_WHITE:
        return "whitelist";
    case MP_LIST_BLACK:
        return "blacklist";
    }

    return "none";
}


struct mp_list *
mp_list_new(const unsigned char key[MP_LIST_KEY_SIZE], size_t room)
{
    struct mp_list *list = calloc(1, sizeof(*list));

    if (list == NULL) {
        return NULL;
    }

    if (!mp_table_init(&list->entries, room, false)) {
        free(list);
        return NULL;
    }

    memcpy(list->key, key, MP_LIST_KEY_SIZE);

    return list;
}


struct mp_list *
mp_list_copy(const struct mp_list *list, size_t more)
{
    struct mp_list *copy = malloc(sizeof(*copy));

    if (copy == NULL) {
        return NULL;
    }

    *copy = *list;
    memset(&copy->expiries, 0, sizeof(copy->expiries));

    if (!mp_table_copy(&copy->entries, &list->entries, more, false)
        || (list->expiries.used != 0
            && !mp_table_copy(&copy->expiries, &list->expiries, 0, true)))
    {
        mp_list_free(copy);
        return NULL;
    }

    return copy;
}


void
mp_list_free(struct mp_list *list)
{
    if (list == NULL) {
        return;
    }

    mp_table_free(&list->entries);
    mp_table_free(&list->expiries);
    sodium_memzero(list->key, sizeof(list->key));
    free(list);
}


/*
 * Fingerprints of a name and its parents from one walk, right to left: that
 * of a name is the keyed hash of its first label and of its parent's hash.
 * Memory is slow, so each slot is asked for as soon as it is known.
 */
static unsigned int
mp_list_hash(const struct mp_list *list, const struct mp_domain *domain,
             unsigned char starts[MP_DOMAIN_LABELS],
             uint64_t hashes[MP_DOMAIN_LABELS])
{
    unsigned char in[MP_HASH_SIZE + MP_DOMAIN_MAX + 1] = { 0 };
    unsigned int count = mp_domain_suffixes(domain, starts);
    size_t end = domain->len, len;

    for (unsigned int i = count; i-- > 0; /* void */) {
        len = end - starts[i];
        memcpy(in + MP_HASH_SIZE, domain->text + starts[i], len);

        (void) crypto_shorthash(in, in, MP_HASH_SIZE + len, list->key);

        memcpy(&hashes[i], in, MP_HASH_SIZE);
        hashes[i] &= ~(uint64_t) MP_TABLE_KINDS;
        mp_table_prefetch(&list->entries, hashes[i]);
        end = starts[i] == 0 ? 0 : (size_t) starts[i] - 1;
    }

    return count;
}


static bool
mp_list_hash_text(const struct mp_list *list, const char *text, size_t len,
                  uint64_t *hash_r)
{
    unsigned char starts[MP_DOMAIN_LABELS];
    uint64_t hashes[MP_DOMAIN_LABELS];
    struct mp_domain domain;

    if (len == 0 || len > MP_DOMAIN_MAX) {
        return false;
    }

    memcpy(domain.text, text, len);
    domain.text[len] = '\0';
    domain.len = len;

    (void) mp_list_hash(list, &domain, starts, hashes);
    *hash_r = hashes[0];

    return true;
}


static size_t *
mp_list_counter(struct mp_list *list, enum mp_list_kind kind)
{
    return kind == MP_LIST_WHITE ? &list->white : &list->black;
}


bool
mp_list_put(struct mp_list *list, enum mp_list_kind kind, const char *domain,
            size_t len, int64_t expires)
{
    uint64_t hash, before;
    size_t slot;

    if (kind == MP_LIST_NONE || !mp_list_hash_text(list, domain, len, &hash)) {
        return true;
    }

    if (!mp_table_reserve(&list->entries, 1, false)
        || (expires != 0 && !mp_table_reserve(&list->expiries, 1, true)))
    {
        return false;
    }

    slot = mp_table_find(&list->entries, hash);
    before = slot == list->entries.size ? 0 : list->entries.slots[slot];

    if ((before & kind) == 0) {
        (void) mp_table_add(&list->entries, hash, kind);
        (*mp_list_counter(list, kind))++;
    }

    if (expires != 0) {
        slot = mp_table_add(&list->expiries, hash, kind);
        list->expiries.values[2 * slot + kind - 1] = expires;

    } else {
        (void) mp_table_remove(&list->expiries, hash, kind);
    }

    return true;
}


void
mp_list_del(struct mp_list *list, enum mp_list_kind kind, const char *domain,
            size_t len)
{
    uint64_t hash;

    if (kind == MP_LIST_NONE || !mp_list_hash_text(list, domain, len, &hash)) {
        return;
    }

    if (mp_table_remove(&list->entries, hash, kind)) {
        (*mp_list_counter(list, kind))--;
        (void) mp_table_remove(&list->expiries, hash, kind);
    }
}


/* The kinds of a fingerprint without those that have expired. */
static unsigned char
mp_list_kinds(const struct mp_list *list, uint64_t hash, int64_t now)
{
    size_t slot = mp_table_find(&list->entries, hash);
    unsigned int kinds;

    if (slot == list->entries.size) {
        return MP_LIST_NONE;
    }

    kinds = list->entries.slots[slot] & MP_TABLE_KINDS;

    slot = mp_table_find(&list->expiries, hash);
    if (slot == list->expiries.size) {
        return (unsigned char) kinds;
    }

    for (unsigned int kind = MP_LIST_WHITE; kind <= MP_LIST_BLACK; kind++) {
        if ((list->expiries.slots[slot] & kind) != 0
            && list->expiries.values[2 * slot + kind - 1] <= now)
        {
            kinds &= ~kind;
        }
    }

    return (unsigned char) kinds;
}


struct mp_match
mp_list_find(const struct mp_list *list, const struct mp_domain *domain,
             int64_t now)
{
    unsigned char starts[MP_DOMAIN_LABELS];
    uint64_t hashes[MP_DOMAIN_LABELS];
    unsigned int count = mp_list_hash(list, domain, starts, hashes);
    unsigned char kinds;

    for (unsigned int i = 0; i < count; i++) {
        kinds = mp_list_kinds(list, hashes[i], now);
        if (kinds != MP_LIST_NONE) {
            return mp_match_pick(&starts[i], &kinds, 1);
        }
    }

    return (struct mp_match){ MP_LIST_NONE, 0 };
}


struct mp_match
mp_match_pick(const unsigned char *starts, const unsigned char *kinds,
              unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        if ((kinds[i] & MP_LIST_WHITE) != 0) {
            return (struct mp_match){ MP_LIST_WHITE, starts[i] };
        }

        if ((kinds[i] & MP_LIST_BLACK) != 0) {
            return (struct mp_match){ MP_LIST_BLACK, starts[i] };
        }
    }

    return (struct mp_match){ MP_LIST_NONE, 0 };
}


size_t
mp_list_count(const struct mp_list *list, enum mp_list_kind kind)
{
    switch (kind) {
    case MP_LIST_NONE:
        return 0;
    case MP_LIST_WHITE:
        return list->white;
    case MP_LIST_BLACK:
        return list->black;
    }

    return 0;
}


size_t
mp_list_bytes(const struct mp_list *list)
{
    return sizeof(*list) + mp_table_bytes(list->entries.size, false)
         + mp_table_bytes(list->expiries.size, true);
}


size_t
mp_list_image_size(const struct mp_list *list)
{
    return sizeof(struct mp_image_head)
         + mp_table_bytes(list->entries.size, false)
         + mp_table_bytes(list->expiries.size, true) + MP_HASH_SIZE;
}


void
mp_list_image(const struct mp_list *list, unsigned char *bytes)
{
    struct mp_image_head head = { .order = MP_IMAGE_ORDER,
                                  .size = list->entries.size,
                                  .used = list->entries.used,
                                  .expiry_size = list->expiries.size,
                                  .expiry_used = list->expiries.used };
    unsigned char *next = bytes + sizeof(head);

    memcpy(head.magic, mp_image_magic, sizeof(head.magic));
    memcpy(head.key, list->key, sizeof(head.key));
    memcpy(bytes, &head, sizeof(head));

    next = mp_table_write(&list->entries, next);
    next = mp_table_write(&list->expiries, next);

    (void) crypto_shorthash(next, bytes, (size_t) (next - bytes), list->key);
}


/* Whether bytes are a whole image, and not one torn or changed on disk. */
static bool
mp_image_check(struct mp_image_head *head_r, const unsigned char *bytes,
               size_t len)
{
    unsigned char sum[MP_HASH_SIZE];

    if (len < sizeof(*head_r) + MP_HASH_SIZE) {
        return false;
    }

    memcpy(head_r, bytes, sizeof(*head_r));

    /* no size can be above that of the image, which keeps the sum in range */
    if (memcmp(head_r->magic, mp_image_magic, sizeof(head_r->magic)) != 0
        || head_r->order != MP_IMAGE_ORDER || head_r->size > len
        || head_r->size == 0 || head_r->expiry_size > len
        || sizeof(*head_r) + mp_table_bytes(head_r->size, false)
                   + mp_table_bytes(head_r->expiry_size, true) + MP_HASH_SIZE
               != len)
    {
        return false;
    }

    (void) crypto_shorthash(sum, bytes, len - MP_HASH_SIZE, head_r->key);

    return memcmp(sum, bytes + len - MP_HASH_SIZE, MP_HASH_SIZE) == 0;
}


struct mp_list *
mp_list_from_image(const unsigned char *bytes, size_t len)
{
    struct mp_image_head head;
    struct mp_list *list;
    const unsigned char *expiries;

    if (!mp_image_check(&head, bytes, len)) {
        return NULL;
    }

    list = calloc(1, sizeof(*list));
    if (list == NULL) {
        return NULL;
    }

    bytes += sizeof(head);
    expiries = bytes + mp_table_bytes(head.size, false);

    if (!mp_table_read(&list->entries, bytes, head.size, head.used, false)
        || !mp_table_read(&list->expiries, expiries, head.expiry_size,
                          head.expiry_used, true))
    {
        mp_list_free(list);
        return NULL;
    }

    memcpy(list->key, head.key, sizeof(list->key));

    for (size_t i = 0; i < list->entries.size; i++) {
        list->white += (list->entries.slots[i] & MP_LIST_WHITE) != 0;
        list->black += (list->entries.slots[i] & MP_LIST_BLACK) != 0;
    }

    return list;
}
