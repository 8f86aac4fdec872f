#include "mpa_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mpa_file.h"

#define MPA_MEMORY_FILE "settings"
#define MPA_MEMORY_MAX  256


enum mp_status
mpa_memory_read(const struct mpa_config *config, struct mpa_memory *memory_r,
                struct mp_error *err)
{
    char path[4096], line[MPA_MEMORY_MAX];
    FILE *file;

    memset(memory_r, 0, sizeof(*memory_r));
    (void) snprintf(path, sizeof(path), "%s/%s", config->state_dir,
                    MPA_MEMORY_FILE);

    file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT ? MP_OK
                               : mp_fail(err, MP_FORBIDDEN, "", "%s: %s", path,
                                         strerror(errno));
    }

    if (fgets(line, sizeof(line), file) == NULL
        || sscanf(line, "%" SCNu64 " %32s %64s", &memory_r->number,
                  memory_r->epoch, memory_r->hash)
               != 3)
    {
        memset(memory_r, 0, sizeof(*memory_r));
        (void) fclose(file);
        return mp_fail(err, MP_INVALID, "", "%s is damaged and not used",
                       path);
    }

    (void) fclose(file);

    return MP_OK;
}


enum mp_status
mpa_memory_write(const struct mpa_config *config,
                 const struct mpa_memory *memory, struct mp_error *err)
{
    char line[MPA_MEMORY_MAX];
    int len = snprintf(line, sizeof(line), "%" PRIu64 " %s %s\n",
                       memory->number, memory->epoch, memory->hash);

    return mpa_file_write(config->state_dir, MPA_MEMORY_FILE, 0600, line,
                          (size_t) len, err);
}
