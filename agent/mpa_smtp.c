#include "mpa_smtp.h"

#include <stdio.h>
#include <string.h>

#include <curl/curl.h>
#include "mp_clock.h"

#define MPA_CONNECT_MSECS 5000
#define MPA_QUIT_MSECS    2000
#define MPA_ADDRESSES     256

/* How far the connection came; curl itself tells only how it ended. */
struct mpa_stage {
    const struct mpa_smtp_user *user;
    const char *bytes; /* of the mail, those that are not sent yet */
    size_t left;
    int64_t end; /* steady clock: it may last until then */
    bool stopped;
    bool connected;
    bool starttls; /* STARTTLS was sent */
    bool tls;
    bool auth; /* the name was sent */
    bool mail; /* MAIL was sent */
    bool all;  /* the whole mail was sent */
};


static size_t
mpa_smtp_read(char *buffer, size_t size, size_t count, void *context)
{
    struct mpa_stage *stage = context;
    size_t n = size * count;

    if (n > stage->left) {
        n = stage->left;
    }

    memcpy(buffer, stage->bytes, n);
    stage->bytes += n;
    stage->left -= n;

    if (n == 0) {
        stage->all = true;
        stage->end = mp_clock_steady() + MPA_SMTP_ANSWER_MSECS;
    }

    return n;
}


/* At least once a second: 1 ends it. */
static int
mpa_smtp_goes_on(void *context, curl_off_t down_total, curl_off_t down,
                 curl_off_t up_total, curl_off_t up)
{
    struct mpa_stage *stage = context;
    int64_t now = mp_clock_steady();

    (void) down_total;
    (void) down;
    (void) up_total;
    (void) up;

    if (!stage->stopped && stage->user->stops(stage->user->context)) {
        stage->stopped = true;

        if (!stage->all || stage->end > now + MPA_SMTP_MSECS) {
            stage->end = stage->all ? now + MPA_SMTP_MSECS : now;
        }
    }

    return now >= stage->end;
}


static size_t
mpa_smtp_ignore(char *bytes, size_t size, size_t count, void *context)
{
    (void) bytes;
    (void) context;

    return size * count;
}


static bool
mpa_smtp_is(const char *bytes, size_t len, const char *verb)
{
    return len > strlen(verb) && memcmp(bytes, verb, strlen(verb)) == 0;
}


/* Looks at what we send, and never at what comes. */
static int
mpa_smtp_watch(CURL *curl, curl_infotype type, char *bytes, size_t len,
               void *context)
{
    struct mpa_stage *stage = context;

    (void) curl;

    if (type == CURLINFO_HEADER_IN) {
        stage->connected = true;

    } else if (type == CURLINFO_HEADER_OUT) {
        stage->starttls =
            stage->starttls || mpa_smtp_is(bytes, len, "STARTTLS");
        stage->auth = stage->auth || mpa_smtp_is(bytes, len, "AUTH ");
        stage->mail = stage->mail || mpa_smtp_is(bytes, len, "MAIL ");

        /* what is done is done, whether or not that is answered */
        if (mpa_smtp_is(bytes, len, "QUIT")) {
            stage->end = mp_clock_steady() + MPA_QUIT_MSECS;
        }

    } else if (type == CURLINFO_SSL_DATA_IN) {
        stage->connected = true;
        stage->tls = true;
    }

    return 0;
}


/* The step at which it is. */
static const char *
mpa_smtp_step(const struct mpa_stage *stage)
{
    return stage->mail                    ? "send"
         : stage->auth                    ? "sign in"
         : stage->starttls && !stage->tls ? "TLS"
         : stage->connected               ? "greeting"
                                          : "connect";
}


/* By the server's own word: 4yz may go well later, 5yz will not. */
static enum mp_status
mpa_smtp_refused(long number, const struct mpa_stage *stage,
                 struct mp_error *err)
{
    const char *what = stage->mail ? "the message" : "us";

