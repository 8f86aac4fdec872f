#ifndef MP_TABLE_H
#define MP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A hash table of fingerprints, each with a set of kinds (two bits), and
 * optionally with a number for each kind.
 *
 * The fingerprint is its own hash: the upper 62 bits of a keyed hash.  Where
 * it belongs is its share of the table (a multiplication, not a mask), so
 * that the size need not be a power of two and can grow by a quarter; what is
 * taken goes to the next slot.  A removed slot is filled from behind, so that
 * there are no tombstones.
 */
struct mp_table {
    uint64_t *slots; /* fingerprint | kinds; 0 is free */
    int64_t *values; /* two for each slot, by kind; NULL without values */
    size_t size;
    size_t used;
};

#define MP_TABLE_KINDS 3u

/* An empty table for so many fingerprints; false without memory. */
bool mp_table_init(struct mp_table *table, size_t count, bool valued);

void mp_table_free(struct mp_table *table);

/* A copy with room for more; false without memory, then copy_r is empty. */
bool mp_table_copy(struct mp_table *copy_r, const struct mp_table *table,
                   size_t more, bool valued);

/* Makes room for more; false without memory, then the table is as it was. */
bool mp_table_reserve(struct mp_table *table, size_t more, bool valued);

/*
 * Adds a kind to a fingerprint, for which there must be room.  Returns the
 * slot, which holds until the next change.
 */
size_t mp_table_add(struct mp_table *table, uint64_t fingerprint,
                    unsigned int kind);

/* Takes a kind from a fingerprint; false when it did not have it. */
bool mp_table_remove(struct mp_table *table, uint64_t fingerprint,
                     unsigned int kind);

/* Bytes that the slots and values of a table of this size take. */
size_t mp_table_bytes(size_t size, bool valued);

/* Writes them and returns where they end. */
unsigned char *mp_table_write(const struct mp_table *table,
                              unsigned char *bytes);

/*
 * Makes a table of such bytes, of which there must be enough.  False when
 * they are not of a table of that size and number, or without memory; then
 * table_r is empty.
 */
bool mp_table_read(struct mp_table *table_r, const unsigned char *bytes,
                   size_t size, size_t used, bool valued);


static inline size_t
mp_table_home(const struct mp_table *table, uint64_t fingerprint)
{
    __extension__ typedef unsigned __int128 mp_wide;

    return (size_t) (((mp_wide) fingerprint * table->size) >> 64);
}


static inline void
mp_table_prefetch(const struct mp_table *table, uint64_t fingerprint)
{
    __builtin_prefetch(&table->slots[mp_table_home(table, fingerprint)]);
}


/* The slot of a fingerprint, or the size of the table if it is not there. */
static inline size_t
mp_table_find(const struct mp_table *table, uint64_t fingerprint)
{
    size_t i;

    if (table->used == 0) {
        return table->size;
    }

    i = mp_table_home(table, fingerprint);

    while (table->slots[i] != 0) {
        if ((table->slots[i] ^ fingerprint) <= MP_TABLE_KINDS) {
            return i;
        }

        i = i + 1 == table->size ? 0 : i + 1;
    }

    return table->size;
}

#endif
