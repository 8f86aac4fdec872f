#include "mp_list_log.h"

#include <stdlib.h>
#include <string.h>

#include "mp_key.h"

#define MP_COUNT(table) (sizeof(table) / sizeof(table[0]))

#define MP_EPOCH_MAX  32
#define MP_ID_MAX     41 /* two numbers of 20 digits and a dash */
#define MP_DIGITS_MAX 18 /* of a time: below 2^63 whatever they are */

enum mp_field {
    MP_FIELD_OP,
    MP_FIELD_EPOCH,
    MP_FIELD_LIST,
    MP_FIELD_DOMAINS,
    MP_FIELD_EXPIRES,
    MP_FIELD_COUNT
};

/* A field that is not here is of no use to a follower, and skipped. */
static const char *const mp_field_names[MP_FIELD_COUNT] = {
    [MP_FIELD_OP] = "op",     [MP_FIELD_EPOCH] = "epoch",
    [MP_FIELD_LIST] = "list", [MP_FIELD_DOMAINS] = "d",
    [MP_FIELD_EXPIRES] = "x",
};

static const char *const mp_op_names[] = {
    [MP_LIST_INIT] = "init",
    [MP_LIST_ADD] = "add",
    [MP_LIST_DEL] = "del",
};

static const char *const mp_kind_names[] = {
    [MP_LIST_NONE] = "",
    [MP_LIST_WHITE] = "white",
    [MP_LIST_BLACK] = "black",
};


static bool
mp_is_text(const redisReply *reply)
{
    return reply != NULL && reply->type == REDIS_REPLY_STRING
        && reply->str != NULL && strlen(reply->str) == reply->len;
}


static bool
mp_is_array(const redisReply *reply, size_t elements)
{
    return reply != NULL && reply->type == REDIS_REPLY_ARRAY
        && reply->elements == elements && reply->element != NULL;
}


/* The index of a text in a table, or the number of its rows. */
static size_t
mp_index(const char *const *names, size_t count, const redisReply *reply)
{
    for (size_t i = 0; i < count; i++) {
        if (reply != NULL && names[i][0] != '\0'
            && strcmp(reply->str, names[i]) == 0) {
            return i;
        }
    }

    return count;
}


static bool
mp_is_stream_id(const char *id)
{
    size_t first = strspn(id, "0123456789");
    size_t second;

    if (first == 0 || id[first] != '-') {
        return false;
    }

    second = strspn(id + first + 1, "0123456789");

    return second != 0 && id[first + 1 + second] == '\0'
        && first + 1 + second <= MP_ID_MAX;
}


static bool
mp_is_epoch(const char *epoch)
{
    size_t len = strspn(epoch, "0123456789abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_");

    return len > 0 && len <= MP_EPOCH_MAX && epoch[len] == '\0';
}


static bool
mp_expires_parse(int64_t *expires_r, const char *text)
{
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > MP_DIGITS_MAX || text[len] != '\0') {
        return false;
    }

    *expires_r = (int64_t) strtoll(text, NULL, 10);

    return *expires_r > 0;
}


static enum mp_status
mp_fields_read(const redisReply *fields_r[MP_FIELD_COUNT],
               const redisReply *pairs, struct mp_error *err)
{
    const redisReply *name;
    size_t field;

    if (pairs == NULL || !mp_is_array(pairs, pairs->elements)
        || pairs->elements % 2 != 0)
    {
        return mp_fail(err, MP_INVALID, "", "its fields are not pairs");
    }

    for (size_t i = 0; i < pairs->elements; i += 2) {
        name = pairs->element[i];

        if (!mp_is_text(name) || !mp_is_text(pairs->element[i + 1])) {
            return mp_fail(err, MP_INVALID, "", "a field is not a text");
        }

        field = mp_index(mp_field_names, MP_FIELD_COUNT, name);
        if (field == MP_FIELD_COUNT) {
            continue;
        }

        if (fields_r[field] != NULL) {
            return mp_fail(err, MP_INVALID, mp_field_names[field],
                           "stands twice");
        }

        fields_r[field] = pairs->element[i + 1];
    }

    return MP_OK;
}


static size_t
mp_count_lines(const char *text, size_t len)
{
    size_t count = 1;

    for (size_t i = 0; i < len; i++) {
        count += text[i] == '\n';
    }

    return count;
}


static enum mp_status
mp_change_domains(struct mp_list_change *change,
                  const redisReply *fields[MP_FIELD_COUNT],
                  struct mp_error *err)
{
    const redisReply *domains = fields[MP_FIELD_DOMAINS];
    const redisReply *expires = fields[MP_FIELD_EXPIRES];
    size_t kind = mp_index(mp_kind_names, MP_COUNT(mp_kind_names),
                           fields[MP_FIELD_LIST]);
    size_t count;

