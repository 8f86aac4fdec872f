/* Scores by rspamd: POST /checkv2 over HTTP. */

#include "mpm_score.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "mpm_bytes.h"

/*
 * One POST a message.  libmilter runs callbacks in threads that come and go,
 * so that handles are kept in a pool and not with a thread.
 */

#define MPM_POOL_MAX   64
#define MPM_ANSWER_MAX (1u << 20)
#define MPM_FIELD_MAX  1000

struct mpm_rspamd {
    char *url;
    char *socket; /* NULL: by url only */
    long timeout_msecs;
    bool honor_pre_result;
    pthread_mutex_t lock;
    size_t count;
    CURL *idle[MPM_POOL_MAX];
};


static void
mpm_rspamd_close(void *state)
{
    struct mpm_rspamd *rspamd = state;

    for (size_t i = 0; i < rspamd->count; i++) {
        curl_easy_cleanup(rspamd->idle[i]);
    }

    (void) pthread_mutex_destroy(&rspamd->lock);
    free(rspamd->url);
    free(rspamd->socket);
    free(rspamd);
}


static void *
mpm_rspamd_open(const struct mpm_config *config)
{
    static const char unix_prefix[] = "unix:";
    const char *url = config->rspamd_url;
    struct mpm_rspamd *rspamd = calloc(1, sizeof(*rspamd));
    int len;

    if (rspamd == NULL) {
        return NULL;
    }

    (void) pthread_mutex_init(&rspamd->lock, NULL);
    rspamd->timeout_msecs = (long) config->scan_timeout;
    rspamd->honor_pre_result = config->honor_pre_result;

    if (strncmp(url, unix_prefix, sizeof(unix_prefix) - 1) == 0) {
        rspamd->socket = strdup(url + sizeof(unix_prefix) - 1);
        url = "http://rspamd";
    }

    len = (int) strlen(url);
    while (len > 0 && url[len - 1] == '/') {
        len--;
    }

    if (asprintf(&rspamd->url, "%.*s/checkv2", len, url) < 0) {
        rspamd->url = NULL;
        mpm_rspamd_close(rspamd);
        return NULL;
    }

    return rspamd;
}


static CURL *
mpm_rspamd_take(struct mpm_rspamd *rspamd)
{
    CURL *curl = NULL;

    (void) pthread_mutex_lock(&rspamd->lock);

    if (rspamd->count > 0) {
        curl = rspamd->idle[--rspamd->count];
    }

    (void) pthread_mutex_unlock(&rspamd->lock);

    return curl != NULL ? curl : curl_easy_init();
}


static void
mpm_rspamd_put(struct mpm_rspamd *rspamd, CURL *curl)
{
    (void) pthread_mutex_lock(&rspamd->lock);

    if (rspamd->count < MPM_POOL_MAX) {
        rspamd->idle[rspamd->count++] = curl;
        curl = NULL;
    }

    (void) pthread_mutex_unlock(&rspamd->lock);

    if (curl != NULL) {
        curl_easy_cleanup(curl);
    }
}


/* What curl is given more of than it is told to take, it calls an error. */
static size_t
mpm_rspamd_receive(char *bytes, size_t size, size_t count, void *arg)
{
    struct mpm_bytes *answer = arg;
    size_t len = size * count;

    if (len > MPM_ANSWER_MAX - answer->len
        || !mpm_bytes_add(answer, bytes, len)) {
        return 0;
    }

    return len;
}


/* Texts of a stranger: nothing in them may end the line. */
static bool
mpm_rspamd_field(struct curl_slist **list, const char *name, const char *text)
{
    char line[MPM_FIELD_MAX];
    struct curl_slist *longer;

    if (text[0] == '\0') {
        return true;
    }

    (void) snprintf(line, sizeof(line), "%s: %s", name, text);

    for (char *c = line; *c != '\0'; c++) {
        if ((unsigned char) *c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }

    longer = curl_slist_append(*list, line);
    if (longer == NULL) {
        return false;
    }

    *list = longer;

    return true;
}


/* The caller frees it; NULL without memory. */
static struct curl_slist *
mpm_rspamd_fields(const struct mpm_mail *mail)
{
    struct curl_slist *list = NULL;
    bool ok = true;

    /* curl would wait for leave to send a large body */
    list = curl_slist_append(NULL, "Expect:");
    if (list == NULL) {
        return NULL;
    }

    ok = mpm_rspamd_field(&list, "Content-Type", "application/octet-stream")
      && mpm_rspamd_field(&list, "From", mail->sender)
      && mpm_rspamd_field(&list, "IP", mail->client)
      && mpm_rspamd_field(&list, "Helo", mail->helo)
      && mpm_rspamd_field(&list, "Hostname", mail->host)
      && mpm_rspamd_field(&list, "Queue-Id", mail->queue_id);

    for (size_t i = 0; i < mail->rcpt_count && ok; i++) {
        ok = mpm_rspamd_field(&list, "Rcpt", mail->rcpts[i]);
    }

    if (!ok) {
        curl_slist_free_all(list);
        return NULL;
    }

    return list;
}


static CURLcode
mpm_rspamd_post(const struct mpm_rspamd *rspamd, CURL *curl,
                const struct mpm_mail *mail, struct mpm_bytes *answer)
{
    struct curl_slist *fields = mpm_rspamd_fields(mail);
    CURLcode rc;

    if (fields == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }

    (void) curl_easy_setopt(curl, CURLOPT_URL, rspamd->url);
    (void) curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, rspamd->socket);
    (void) curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void) curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    (void) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, rspamd->timeout_msecs);
    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
    (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                            (curl_off_t) mail->len);
    (void) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, mail->bytes);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, mpm_rspamd_receive);
    (void) curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);

    rc = curl_easy_perform(curl);

    (void) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(fields);

    return rc;
}


static enum mp_status
mpm_rspamd_ask(void *state, const struct mpm_mail *mail,
               struct mp_scan *scan_r, struct mp_error *err)
{
    struct mpm_rspamd *rspamd = state;
    struct mpm_bytes answer = { NULL, 0, 0 };
    CURL *curl = mpm_rspamd_take(rspamd);
    enum mp_status status;
    long http = 0;
    CURLcode rc;

    if (curl == NULL) {
        return mp_fail(err, MP_INTERNAL, "", "no memory");
    }

    rc = mpm_rspamd_post(rspamd, curl, mail, &answer);
    (void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
    mpm_rspamd_put(rspamd, curl);

    if (rc != CURLE_OK) {
        status = mp_fail(err, MP_TIMEOUT, "", "%s", curl_easy_strerror(rc));

    } else if (http != 200) {
        status = mp_fail(err, MP_INVALID, "", "answers HTTP status %ld", http);

    } else {
        status = mp_rspamd_parse(
            scan_r, answer.bytes != NULL ? answer.bytes : "", answer.len, err);
    }

    mpm_bytes_free(&answer);

    if (status == MP_OK && !rspamd->honor_pre_result) {
        scan_r->refused = false;
    }

    return status;
}


const struct mpm_score_source mpm_score_rspamd = {
    .remote = true,
    .open = mpm_rspamd_open,
    .close = mpm_rspamd_close,
    .ask = mpm_rspamd_ask,
};
