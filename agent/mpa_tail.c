/* Follows one log file; see mpa_tail.h. */

#include "mpa_tail.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MPA_TAIL_CLASSES 2
#define MPA_TAIL_HEAD    512         /* of a line, to see its class */
#define MPA_TAIL_BACK    (32u << 20) /* bytes that are looked through */
#define MPA_TAIL_BEHIND  (INT64_C(64) << 20) /* more is not caught up with */
#define MPA_TAIL_IDLE    500                 /* then nobody writes to it */

struct mpa_tail {
    struct mpa_tail_options options;

    int fd;
    struct stat st;  /* when it was opened */
    int next;        /* the file that has its name now, or -1 */
    bool final;      /* at its end comes next */
    int64_t idle_at; /* its end was seen first */
    uint64_t idle_end;

    uint64_t end;              /* offset behind buf */
    uint64_t begin;            /* of the line */
    char last[MPA_TAIL_CHECK]; /* before the line */
    size_t last_len;

    char buf[MPA_TAIL_CHECK + MPA_TAIL_BLOCK];
    size_t len;
    size_t at; /* what is before is read */

    char line[MPA_TAIL_LINE]; /* of several blocks */
    size_t line_len;
    uint64_t line_whole;

    size_t skip[MPA_TAIL_CLASSES]; /* lines that are older than the newest */
};


/* FNV-1a */
static uint64_t
mpa_tail_sum(const char *bytes, size_t len)
{
    uint64_t sum = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < len; i++) {
        sum = (sum ^ (unsigned char) bytes[i]) * UINT64_C(1099511628211);
    }

    return sum;
}


void
mpa_place_format(char text_r[MPA_PLACE_SIZE], const struct mpa_place *place)
{
    (void) snprintf(text_r, MPA_PLACE_SIZE,
                    "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIx64, place->dev,
                    place->inode, place->offset, place->check);
}


bool
mpa_place_parse(struct mpa_place *place_r, const char *text)
{
    int end = 0;

    return sscanf(text,
                  "%20" SCNu64 " %20" SCNu64 " %20" SCNu64 " %16" SCNx64 "%n",
                  &place_r->dev, &place_r->inode, &place_r->offset,
                  &place_r->check, &end)
            == 4
        && text[end] == '\0' && place_r->offset <= INT64_MAX;
}


struct mpa_tail *
mpa_tail_new(const struct mpa_tail_options *options)
{
    struct mpa_tail *tail = calloc(1, sizeof(*tail));

    if (tail != NULL) {
        tail->options = *options;
        tail->fd = -1;
        tail->next = -1;
    }

    return tail;
}


static void
mpa_tail_close(struct mpa_tail *tail)
{
    if (tail->fd >= 0) {
        (void) close(tail->fd);
    }

    if (tail->next >= 0) {
        (void) close(tail->next);
    }

    tail->fd = -1;
    tail->next = -1;
}


void
mpa_tail_free(struct mpa_tail *tail)
{
    if (tail != NULL) {
        mpa_tail_close(tail);
        free(tail);
    }
}


void
mpa_tail_place(const struct mpa_tail *tail, struct mpa_place *place_r)
{
    place_r->dev = tail->st.st_dev;
    place_r->inode = tail->st.st_ino;
    place_r->offset = tail->begin;
    place_r->check = mpa_tail_sum(tail->last, tail->last_len);
}


/* Reads as much as there is; fewer bytes than asked for are the end. */
static ssize_t
mpa_tail_read(int fd, char *buf, size_t len, uint64_t offset)
{
    size_t have = 0;

    while (have < len) {
        ssize_t n = pread(fd, buf + have, len - have, (off_t) (offset + have));

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n < 0) {
            return have > 0 ? (ssize_t) have : -1;
        }

        if (n == 0) {
            break;
        }

        have += (size_t) n;
    }

    return (ssize_t) have;
}


static enum mp_status
mpa_tail_failed(const char *what, struct mp_error *err)
{
    return mp_fail(err, MP_INTERNAL, "", "the file cannot be %s: %s", what,
                   strerror(errno));
}


/* Takes fd over, to read on at offset, which is where a line begins. */
static enum mp_status
mpa_tail_take(struct mpa_tail *tail, int fd, uint64_t offset,
              struct mp_error *err)
{
    size_t len = offset < MPA_TAIL_CHECK ? (size_t) offset : MPA_TAIL_CHECK;

    tail->fd = fd;
    tail->final = false;
    tail->idle_at = 0;
    tail->begin = offset;
    tail->end = offset;
    tail->line_len = 0;
    tail->line_whole = 0;
    tail->last_len = len;

