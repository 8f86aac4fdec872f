/* Names of mail servers to addresses. */

#include "mpa_smtp.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MPA_ANSWER_MAX 4096

/* Of one question, to all name servers. */
#define MPA_RESOLVE_SECS 4


/* The resolver's own patience is half a minute; this is of this thread. */
static void
mpa_resolve_limit(void)
{
    int most;

    if ((_res.options & RES_INIT) == 0 && res_init() != 0) {
        return;
    }

    most =
        _res.nscount > 0 ? MPA_RESOLVE_SECS / _res.nscount : MPA_RESOLVE_SECS;
    _res.retry = 1;
    _res.retrans = _res.retrans < most ? _res.retrans : most;
}


/* It becomes part of a URL. */
static bool
mpa_resolve_is_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    return len > 0 && len < MP_TEXT_SIZE && name[len] == '\0';
}


/* The host of the best MX record; MP_NOT_FOUND when there is none. */
static enum mp_status
mpa_resolve_mx(const char *host, char name_r[MP_TEXT_SIZE],
               struct mp_error *err)
{
    unsigned char answer[MPA_ANSWER_MAX];
    unsigned int best = 0x10000;
    ns_msg message;
    int len = res_query(host, ns_c_in, ns_t_mx, answer, sizeof(answer));

    if (len < 0 && h_errno == TRY_AGAIN) {
        return mp_fail(err, MP_TIMEOUT, "resolve",
                       "the name server does not answer");
    }

    if (len < 0 || len > (int) sizeof(answer)
        || ns_initparse(answer, len, &message) != 0)
    {
        return MP_NOT_FOUND;
    }

    for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
        char name[NS_MAXDNAME];
        unsigned int preference;
        ns_rr record;

        if (ns_parserr(&message, ns_s_an, i, &record) != 0
            || ns_rr_type(record) != ns_t_mx || ns_rr_rdlen(record) < 3)
        {
            continue;
        }

        preference = ns_get16(ns_rr_rdata(record));

        if (preference < best
            && dn_expand(ns_msg_base(message), ns_msg_end(message),
                         ns_rr_rdata(record) + 2, name, sizeof(name))
                   > 0
            && mpa_resolve_is_name(name))
        {
            best = preference;
            memcpy(name_r, name, strlen(name) + 1);
        }
    }

    return best < 0x10000 ? MP_OK : MP_NOT_FOUND;
}


enum mp_status
mpa_resolve(const char *host, bool mx, char name_r[MP_TEXT_SIZE], char *list_r,
            size_t size, struct mp_error *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    enum mp_status status = MP_NOT_FOUND;
    size_t used = 0;
    int rc;

    mpa_resolve_limit();

    if (mx) {
        status = mpa_resolve_mx(host, name_r, err);
    }

    if (status == MP_TIMEOUT) {
        return status;
    }

    if (status != MP_OK) {
        (void) snprintf(name_r, MP_TEXT_SIZE, "%s", host);
    }

    rc = getaddrinfo(name_r, NULL, &hints, &found);
    if (rc != 0) {
        return mp_fail(
            err, rc == EAI_AGAIN || rc == EAI_SYSTEM ? MP_TIMEOUT : MP_INVALID,
            "resolve", "%s",
            rc == EAI_AGAIN || rc == EAI_SYSTEM
                ? "the name server does not answer"
                : "there is no address of that name");
    }

    list_r[0] = '\0';

    for (struct addrinfo *a = found; a != NULL; a = a->ai_next) {
        char text[INET6_ADDRSTRLEN];

        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0,
                        NI_NUMERICHOST)
                == 0
            && used + strlen(text) + 2 < size)
        {
            used += (size_t) snprintf(list_r + used, size - used, "%s%s",
                                      used > 0 ? "," : "", text);
        }
    }

    freeaddrinfo(found);

    return used > 0 ? MP_OK
                    : mp_fail(err, MP_INVALID, "resolve",
                              "there is no address of that name");
}
