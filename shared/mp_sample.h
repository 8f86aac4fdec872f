#ifndef MP_SAMPLE_H
#define MP_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp_error.h"
#include "mp_json.h"

#define MP_SAMPLE_DISKS 16
#define MP_DISK_NAME    32
#define MP_DISK_PATH    256

/* Samples that are kept: a week of minutes, a year of hours. */
#define MP_SAMPLE_MINUTES (7 * 24 * 60)
#define MP_SAMPLE_HOURS   (365 * 24)

/* One file system at one moment; without answers the numbers are 0. */
struct mp_disk {
    char name[MP_DISK_NAME];
    char path[MP_DISK_PATH];
    bool answers;
    int error;      /* errno, where that was the answer; it is not rendered */
    uint64_t bytes; /* of its size; used and free leave root's reserve out */
    uint64_t used;
    uint64_t free;
    uint64_t inodes; /* 0: it has no fixed number of them */
    uint64_t inodes_used;
    int64_t full_secs; /* until it is full by the trend, -1 for no trend */
};

/* What a node was like at one moment; a plain value. */
struct mp_sample {
    int64_t at;      /* unix seconds */
    int32_t load[3]; /* hundredths; of 1, 5 and 15 minutes */
    uint32_t processors;
    uint64_t memory; /* bytes */
    uint64_t available;
    uint64_t swap;
    uint64_t swap_used;
    unsigned int disk_count;
    struct mp_disk disk[MP_SAMPLE_DISKS];
};

/* An object: {"at", "load": [..], "processors", "memory", …, "disks": […]}. */
void mp_sample_render(struct mp_json *json, const char *key,
                      const struct mp_sample *sample);

/* Reads it, as from a stranger: MP_INVALID names what is wrong. */
enum mp_status mp_sample_parse(struct mp_sample *sample_r, const char *bytes,
                               size_t len, struct mp_error *err);

struct mp_point {
    int64_t at; /* unix seconds */
    uint64_t value;
};

/*
 * When limit is met, should it go on from the last point as steeply as the
 * line through all of them (least squares): seconds from now, at most
 * MP_FORECAST_MAX, or -1.  There is a trend when the points are
 * MP_FORECAST_POINTS or more over MP_FORECAST_SPAN seconds, rise, and lie near
 * the line.
 */
#define MP_FORECAST_POINTS 12
#define MP_FORECAST_SPAN   (12 * 3600)
#define MP_FORECAST_MAX    (365 * 24 * 3600)
int64_t mp_forecast(const struct mp_point *points, size_t count,
                    uint64_t limit, int64_t now);

#endif