    if (fstat(fd, &tail->st) != 0
        || mpa_tail_read(fd, tail->last, len, offset - len) != (ssize_t) len)
    {
        return mpa_tail_failed("read", err);
    }

    memcpy(tail->buf, tail->last, len);
    tail->len = len;
    tail->at = len;

    return MP_OK;
}


/* Whether the bytes before the place are in the file. */
static bool
mpa_tail_matches(int fd, const struct mpa_place *place, bool same_file)
{
    char bytes[MPA_TAIL_CHECK];
    size_t len =
        place->offset < sizeof(bytes) ? (size_t) place->offset : sizeof(bytes);
    struct stat st;

    if (fstat(fd, &st) != 0 || (uint64_t) st.st_size < place->offset
        || (same_file && (uint64_t) st.st_ino != place->inode))
    {
        return false;
    }

    return mpa_tail_read(fd, bytes, len, place->offset - len) == (ssize_t) len
        && mpa_tail_sum(bytes, len) == place->check;
}


/* Newest lines: from the end backwards, block by block. */

struct mpa_back {
    uint64_t limit; /* no further */
    size_t count[MPA_TAIL_CLASSES];
    uint64_t begin; /* of the oldest line that was counted */
    bool ended;     /* the newline that ends the last line was seen */
};


static unsigned int
mpa_tail_class(const struct mpa_tail *tail, const char *head, size_t len)
{
    const char *end;

    if (tail->options.class == NULL) {
        return 0;
    }

    if (len > MPA_TAIL_HEAD) {
        len = MPA_TAIL_HEAD;
    }

    end = memchr(head, '\n', len);

    return tail->options.class(tail->options.data, head,
                               end != NULL ? (size_t) (end - head) : len);
}


static bool
mpa_back_enough(const struct mpa_tail *tail, const struct mpa_back *back)
{
    for (unsigned int i = 0; i < tail->options.classes; i++) {
        if (back->count[i] < tail->options.first) {
            return false;
        }
    }

    return true;
}


/* Lines that begin in the block; len bytes from it on are there. */
static bool
mpa_back_block(const struct mpa_tail *tail, struct mpa_back *back,
               const char *block, size_t size, size_t len, uint64_t offset)
{
    size_t left = size;

    while (left > 0) {
        const char *p = memrchr(block, '\n', left);
        size_t head;

        if (p == NULL) {
            break;
        }

        left = (size_t) (p - block);
        head = left + 1;

        if (back->ended) {
            back->count[mpa_tail_class(tail, block + head, len - head)]++;
        }

        back->ended = true;
        back->begin = offset + head;

        if (mpa_back_enough(tail, back)) {
            return true;
        }
    }

    return false;
}


/* Where the newest lines begin. */
static enum mp_status
mpa_tail_newest(struct mpa_tail *tail, int fd, uint64_t *offset_r,
                struct mp_error *err)
{
    const size_t size = MPA_TAIL_BLOCK - MPA_TAIL_HEAD;
    struct mpa_back back = { 0 };
    bool enough = false;
    struct stat st;
    uint64_t at;

    memset(tail->skip, 0, sizeof(tail->skip));

    if (fstat(fd, &st) != 0) {
        return mpa_tail_failed("read", err);
    }

    at = (uint64_t) st.st_size;
    back.begin = at;

    if (tail->options.classes > 1 && at > MPA_TAIL_BACK) {
        back.limit = at - MPA_TAIL_BACK;
    }

    while (at > back.limit && !enough) {
        size_t want =
            at - back.limit < size ? (size_t) (at - back.limit) : size;
        ssize_t n;

        at -= want;
        n = mpa_tail_read(fd, tail->buf, want + MPA_TAIL_HEAD, at);

        if (n < (ssize_t) want) {
            return mpa_tail_failed("read", err);
        }

        enough = mpa_back_block(tail, &back, tail->buf, want, (size_t) n, at);
    }

    /* the first line of the file has no newline before it */
    *offset_r = enough || back.limit > 0 ? back.begin : 0;

    for (unsigned int i = 0; i < tail->options.classes; i++) {
        if (back.count[i] > tail->options.first) {
            tail->skip[i] = back.count[i] - tail->options.first;
        }
    }

    return MP_OK;
}


/* What is much too far behind would only push out what is newer. */
static enum mp_status
mpa_tail_bound(struct mpa_tail *tail, int fd, uint64_t *offset,
               struct mp_error *err)
{
    struct stat st;
    uint64_t newest;