    if (kind == MP_COUNT(mp_kind_names)) {
        return mp_fail(err, MP_INVALID, "list", "is neither white nor black");
    }

    if (domains == NULL || domains->len == 0) {
        return mp_fail(err, MP_INVALID, "d", "names no domain");
    }

    count = mp_count_lines(domains->str, domains->len);

    if (count > MP_LIST_BATCH) {
        return mp_fail(err, MP_INVALID, "d",
                       "names %zu domains; at most %d are allowed", count,
                       MP_LIST_BATCH);
    }

    if (expires != NULL
        && (change->op != MP_LIST_ADD || count != 1
            || !mp_expires_parse(&change->expires, expires->str)))
    {
        return mp_fail(err, MP_INVALID, "x",
                       "is not the time when one added domain expires");
    }

    change->kind = (enum mp_list_kind) kind;
    change->domains = domains->str;
    change->domains_len = domains->len;

    return MP_OK;
}


enum mp_status
mp_list_change_parse(struct mp_list_change *change_r, const redisReply *entry,
                     struct mp_error *err)
{
    const redisReply *fields[MP_FIELD_COUNT] = { NULL };
    const redisReply *epoch;
    enum mp_status status;
    size_t op;

    memset(change_r, 0, sizeof(*change_r));

    if (!mp_is_array(entry, 2) || !mp_is_text(entry->element[0])
        || !mp_is_stream_id(entry->element[0]->str))
    {
        return mp_fail(err, MP_INVALID, "", "is not an entry of a stream");
    }

    status = mp_fields_read(fields, entry->element[1], err);
    if (status != MP_OK) {
        return status;
    }

    op = mp_index(mp_op_names, MP_COUNT(mp_op_names), fields[MP_FIELD_OP]);
    if (op == MP_COUNT(mp_op_names)) {
        return mp_fail(err, MP_INVALID, "op", "is not init, add or del");
    }

    change_r->op = (enum mp_list_op) op;
    change_r->id = entry->element[0]->str;

    if (change_r->op != MP_LIST_INIT) {
        return mp_change_domains(change_r, fields, err);
    }

    epoch = fields[MP_FIELD_EPOCH];
    if (epoch == NULL || !mp_is_epoch(epoch->str)) {
        return mp_fail(err, MP_INVALID, "epoch",
                       "is not the name of an epoch");
    }

    change_r->epoch = epoch->str;

    return MP_OK;
}


/* Whether a text is what mp_domain_parse() makes of it. */
static bool
mp_is_one_form(const char *text, size_t len)
{
    struct mp_domain domain;

    return mp_domain_parse(&domain, text, len, NULL) == MP_OK
        && domain.len == len && memcmp(domain.text, text, len) == 0;
}


bool
mp_list_apply(struct mp_list *list, const struct mp_list_change *change,
              unsigned int *refused_r)
{
    const char *line, *next, *end;
    size_t len;

    *refused_r = 0;

    if (change->op == MP_LIST_INIT) {
        return true;
    }

    end = change->domains + change->domains_len;

    for (line = change->domains; line <= end; line = next + 1) {
        next = memchr(line, '\n', (size_t) (end - line));
        next = next != NULL ? next : end;
        len = (size_t) (next - line);

        if (!mp_is_one_form(line, len)) {
            (*refused_r)++;

        } else if (change->op == MP_LIST_DEL) {
            mp_list_del(list, change->kind, line, len);

        } else if (!mp_list_put(list, change->kind, line, len,
                                change->expires)) {
            return false;
        }
    }

    return true;
}


/*
 * Only init may create the stream: any other change of a stream that is gone
 * is answered with nil, which says that Redis lost what it had.
 */
void
mp_list_change_command(struct mp_cmd *cmd, const struct mp_list_change *change,
                       const char *actor, const char *at,
                       const char *request_id)
{
    mp_cmd_texts(cmd, "XADD", mp_key(MP_KEY_LISTS), NULL);

    if (change->op != MP_LIST_INIT) {
        mp_cmd_text(cmd, "NOMKSTREAM");
    }

    mp_cmd_texts(cmd, "MAXLEN", "~", NULL);
    mp_cmd_number(cmd, MP_LIST_LOG_KEEP);
    mp_cmd_texts(cmd, "*", "op", mp_op_names[change->op], NULL);

    if (change->op == MP_LIST_INIT) {
        mp_cmd_texts(cmd, "epoch", change->epoch, NULL);

    } else {
        mp_cmd_texts(cmd, "list", mp_kind_names[change->kind], "d", NULL);
        mp_cmd_add(cmd, change->domains, change->domains_len);
    }

    if (change->op == MP_LIST_ADD && change->expires != 0) {
        mp_cmd_text(cmd, "x");
        mp_cmd_number(cmd, change->expires);
    }

    mp_cmd_texts(cmd, "actor", actor, "at", at, "req", request_id, NULL);
}
