#include "mpm_spoof.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* what is kept of the memory for the next message */
#define MPM_SPOOF_KEEP 4096


static size_t
mpm_name_len(const char *name)
{
    size_t len = strlen(name);

    while (len > 0 && (name[len - 1] == ' ' || name[len - 1] == '\t')) {
        len--;
    }

    return len;
}


bool
mpm_spoof_is(const char *name)
{
    static const char *const prefixes[] = { "x-spam", "x-rspamd-" };

    /* most names are told apart by one letter */
    if ((name[0] | 0x20) != 'x') {
        return false;
    }

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncasecmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }

    return false;
}


bool
mpm_spoof_add(struct mpm_spoof *spoof, const char *name)
{
    if (!mpm_bytes_add(&spoof->names, name, mpm_name_len(name))
        || !mpm_bytes_add(&spoof->names, "", 1))
    {
        return false;
    }

    spoof->count++;

    return true;
}


static int
mpm_name_compare(const void *a, const void *b)
{
    char *const *x = a;
    char *const *y = b;

    return strcasecmp(*x, *y);
}


bool
mpm_spoof_each(const struct mpm_spoof *spoof,
               bool (*remove)(void *arg, char *name, int index), void *arg)
{
    char **names;
    char *next = spoof->names.bytes;
    size_t first = 0;
    bool ok = true;

    if (spoof->count == 0) {
        return true;
    }

    names = calloc(spoof->count, sizeof(*names));
    if (names == NULL) {
        return false;
    }

    for (size_t i = 0; i < spoof->count; i++) {
        names[i] = next;
        next += strlen(next) + 1;
    }

    qsort(names, spoof->count, sizeof(*names), mpm_name_compare);

    for (size_t i = 0; i < spoof->count && ok; i++) {
        if (i + 1 < spoof->count && strcasecmp(names[i], names[i + 1]) == 0) {
            continue;
        }

        for (size_t n = i + 1; n > first && ok; n--) {
            ok = remove(arg, names[first], (int) (n - first));
        }

        first = i + 1;
    }

    free(names);

    return ok;
}


void
mpm_spoof_reset(struct mpm_spoof *spoof)
{
    mpm_bytes_reset(&spoof->names, MPM_SPOOF_KEEP);
    spoof->count = 0;
}


void
mpm_spoof_free(struct mpm_spoof *spoof)
{
    mpm_bytes_free(&spoof->names);
    spoof->count = 0;
}
