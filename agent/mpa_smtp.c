#include "mpa_smtp.h"

#include <stdio.h>
#include <string.h>

#include <curl/curl.h>
#include <sodium.h>

#define MPA_CONNECT_MSECS 5000
#define MPA_ADDRESSES     256

struct mpa_upload {
    const char *bytes;
    size_t left;
};

/* How far the connection came; curl itself tells only how it ended. */
struct mpa_stage {
    bool connected;
    bool tls;
    bool auth; /* the name was sent */
    bool mail; /* MAIL was sent */
};


static size_t
mpa_smtp_read(char *buffer, size_t size, size_t count, void *context)
{
    struct mpa_upload *upload = context;
    size_t n = size * count;

    if (n > upload->left) {
        n = upload->left;
    }

    memcpy(buffer, upload->bytes, n);
    upload->bytes += n;
    upload->left -= n;

    return n;
}


static size_t
mpa_smtp_ignore(char *bytes, size_t size, size_t count, void *context)
{
    (void) bytes;
    (void) context;

    return size * count;
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
        stage->auth =
            stage->auth || (len > 5 && memcmp(bytes, "AUTH ", 5) == 0);
        stage->mail =
            stage->mail || (len > 5 && memcmp(bytes, "MAIL ", 5) == 0);

    } else if (type == CURLINFO_SSL_DATA_IN) {
        stage->connected = true;
        stage->tls = true;
    }

    return 0;
}


static enum mp_status
mpa_smtp_refused(long number, struct mp_error *err)
{
    return mp_fail(err, number / 100 == 4 ? MP_TIMEOUT : MP_INVALID, "send",
                   "the server %s the message (%ld)",
                   number / 100 == 4 ? "puts off" : "refuses", number);
}


/* In our words, by curl's result and by how far it came. */
static enum mp_status
mpa_smtp_failed(CURLcode code, long number, const struct mpa_stage *stage,
                struct mp_error *err)
{
    switch ((int) code) {
    case CURLE_COULDNT_CONNECT:
        return mp_fail(err, MP_TIMEOUT, "connect",
                       "nobody takes the connection");
    case CURLE_OPERATION_TIMEDOUT:
        return mp_fail(err, MP_TIMEOUT,
                       stage->mail        ? "send"
                       : stage->auth      ? "sign in"
                       : stage->connected ? "greeting"
                                          : "connect",
                       "the server does not answer in time");
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
        return mp_fail(err, MP_INVALID, "greeting",
                       "what answers is no SMTP server that takes us (%ld)",
                       number);
    default:
        break;
    }

    if (stage->mail && number >= 400) {
        return mpa_smtp_refused(number, err);
    }

    return mp_fail(err, MP_TIMEOUT, stage->connected ? "greeting" : "connect",
                   "the connection broke off");
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
    (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long) MPA_SMTP_MSECS);
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


/* What went well, in order. */
static void
mpa_smtp_tell(const struct mpa_smtp *server, const struct mpa_stage *stage,
              const struct mpa_mail *mail, mpa_smtp_told *told, void *context)
{
    char text[64];

    (void) snprintf(text, sizeof(text), "port %u takes connections",
                    server->port);
    told(context, "connect", text);

    if (stage->tls) {
        told(context, "TLS",
             server->verify ? "the connection is encrypted, the certificate "
                              "is right"
                            : "the connection is encrypted");
    } else {
        told(context, "TLS", "the connection is not encrypted");
    }

    if (server->username[0] != '\0') {
        told(context, "sign in",
             stage->auth ? "name and password are taken"
                         : "the server asks for no login");
    }

    if (mail != NULL) {
        told(context, "send", "the server has taken the message");
    }
}


static enum mp_status
mpa_smtp_perform(CURL *curl, const struct mpa_smtp *server, const char *name,
                 const char *addresses, const struct mpa_mail *mail,
                 struct mpa_stage *stage, struct mp_error *err)
{
    struct mpa_upload upload = { NULL, 0 };
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
        upload.bytes = mail->message;
        upload.left = mail->len;
        rcpt = curl_slist_append(NULL, mail->to);
        (void) curl_easy_setopt(curl, CURLOPT_MAIL_FROM, mail->from);
        (void) curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, rcpt);
        (void) curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        (void) curl_easy_setopt(curl, CURLOPT_READFUNCTION, mpa_smtp_read);
        (void) curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
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
             mpa_smtp_told *told, void *context, struct mp_error *err)
{
    struct mpa_stage stage = { false, false, false, false };
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
    told(context, "resolve", text);

    curl = curl_easy_init();
    if (curl == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    status =
        mpa_smtp_perform(curl, server, name, addresses, mail, &stage, err);
    curl_easy_cleanup(curl);

    if (status == MP_OK) {
        mpa_smtp_tell(server, &stage, mail, told, context);
    }

    return status;
}