    if (fstat(fd, &st) != 0
        || st.st_size - (int64_t) *offset <= MPA_TAIL_BEHIND) {
        return MP_OK;
    }

    if (mpa_tail_newest(tail, fd, &newest, err) != MP_OK) {
        return MP_INTERNAL;
    }

    if (newest > *offset) {
        *offset = newest;
    } else {
        memset(tail->skip, 0, sizeof(tail->skip));
    }

    return MP_OK;
}


static int64_t
mpa_tail_written(const struct stat *st)
{
    return (int64_t) st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}


/* Whether its writer has left a file that was renamed for the next one. */
static bool
mpa_tail_left(const struct mpa_tail *tail)
{
    struct stat st, next;

    return fstat(tail->fd, &st) == 0 && fstat(tail->next, &next) == 0
        && next.st_size > 0
        && mpa_tail_written(&next) - mpa_tail_written(&st) >= MPA_TAIL_IDLE;
}


/* The place is not in the file of that name: it may be in the one before. */
static enum mp_status
mpa_tail_older(struct mpa_tail *tail, int fd, const struct mpa_place *place,
               bool *lost_r, struct mp_error *err)
{
    const struct mpa_tail_options *options = &tail->options;
    struct mp_error why;
    uint64_t offset = 0;
    int old = -1;

    if (options->open(options->data, true, &old, &why) == MP_OK
        && mpa_tail_matches(old, place, place->offset == 0))
    {
        tail->next = fd;

        if (mpa_tail_take(tail, old, place->offset, err) != MP_OK) {
            return MP_INTERNAL;
        }

        /* a copy is whole */
        tail->final =
            (uint64_t) tail->st.st_ino != place->inode || mpa_tail_left(tail);

        return MP_OK;
    }

    if (old >= 0) {
        (void) close(old);
    }

    *lost_r = true;

    if (mpa_tail_bound(tail, fd, &offset, err) != MP_OK) {
        (void) close(fd);
        return MP_INTERNAL;
    }

    return mpa_tail_take(tail, fd, offset, err);
}


enum mp_status
mpa_tail_begin(struct mpa_tail *tail, const struct mpa_place *place,
               bool *lost_r, struct mp_error *err)
{
    const struct mpa_tail_options *options = &tail->options;
    enum mp_status status;
    uint64_t offset = 0;
    int fd = -1;

    *lost_r = false;
    mpa_tail_close(tail);
    memset(tail->skip, 0, sizeof(tail->skip));

    status = options->open(options->data, false, &fd, err);
    if (status != MP_OK) {
        return status;
    }

    if (place != NULL && !mpa_tail_matches(fd, place, true)) {
        return mpa_tail_older(tail, fd, place, lost_r, err);
    }

    if (place != NULL) {
        offset = place->offset;
        status = mpa_tail_bound(tail, fd, &offset, err);
        *lost_r = offset != place->offset;
    } else {
        status = mpa_tail_newest(tail, fd, &offset, err);
    }

    if (status != MP_OK) {
        (void) close(fd);
        return status;
    }

    return mpa_tail_take(tail, fd, offset, err);
}


/*
 * More bytes into buf, behind those before them.  MP_STALE: the file is not
 * what it was, MP_NOT_FOUND: there is no more.
 */
static enum mp_status
mpa_tail_fill(struct mpa_tail *tail, struct mp_error *err)
{
    char check[MPA_TAIL_CHECK];
    size_t keep = tail->len < MPA_TAIL_CHECK ? tail->len : MPA_TAIL_CHECK;
    ssize_t n;

    memcpy(check, tail->buf + tail->len - keep, keep);
    n = mpa_tail_read(tail->fd, tail->buf, keep + MPA_TAIL_BLOCK,
                      tail->end - keep);

    if (n < 0) {
        return mpa_tail_failed("read", err);
    }

    if ((size_t) n < keep || memcmp(tail->buf, check, keep) != 0) {
        return MP_STALE;
    }

    tail->len = (size_t) n;
    tail->at = keep;
    tail->end += (size_t) n - keep;

    return (size_t) n > keep ? MP_OK : MP_NOT_FOUND;
}


/* The next line begins at tail->at. */
static void
mpa_tail_passed(struct mpa_tail *tail)
{
    size_t len = tail->at < MPA_TAIL_CHECK ? tail->at : MPA_TAIL_CHECK;

    memcpy(tail->last, tail->buf + tail->at - len, len);
    tail->last_len = len;
    tail->begin = tail->end - (tail->len - tail->at);
    tail->line_len = 0;
    tail->line_whole = 0;
}


