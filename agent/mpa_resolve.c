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


/* The host of the best MX record; false when there is none. */
static bool
mpa_resolve_mx(const char *host, char name_r[MP_TEXT_SIZE])
{
    unsigned char answer[MPA_ANSWER_MAX];
    unsigned int best = 0x10000;
    ns_msg message;
    int len = res_query(host, ns_c_in, ns_t_mx, answer, sizeof(answer));

    if (len < 0 || len > (int) sizeof(answer)
        || ns_initparse(answer, len, &message) != 0)
    {
        return false;
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
            && strlen(name) < MP_TEXT_SIZE)
        {
            best = preference;
            memcpy(name_r, name, strlen(name) + 1);
        }
    }

    return best < 0x10000;
}


enum mp_status
mpa_resolve(const char *host, bool mx, char name_r[MP_TEXT_SIZE], char *list_r,
            size_t size, struct mp_error *err)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    size_t used = 0;
    int rc;

    if (!mx || !mpa_resolve_mx(host, name_r)) {
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