    return number / 100 == 4
             ? mp_fail(err, MP_TIMEOUT, mpa_smtp_step(stage),
                       "the server puts off %s (%ld)", what, number)
             : mp_fail(err, MP_INVALID, mpa_smtp_step(stage),
                       "the server refuses %s (%ld)", what, number);
}


/* It ended without a word of the server. */
static enum mp_status
mpa_smtp_broken(bool late, const struct mpa_stage *stage, struct mp_error *err)
{
    return mp_fail(err, MP_TIMEOUT, mpa_smtp_step(stage), "%s%s",
                   stage->stopped ? "it was stopped"
                   : late         ? "the server does not answer in time"
                                  : "the connection broke off",
                   stage->all ? "; whether it has taken the message is not "
                                "known"
                              : "");
}


/* In our words, by curl's result and by how far it came. */
static enum mp_status
mpa_smtp_failed(CURLcode code, long number, const struct mpa_stage *stage,
                struct mp_error *err)
{
    if (code == CURLE_COULDNT_CONNECT) {
        return mp_fail(err, MP_TIMEOUT, "connect",
                       "nobody takes the connection");
    }

    if (code == CURLE_OPERATION_TIMEDOUT || code == CURLE_ABORTED_BY_CALLBACK)
    {
        return mpa_smtp_broken(true, stage, err);
    }

    if (number / 100 == 4 || (stage->mail && number / 100 == 5)) {
        return mpa_smtp_refused(number, stage, err);
    }

    switch ((int) code) {
    case CURLE_USE_SSL_FAILED:
        return mp_fail(err, MP_INVALID, "TLS",
                       "the server does not offer STARTTLS");
    case CURLE_PEER_FAILED_VERIFICATION:
        return mp_fail(err, MP_INVALID, "TLS",
                       "the certificate is not one to be trusted, or of "
                       "another name");
    case CURLE_SSL_CONNECT_ERROR:
        return mp_fail(err, MP_INVALID, "TLS",
                       "the server does not speak TLS there");
    case CURLE_LOGIN_DENIED:
        return mp_fail(err, MP_CREDENTIALS, "sign in",
                       "authentication failed: the server does not take this "
                       "name and password, or offers no way that we know");
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_REMOTE_ACCESS_DENIED:
        return mp_fail(err, MP_INVALID, "greeting",
                       "what answers is no SMTP server that takes us (%ld)",
                       number);
    default:
        break;
    }

    return mpa_smtp_broken(false, stage, err);
}


static void
mpa_smtp_options(CURL *curl, const struct mpa_smtp *server, const char *name,
                 struct mpa_stage *stage)
{
    char url[MP_TEXT_SIZE + 32];
    long ssl = server->tls == MPA_SMTP_MAY   ? (long) CURLUSESSL_TRY
             : server->tls == MPA_SMTP_PLAIN ? (long) CURLUSESSL_NONE
                                             : (long) CURLUSESSL_ALL;

    (void) snprintf(url, sizeof(url), "%s://%s%s%s:%u/",
                    server->tls == MPA_SMTP_TLS ? "smtps" : "smtp",
                    strchr(name, ':') != NULL ? "[" : "", name,
                    strchr(name, ':') != NULL ? "]" : "", server->port);

    (void) curl_easy_setopt(curl, CURLOPT_URL, url);
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    (void) curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                            (long) MPA_CONNECT_MSECS);
    (void) curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT,
                            MPA_SMTP_ANSWER_MSECS / 1000L);
    /* closed by this handle, whose end of waiting counts then too */
    (void) curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void) curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, mpa_smtp_goes_on);
    (void) curl_easy_setopt(curl, CURLOPT_XFERINFODATA, stage);
    (void) curl_easy_setopt(curl, CURLOPT_USE_SSL, ssl);
    (void) curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER,
                            server->verify ? 1L : 0L);
    (void) curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST,
                            server->verify ? 2L : 0L);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, mpa_smtp_ignore);
    (void) curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, mpa_smtp_watch);
    (void) curl_easy_setopt(curl, CURLOPT_DEBUGDATA, stage);

    if (server->username[0] != '\0') {
        (void) curl_easy_setopt(curl, CURLOPT_USERNAME, server->username);
        (void) curl_easy_setopt(curl, CURLOPT_PASSWORD, server->password);
    }
}


