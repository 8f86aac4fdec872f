#include "mp_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * A new table is three fifths full, a full one three quarters: it grows by a
 * quarter, and takes 10.7 to 13.4 bytes a fingerprint.
 */
#define MP_TABLE_LEAST 32

/* the size of a huge page where it matters, and of the alignment it needs */
#define MP_TABLE_PAGE ((size_t) 2 << 20)
#define MP_TABLE_MOST ((size_t) 1 << 40)


static size_t
mp_table_size(size_t count)
{
    return count + (count / 3) * 2 + MP_TABLE_LEAST;
}


static size_t
mp_table_limit(size_t size)
{
    return size - size / 4 - 1;
}


/*
 * In a large table nearly every look-up misses the TLB as well as the cache:
 * huge pages, where the kernel has them, save the first.
 */
static uint64_t *
mp_table_slots(size_t size)
{
    size_t bytes = size * sizeof(uint64_t);
    uint64_t *slots;

    if (bytes < 2 * MP_TABLE_PAGE) {
        return malloc(bytes);
    }

    bytes = (bytes + MP_TABLE_PAGE - 1) / MP_TABLE_PAGE * MP_TABLE_PAGE;
    slots = aligned_alloc(MP_TABLE_PAGE, bytes);

    if (slots != NULL) {
        (void) madvise(slots, bytes, MADV_HUGEPAGE);
    }

    return slots;
}


static bool
mp_table_alloc(struct mp_table *table, size_t size, bool valued)
{
    memset(table, 0, sizeof(*table));

    table->slots = mp_table_slots(size);
    if (table->slots == NULL) {
        return false;
    }

    memset(table->slots, 0, size * sizeof(*table->slots));

    if (valued) {
        table->values = calloc(size, 2 * sizeof(*table->values));
        if (table->values == NULL) {
            mp_table_free(table);
            return false;
        }
    }

    table->size = size;

    return true;
}


bool
mp_table_init(struct mp_table *table, size_t count, bool valued)
{
    memset(table, 0, sizeof(*table));

    return count <= MP_TABLE_MOST
        && mp_table_alloc(table, mp_table_size(count), valued);
}


void
mp_table_free(struct mp_table *table)
{
    free(table->slots);
    free(table->values);
    memset(table, 0, sizeof(*table));
}


static size_t
mp_table_next(const struct mp_table *table, size_t i)
{
    return i + 1 == table->size ? 0 : i + 1;
}


static void
mp_table_move(struct mp_table *to, size_t i, const struct mp_table *from,
              size_t j)
{
    to->slots[i] = from->slots[j];

    if (to->values != NULL) {
        to->values[2 * i] = from->values[2 * j];
        to->values[2 * i + 1] = from->values[2 * j + 1];
    }
}


/*
 * The order of the slots is nearly that of the fingerprints whatever the
 * size, so this walks through both tables from front to back.
 */
static void
mp_table_refill(struct mp_table *to, const struct mp_table *from)
{
    size_t i;

    for (size_t j = 0; j < from->size; j++) {
        if (from->slots[j] == 0) {
            continue;
        }

        i = mp_table_home(to, from->slots[j] & ~(uint64_t) MP_TABLE_KINDS);

        while (to->slots[i] != 0) {
            i = mp_table_next(to, i);
        }

        mp_table_move(to, i, from, j);
    }

    to->used = from->used;
}


/* Without zeros: the caller fills all of it. */
static bool
mp_table_alloc_raw(struct mp_table *table, size_t size, bool valued)
{
    memset(table, 0, sizeof(*table));

    table->slots = mp_table_slots(size);
    table->values = valued ? malloc(size * 2 * sizeof(*table->values)) : NULL;
    table->size = size;

    if (table->slots == NULL || (valued && table->values == NULL)) {
        mp_table_free(table);
        return false;
    }

    return true;
}


/* A table that has lost most of its entries is made smaller by a copy. */
static bool
mp_table_fits(const struct mp_table *table, size_t count)
{
    return table->size != 0 && count <= mp_table_limit(table->size)
        && table->size / 2 <= count + MP_TABLE_LEAST;
}


