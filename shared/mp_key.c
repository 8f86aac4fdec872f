#include "mp_key.h"

#include <string.h>

const struct mp_key_row mp_key_table[] = {
#define MP_KEY(id, type, pattern, ttl, writer, doc)                           \
    [MP_KEY_##id] = { pattern, #type, writer, doc, ttl },
#include "mp_keys.def"
#undef MP_KEY
};


bool
mp_key_name(struct mp_keyname *name_r, enum mp_key key, const char *part)
{
    const char *pattern = mp_key_table[key].pattern;
    const char *hole = strchr(pattern, '%');
    size_t len = strlen(pattern);
    size_t before, part_len;

    name_r->text[0] = '\0';
    name_r->len = 0;

    if ((hole == NULL) != (part == NULL)) {
        return false;
    }

    if (hole == NULL) {
        memcpy(name_r->text, pattern, len + 1);
        name_r->len = len;
        return true;
    }

    before = (size_t) (hole - pattern);
    part_len = strlen(part);

    if (len - 1 + part_len >= sizeof(name_r->text)) {
        return false;
    }

    memcpy(name_r->text, pattern, before);
    memcpy(name_r->text + before, part, part_len);
    memcpy(name_r->text + before + part_len, hole + 1, len - before);
    name_r->len = len - 1 + part_len;

    return true;
}


const char *
mp_key(enum mp_key key)
{
    const char *pattern = mp_key_table[key].pattern;

    return strchr(pattern, '%') == NULL ? pattern : NULL;
}