/* What went well, in order: a command is sent when all before it did. */
static void
mpa_smtp_tell(const struct mpa_smtp *server, const struct mpa_stage *stage,
              bool good, bool mail)
{
    const struct mpa_smtp_user *user = stage->user;
    char text[64];

    if (good || stage->connected) {
        (void) snprintf(text, sizeof(text), "port %u takes connections",
                        server->port);
        user->told(user->context, "connect", text);
    }

    if (good || stage->auth || stage->mail) {
        user->told(user->context, "TLS",
                   !stage->tls ? "the connection is not encrypted"
                   : server->verify
                       ? "the connection is encrypted, the certificate is "
                         "right"
                       : "the connection is encrypted");
    }

    if (server->username[0] != '\0' && (good || stage->mail)) {
        user->told(user->context, "sign in",
                   stage->auth ? "name and password are taken"
                               : "the server asks for no login");
    }

    if (good && mail) {
        user->told(user->context, "send", "the server has taken the message");
    }
}


static enum mp_status
mpa_smtp_perform(CURL *curl, const struct mpa_smtp *server, const char *name,
                 const char *addresses, const struct mpa_mail *mail,
                 struct mpa_stage *stage, struct mp_error *err)
{
    struct curl_slist *pins = NULL, *rcpt = NULL;
    char pin[MP_TEXT_SIZE + MPA_ADDRESSES + 16];
    CURLcode code;
    long number = 0;

    mpa_smtp_options(curl, server, name, stage);

    /* the addresses that were told, and no others */
    (void) snprintf(pin, sizeof(pin), "%s:%u:%s", name, server->port,
                    addresses);
    pins = curl_slist_append(NULL, pin);
    (void) curl_easy_setopt(curl, CURLOPT_RESOLVE, pins);

    if (mail != NULL) {
        stage->bytes = mail->message;
        stage->left = mail->len;
        rcpt = curl_slist_append(NULL, mail->to);
        (void) curl_easy_setopt(curl, CURLOPT_MAIL_FROM, mail->from);
        (void) curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, rcpt);
        (void) curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        (void) curl_easy_setopt(curl, CURLOPT_READFUNCTION, mpa_smtp_read);
        (void) curl_easy_setopt(curl, CURLOPT_READDATA, stage);
    } else {
        (void) curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    }

    code = curl_easy_perform(curl);
    (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &number);
    curl_slist_free_all(pins);
    curl_slist_free_all(rcpt);

    return code == CURLE_OK ? MP_OK
                            : mpa_smtp_failed(code, number, stage, err);
}


enum mp_status
mpa_smtp_run(const struct mpa_smtp *server, const struct mpa_mail *mail,
             const struct mpa_smtp_user *user, struct mp_error *err)
{
    struct mpa_stage stage = { .user = user };
    char name[MP_TEXT_SIZE], addresses[MPA_ADDRESSES];
    char text[MP_TEXT_SIZE + MPA_ADDRESSES + 16];
    enum mp_status status;
    CURL *curl;

    status = mpa_resolve(server->host, server->mx, name, addresses,
                         sizeof(addresses), err);
    if (status != MP_OK) {
        return status;
    }

    (void) snprintf(text, sizeof(text), "%s is at %s", name, addresses);
    user->told(user->context, "resolve", text);

    curl = curl_easy_init();
    if (curl == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    stage.end = mp_clock_steady()
              + (mail != NULL ? MPA_SMTP_MAIL_MSECS : MPA_SMTP_MSECS);
    status =
        mpa_smtp_perform(curl, server, name, addresses, mail, &stage, err);
    curl_easy_cleanup(curl);

    mpa_smtp_tell(server, &stage, status == MP_OK, mail != NULL);

    return status;
}
