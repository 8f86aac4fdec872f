#ifndef MPA_TAIL_H
#define MPA_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mp_error.h"

#define MPA_TAIL_LINE  4096 /* what is longer is cut */
#define MPA_TAIL_CHECK 64
#define MPA_TAIL_BLOCK 65536

/*
 * How far a log is read.  A number of an inode is used again, and a file is
 * cut and written anew; so a place is good only where the bytes before it are
 * those that were read.
 */
struct mpa_place {
    uint64_t dev;
    uint64_t inode;
    uint64_t offset; /* the next line begins here */
    uint64_t check;  /* of the MPA_TAIL_CHECK bytes before it, or fewer */
};

#define MPA_PLACE_SIZE 96

void mpa_place_format(char text_r[MPA_PLACE_SIZE],
                      const struct mpa_place *place);
bool mpa_place_parse(struct mpa_place *place_r, const char *text);

/* A line without its newline, lent until the next call. */
struct mpa_line {
    const char *bytes;
    size_t len;     /* at most MPA_TAIL_LINE */
    uint64_t whole; /* its length in the file */
};

/*
 * Opens the log, or the one that was rotated last; the caller closes *fd_r.
 * MP_NOT_FOUND: there is none now.
 */
typedef enum mp_status (*mpa_tail_open_pt)(void *data, bool rotated, int *fd_r,
                                           struct mp_error *err);

/* Whether a line counts as one of the newest; see mpa_tail_begin(). */
typedef unsigned int (*mpa_tail_class_pt)(void *data, const char *head,
                                          size_t len);

/*
 * Follows one file.  Lines come one by one, each once, also when the file is
 * renamed, copied and cut, or cut; what was not taken when it stops is read
 * again from the place.
 */
struct mpa_tail;

struct mpa_tail_options {
    mpa_tail_open_pt open;
    void *data;
    size_t first; /* lines of each class that are read without a place */
    unsigned int classes;
    mpa_tail_class_pt class; /* NULL: one class */
};

/* NULL without memory. */
struct mpa_tail *mpa_tail_new(const struct mpa_tail_options *options);
void mpa_tail_free(struct mpa_tail *tail);

/*
 * Begins anew at a place, NULL: with the newest lines.  lost_r: lines between
 * the place and what is left are gone.
 */
enum mp_status mpa_tail_begin(struct mpa_tail *tail,
                              const struct mpa_place *place, bool *lost_r,
                              struct mp_error *err);

/*
 * The next line.  MP_NOT_FOUND: none now; MP_STALE: the file was cut or
 * written anew, so that it must begin at its place again.  Neither fills err.
 */
enum mp_status mpa_tail_line(struct mpa_tail *tail, struct mpa_line *line_r,
                             struct mp_error *err);

/*
 * Looks whether the name is another file's; to be called every now and then,
 * with a clock in milliseconds.  The lines before are not hurt by a failure.
 */
enum mp_status mpa_tail_look(struct mpa_tail *tail, int64_t now,
                             struct mp_error *err);

/* Whether the name is another file's already, so that it is worth a look. */
bool mpa_tail_turns(const struct mpa_tail *tail);

/* Where the line begins that comes next. */
void mpa_tail_place(const struct mpa_tail *tail, struct mpa_place *place_r);

#endif