/* Takes what buf has of the line; true when that ends it. */
static bool
mpa_tail_collect(struct mpa_tail *tail, struct mpa_line *line_r)
{
    const char *from = tail->buf + tail->at;
    size_t left = tail->len - tail->at, room, len;
    const char *end = memchr(from, '\n', left);

    len = end != NULL ? (size_t) (end - from) : left;
    tail->at += end != NULL ? len + 1 : len;

    if (end != NULL && tail->line_whole == 0) {
        line_r->bytes = from;
        line_r->whole = len;
        line_r->len = len < MPA_TAIL_LINE ? len : MPA_TAIL_LINE;
        return true;
    }

    room = MPA_TAIL_LINE - tail->line_len;
    memcpy(tail->line + tail->line_len, from, len < room ? len : room);
    tail->line_len += len < room ? len : room;
    tail->line_whole += len;

    line_r->bytes = tail->line;
    line_r->len = tail->line_len;
    line_r->whole = tail->line_whole;

    return end != NULL;
}


/* At the end of a file that gets no more: its last line may have no end. */
static enum mp_status
mpa_tail_last(struct mpa_tail *tail, struct mpa_line *line_r,
              struct mp_error *err)
{
    int fd = tail->next;

    if (tail->line_whole > 0) {
        line_r->bytes = tail->line;
        line_r->len = tail->line_len;
        line_r->whole = tail->line_whole;
        mpa_tail_passed(tail);
        return MP_OK;
    }

    (void) close(tail->fd);
    tail->next = -1;

    return mpa_tail_take(tail, fd, 0, err);
}


static bool
mpa_tail_skips(struct mpa_tail *tail, const struct mpa_line *line)
{
    unsigned int class;

    if (tail->skip[0] == 0 && tail->skip[1] == 0) {
        return false;
    }

    class = mpa_tail_class(tail, line->bytes, line->len);

    if (tail->skip[class] == 0) {
        return false;
    }

    tail->skip[class]--;

    return true;
}


enum mp_status
mpa_tail_line(struct mpa_tail *tail, struct mpa_line *line_r,
              struct mp_error *err)
{
    while (tail->fd >= 0) {
        enum mp_status status;

        if (tail->at < tail->len) {
            if (mpa_tail_collect(tail, line_r)) {
                mpa_tail_passed(tail);

                if (!mpa_tail_skips(tail, line_r)) {
                    return MP_OK;
                }
            }

            continue;
        }

        status = mpa_tail_fill(tail, err);

        if (status == MP_NOT_FOUND && tail->final) {
            bool line = tail->line_whole > 0;

            status = mpa_tail_last(tail, line_r, err);

            if (status == MP_OK && line) {
                return MP_OK;
            }
        }

        if (status != MP_OK) {
            return status;
        }
    }

    return mp_fail(err, MP_INTERNAL, "", "the file is not open");
}


/*
 * Whoever writes to a file that was renamed does so for a moment yet.  The
 * times of the files say when it has ended, and our own clock when they are
 * of one that was set.
 */
static void
mpa_tail_wait(struct mpa_tail *tail, int64_t now)
{
    struct stat st;

    if (mpa_tail_left(tail)) {
        tail->final = true;

    } else if (tail->idle_at == 0 || tail->end != tail->idle_end) {
        tail->idle_at = now;
        tail->idle_end = tail->end;

    } else if (now - tail->idle_at >= MPA_TAIL_IDLE
               && fstat(tail->next, &st) == 0 && st.st_size > 0)
    {
        tail->final = true;
    }
}


bool
mpa_tail_turns(const struct mpa_tail *tail)
{
    return tail->next >= 0 && !tail->final;
}


enum mp_status
mpa_tail_look(struct mpa_tail *tail, int64_t now, struct mp_error *err)
{
    const struct mpa_tail_options *options = &tail->options;
    enum mp_status status;
    struct stat st;
    int fd = -1;

    if (tail->next >= 0) {
        mpa_tail_wait(tail, now);
        return MP_OK;
    }

    status = options->open(options->data, false, &fd, err);
    if (status != MP_OK) {
        return status;
    }

    if (fstat(fd, &st) == 0
        && (st.st_ino != tail->st.st_ino || st.st_dev != tail->st.st_dev))
    {
        tail->next = fd;
        tail->idle_at = 0;
        mpa_tail_wait(tail, now);
    } else {
        (void) close(fd);
    }

    return MP_OK;
}
