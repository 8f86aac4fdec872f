#include "mpm_snapshot.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * The word of mpm_current is a slot and, below it, how many readers have
 * taken the snapshot in that slot since it was published.  Its holds count
 * down from MPM_BIAS; when it is replaced, the readers are added and the bias
 * goes, so that the last reader, or the writer, finds zero.
 */
#define MPM_SLOT_BITS 8
#define MPM_SLOTS     (1u << MPM_SLOT_BITS)
#define MPM_SHIFT     (64 - MPM_SLOT_BITS)
#define MPM_TAKEN     ((UINT64_C(1) << MPM_SHIFT) - 1)
#define MPM_BIAS      (INT64_C(1) << 62)

struct mpm_current {
    _Atomic(uint64_t) word;
    _Atomic(struct mpm_snapshot *) slot[MPM_SLOTS];
};


struct mpm_current *
mpm_current_new(void)
{
    return calloc(1, sizeof(struct mpm_current));
}


static void
mpm_snapshot_free(struct mpm_snapshot *snapshot)
{
    mpm_settings_drop(snapshot->settings);
    mpm_lists_drop(snapshot->lists);
    atomic_store(&snapshot->current->slot[snapshot->slot], NULL);
    free(snapshot);
}


static void
mpm_snapshot_count(struct mpm_snapshot *snapshot, int64_t n)
{
    if (atomic_fetch_add(&snapshot->holds, n) + n == 0) {
        mpm_snapshot_free(snapshot);
    }
}


/* Puts slot in force and lets go of what was. */
static void
mpm_current_swap(struct mpm_current *current, unsigned int slot)
{
    uint64_t word =
        atomic_exchange(&current->word, (uint64_t) slot << MPM_SHIFT);
    struct mpm_snapshot *old = atomic_load(&current->slot[word >> MPM_SHIFT]);

    if (old != NULL) {
        mpm_snapshot_count(old, (int64_t) (word & MPM_TAKEN) - MPM_BIAS);
    }
}


struct mpm_snapshot *
mpm_current_hold(struct mpm_current *current)
{
    uint64_t word = atomic_fetch_add(&current->word, 1);

    return atomic_load(&current->slot[word >> MPM_SHIFT]);
}


void
mpm_snapshot_drop(struct mpm_snapshot *snapshot)
{
    if (snapshot != NULL) {
        mpm_snapshot_count(snapshot, -1);
    }
}


/*
 * A slot that no snapshot has.  Slot 0 means nothing.  Readers hold a
 * snapshot for one look-up only, so that one is found at once.
 */
static unsigned int
mpm_slot_find(struct mpm_current *current)
{
    for (unsigned int slot = 1;; slot = slot % (MPM_SLOTS - 1) + 1) {
        if (atomic_load(&current->slot[slot]) == NULL) {
            return slot;
        }
    }
}


bool
mpm_current_publish(struct mpm_current *current, struct mpm_settings *settings,
                    struct mpm_lists *lists)
{
    struct mpm_snapshot *snapshot = malloc(sizeof(*snapshot));

    if (snapshot == NULL) {
        mpm_settings_drop(settings);
        mpm_lists_drop(lists);
        return false;
    }

    atomic_init(&snapshot->holds, MPM_BIAS);
    snapshot->current = current;
    snapshot->settings = settings;
    snapshot->lists = lists;
    snapshot->slot = mpm_slot_find(current);

    atomic_store(&current->slot[snapshot->slot], snapshot);
    mpm_current_swap(current, snapshot->slot);

    return true;
}


struct mpm_settings *
mpm_settings_new(const struct mp_version *version)
{
    struct mpm_settings *settings = malloc(sizeof(*settings));

    if (settings != NULL) {
        atomic_init(&settings->holds, 1);
        settings->version = *version;
    }

    return settings;
}


struct mpm_settings *
mpm_settings_hold(struct mpm_settings *settings)
{
    if (settings != NULL) {
        (void) atomic_fetch_add(&settings->holds, 1);
    }

    return settings;
}


void
mpm_settings_drop(struct mpm_settings *settings)
{
    if (settings != NULL && atomic_fetch_sub(&settings->holds, 1) == 1) {
        free(settings);
    }
}


struct mpm_lists *
mpm_lists_new(struct mp_list *list, const char *id, const char *epoch)
{
    struct mpm_lists *lists = malloc(sizeof(*lists));

    if (lists == NULL) {
        mp_list_free(list);
        return NULL;
    }

    atomic_init(&lists->holds, 1);
    lists->list = list;
    (void) snprintf(lists->id, sizeof(lists->id), "%s", id);
    (void) snprintf(lists->epoch, sizeof(lists->epoch), "%s", epoch);

    return lists;
}


struct mpm_lists *
mpm_lists_hold(struct mpm_lists *lists)
{
    if (lists != NULL) {
        (void) atomic_fetch_add(&lists->holds, 1);
    }

    return lists;
}


void
mpm_lists_drop(struct mpm_lists *lists)
{
    if (lists != NULL && atomic_fetch_sub(&lists->holds, 1) == 1) {
        mp_list_free(lists->list);
        free(lists);
    }
}