bool
mp_table_copy(struct mp_table *copy_r, const struct mp_table *table,
              size_t more, bool valued)
{
    size_t bytes = table->size * sizeof(*table->slots);

    memset(copy_r, 0, sizeof(*copy_r));

    if (more > MP_TABLE_MOST) {
        return false;
    }

    if (!mp_table_fits(table, table->used + more)) {
        if (!mp_table_init(copy_r, table->used + more, valued)) {
            return false;
        }

        mp_table_refill(copy_r, table);
        return true;
    }

    if (!mp_table_alloc_raw(copy_r, table->size, valued)) {
        return false;
    }

    memcpy(copy_r->slots, table->slots, bytes);

    if (valued) {
        memcpy(copy_r->values, table->values, 2 * bytes);
    }

    copy_r->used = table->used;

    return true;
}


bool
mp_table_reserve(struct mp_table *table, size_t more, bool valued)
{
    struct mp_table grown;

    if (more > MP_TABLE_MOST) {
        return false;
    }

    if (table->size != 0 && table->used + more <= mp_table_limit(table->size))
    {
        return true;
    }

    if (!mp_table_init(&grown, table->used + more, valued)) {
        return false;
    }

    mp_table_refill(&grown, table);
    mp_table_free(table);
    *table = grown;

    return true;
}


size_t
mp_table_add(struct mp_table *table, uint64_t fingerprint, unsigned int kind)
{
    size_t i = mp_table_home(table, fingerprint);

    while (table->slots[i] != 0) {
        if ((table->slots[i] ^ fingerprint) <= MP_TABLE_KINDS) {
            table->slots[i] |= kind;
            return i;
        }

        i = mp_table_next(table, i);
    }

    table->slots[i] = fingerprint | kind;
    table->used++;

    if (table->values != NULL) {
        table->values[2 * i] = 0;
        table->values[2 * i + 1] = 0;
    }

    return i;
}


static size_t
mp_table_distance(const struct mp_table *table, size_t from, size_t to)
{
    return to >= from ? to - from : to + table->size - from;
}


/* Frees a slot and pulls forward what stands behind it and may. */
static void
mp_table_close(struct mp_table *table, size_t hole)
{
    size_t home;

    for (size_t i = mp_table_next(table, hole); table->slots[i] != 0;
         i = mp_table_next(table, i))
    {
        home =
            mp_table_home(table, table->slots[i] & ~(uint64_t) MP_TABLE_KINDS);

        if (mp_table_distance(table, home, i)
            >= mp_table_distance(table, hole, i)) {
            mp_table_move(table, hole, table, i);
            hole = i;
        }
    }

    table->slots[hole] = 0;
    table->used--;
}


bool
mp_table_remove(struct mp_table *table, uint64_t fingerprint,
                unsigned int kind)
{
    size_t i = mp_table_find(table, fingerprint);

    if (i == table->size || (table->slots[i] & kind) == 0) {
        return false;
    }

    table->slots[i] &= ~(uint64_t) kind;

    if ((table->slots[i] & MP_TABLE_KINDS) == 0) {
        mp_table_close(table, i);
    }

    return true;
}


size_t
mp_table_bytes(size_t size, bool valued)
{
    return size * (sizeof(uint64_t) + (valued ? 2 * sizeof(int64_t) : 0));
}


unsigned char *
mp_table_write(const struct mp_table *table, unsigned char *bytes)
{
    size_t len = mp_table_bytes(table->size, false);

    if (table->size == 0) {
        return bytes;
    }

    memcpy(bytes, table->slots, len);
    bytes += len;

    if (table->values != NULL) {
        memcpy(bytes, table->values, 2 * len);
        bytes += 2 * len;
    }

    return bytes;
}


/* Every search ends at a free slot: that there is one is not left to luck. */
static bool
mp_table_check(const struct mp_table *table, size_t used)
{
    size_t found = 0;

    for (size_t i = 0; i < table->size; i++) {
        if (table->slots[i] != 0) {
            found++;

            if ((table->slots[i] & MP_TABLE_KINDS) == 0) {
                return false;
            }
        }
    }

    return found == used;
}


bool
mp_table_read(struct mp_table *table_r, const unsigned char *bytes,
              size_t size, size_t used, bool valued)
{
    size_t len = mp_table_bytes(size, false);

    memset(table_r, 0, sizeof(*table_r));

    if (size == 0) {
        return used == 0;
    }

    if (size < MP_TABLE_LEAST || used > mp_table_limit(size)
        || !mp_table_alloc_raw(table_r, size, valued))
    {
        return false;
    }

    memcpy(table_r->slots, bytes, len);

    if (valued) {
        memcpy(table_r->values, bytes + len, 2 * len);
    }

    if (!mp_table_check(table_r, used)) {
        mp_table_free(table_r);
        return false;
    }

    table_r->used = used;

    return true;
}
