/* The form of a node's name. */

#include <stdbool.h>
#include <string.h>

#include "mp_heartbeat.h"


static bool
mp_is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9');
}


enum mp_status
mp_node_check(const char *node, struct mp_error *err)
{
    size_t len = strlen(node);

    if (len < 1 || len >= MP_NODE_SIZE) {
        return mp_fail(err, MP_INVALID, "node", "must have 1 to %d characters",
                       MP_NODE_SIZE - 1);
    }

    for (size_t i = 0; i < len; i++) {
        if (!mp_is_alnum(node[i]) && strchr("._-", node[i]) == NULL) {
            return mp_fail(err, MP_INVALID, "node",
                           "may have letters, digits and . - _ only");
        }
    }

    return MP_OK;
}
