/* Scores by SpamAssassin's spamd: CHECK over its own protocol. */

#include "mpm_score.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "mpm_bytes.h"
#include "mp_clock.h"

/* SpamAssassin's spamd: SPAMC/1.5, one connection a message. */

#define MPM_ANSWER_MAX (64u << 10)

struct mpm_spamd {
    struct sockaddr_storage address;
    socklen_t address_len;
    int64_t timeout_msecs;
};


/* "unix:/path", or "address:port" with an IPv6 address in brackets */
static bool
mpm_spamd_address(struct mpm_spamd *spamd, const char *text)
{
    static const char unix_prefix[] = "unix:";
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                              .ai_socktype = SOCK_STREAM };
    struct sockaddr_un *local = (struct sockaddr_un *) &spamd->address;
    const char *colon = strrchr(text, ':');
    struct addrinfo *info;
    char host[64];
    size_t len;

    if (strncmp(text, unix_prefix, sizeof(unix_prefix) - 1) == 0) {
        text += sizeof(unix_prefix) - 1;
        local->sun_family = AF_UNIX;
        (void) snprintf(local->sun_path, sizeof(local->sun_path), "%s", text);
        spamd->address_len = sizeof(*local);
        return strlen(text) < sizeof(local->sun_path);
    }

    len = colon != NULL ? (size_t) (colon - text) : 0;
    if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }

    if (len == 0 || len >= sizeof(host)) {
        return false;
    }

    memcpy(host, text, len);
    host[len] = '\0';

    if (getaddrinfo(host, colon + 1, &hints, &info) != 0) {
        return false;
    }

    memcpy(&spamd->address, info->ai_addr, info->ai_addrlen);
    spamd->address_len = info->ai_addrlen;
    freeaddrinfo(info);

    return true;
}


static void
mpm_spamd_close(void *state)
{
    free(state);
}


static void *
mpm_spamd_open(const struct mpm_config *config)
{
    struct mpm_spamd *spamd = calloc(1, sizeof(*spamd));

    if (spamd == NULL || !mpm_spamd_address(spamd, config->spamd)) {
        free(spamd);
        return NULL;
    }

    spamd->timeout_msecs = config->scan_timeout;

    return spamd;
}


static bool
mpm_spamd_wait(int fd, short events, int64_t deadline)
{
    struct pollfd poller = { fd, events, 0 };
    int64_t left = deadline - mp_clock_steady();
    int ready;

    do {
        ready = left > 0 ? poll(&poller, 1, (int) left) : 0;
        left = deadline - mp_clock_steady();
    } while (ready < 0 && errno == EINTR);

    if (ready == 0) {
        errno = ETIMEDOUT;
    }

    return ready > 0;
}


static bool
mpm_spamd_send(int fd, const char *bytes, size_t len, int64_t deadline)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n >= 0) {
            bytes += n;
            len -= (size_t) n;
            continue;
        }

        if ((errno != EAGAIN && errno != EINTR && errno != ENOTCONN)
            || !mpm_spamd_wait(fd, POLLOUT, deadline))
        {
            return false;
        }
    }

    return true;
}


/* To the end of the answer, which the peer marks by closing. */
static bool
mpm_spamd_receive(int fd, struct mpm_bytes *answer, int64_t deadline)
{
    char bytes[4096];

    while (answer->len <= MPM_ANSWER_MAX) {
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

        if (n == 0) {
            return true;
        }

        if (n > 0 && !mpm_bytes_add(answer, bytes, (size_t) n)) {
            return false;
        }

        if (n < 0
            && ((errno != EAGAIN && errno != EINTR)
                || !mpm_spamd_wait(fd, POLLIN, deadline)))
        {
            return false;
        }
    }

    errno = EMSGSIZE;

    return false;
}


static bool
mpm_spamd_talk(const struct mpm_spamd *spamd, int fd,
               const struct mpm_mail *mail, struct mpm_bytes *answer)
{
    int64_t deadline = mp_clock_steady() + spamd->timeout_msecs;
    char head[128];
    int len =
        snprintf(head, sizeof(head),
                 "CHECK SPAMC/1.5\r\nContent-length: %zu\r\n\r\n", mail->len);

    if (connect(fd, (const struct sockaddr *) &spamd->address,
                spamd->address_len)
            != 0
        && (errno != EINPROGRESS || !mpm_spamd_wait(fd, POLLOUT, deadline)))
    {
        return false;
    }

    return mpm_spamd_send(fd, head, (size_t) len, deadline)
        && mpm_spamd_send(fd, mail->bytes, mail->len, deadline)
        && shutdown(fd, SHUT_WR) == 0
        && mpm_spamd_receive(fd, answer, deadline);
}


static enum mp_status
mpm_spamd_ask(void *state, const struct mpm_mail *mail, struct mp_scan *scan_r,
              struct mp_error *err)
{
    const struct mpm_spamd *spamd = state;
    struct mpm_bytes answer = { NULL, 0, 0 };
    enum mp_status status;
    int fd = socket(spamd->address.ss_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return mp_fail(err, MP_INTERNAL, "", "%s", strerror(errno));
    }

    if (mpm_spamd_talk(spamd, fd, mail, &answer)) {
        status = mp_spamd_parse(
            scan_r, answer.bytes != NULL ? answer.bytes : "", answer.len, err);

    } else {
        status = mp_fail(err, MP_TIMEOUT, "", "%s", strerror(errno));
    }

    (void) close(fd);
    mpm_bytes_free(&answer);

    return status;
}


const struct mpm_score_source mpm_score_spamd = {
    .remote = true,
    .open = mpm_spamd_open,
    .close = mpm_spamd_close,
    .ask = mpm_spamd_ask,
};
