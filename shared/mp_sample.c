#include "mp_sample.h"

#include <math.h>
#include <string.h>

#include "mp_take.h"

/* Of what the points differ by, the line must explain so much. */
#define MP_FORECAST_FIT 0.6


static void
mp_disk_render(struct mp_json *json, const struct mp_disk *disk)
{
    mp_json_object(json, NULL);
    mp_json_text(json, "name", disk->name);
    mp_json_text(json, "path", disk->path);
    mp_json_bool(json, "answers", disk->answers);
    mp_json_number(json, "bytes", (int64_t) disk->bytes);
    mp_json_number(json, "used", (int64_t) disk->used);
    mp_json_number(json, "free", (int64_t) disk->free);
    mp_json_number(json, "inodes", (int64_t) disk->inodes);
    mp_json_number(json, "inodes_used", (int64_t) disk->inodes_used);

    if (disk->full_secs >= 0) {
        mp_json_number(json, "full_secs", disk->full_secs);
    } else {
        mp_json_null(json, "full_secs");
    }

    mp_json_end_object(json);
}


void
mp_sample_render(struct mp_json *json, const char *key,
                 const struct mp_sample *sample)
{
    char at[MP_TIME_SIZE];

    mp_time_format(at, sample->at);

    mp_json_object(json, key);
    mp_json_text(json, "at", at);
    mp_json_array(json, "load");
    for (size_t i = 0; i < 3; i++) {
        mp_json_hundredths(json, NULL, sample->load[i]);
    }
    mp_json_end_array(json);
    mp_json_number(json, "processors", sample->processors);
    mp_json_number(json, "memory", (int64_t) sample->memory);
    mp_json_number(json, "available", (int64_t) sample->available);
    mp_json_number(json, "swap", (int64_t) sample->swap);
    mp_json_number(json, "swap_used", (int64_t) sample->swap_used);
    mp_json_array(json, "disks");
    for (unsigned int i = 0; i < sample->disk_count; i++) {
        mp_disk_render(json, &sample->disk[i]);
    }
    mp_json_end_array(json);
    mp_json_end_object(json);
}


static enum mp_status
mp_disk_parse(struct mp_disk *disk_r, const json_t *object,
              struct mp_error *err)
{
    const json_t *full = json_object_get(object, "full_secs");

    memset(disk_r, 0, sizeof(*disk_r));
    disk_r->full_secs = json_is_integer(full) ? json_integer_value(full) : -1;

    if (!json_is_object(object)
        || !mp_take_line(disk_r->name, sizeof(disk_r->name), object, "name")
        || !mp_take_line(disk_r->path, sizeof(disk_r->path), object, "path")
        || !mp_take_bool(&disk_r->answers, object, "answers")
        || !mp_take_count(&disk_r->bytes, object, "bytes", MP_TAKE_MAX)
        || !mp_take_count(&disk_r->used, object, "used", MP_TAKE_MAX)
        || !mp_take_count(&disk_r->free, object, "free", MP_TAKE_MAX)
        || !mp_take_count(&disk_r->inodes, object, "inodes", MP_TAKE_MAX)
        || !mp_take_count(&disk_r->inodes_used, object, "inodes_used",
                          MP_TAKE_MAX)
        || disk_r->full_secs < -1 || disk_r->full_secs > MP_FORECAST_MAX)
    {
        return mp_fail(err, MP_INVALID, "disks", "is not a file system");
    }

    return MP_OK;
}


static enum mp_status
mp_sample_disks(struct mp_sample *sample_r, const json_t *root,
                struct mp_error *err)
{
    const json_t *disks = json_object_get(root, "disks");
    size_t count = json_array_size(disks);

    if (!json_is_array(disks) || count > MP_SAMPLE_DISKS) {
        return mp_fail(err, MP_INVALID, "disks",
                       "must be an array of at most %d", MP_SAMPLE_DISKS);
    }

    for (size_t i = 0; i < count; i++) {
        enum mp_status status =
            mp_disk_parse(&sample_r->disk[i], json_array_get(disks, i), err);

        if (status != MP_OK) {
            return status;
        }
    }

    sample_r->disk_count = (unsigned int) count;

    return MP_OK;
}


static bool
mp_sample_load(struct mp_sample *sample_r, const json_t *root)
{
    const json_t *load = json_object_get(root, "load");

    if (json_array_size(load) != 3) {
        return false;
    }

    for (size_t i = 0; i < 3; i++) {
        double value = json_number_value(json_array_get(load, i));

        if (!json_is_number(json_array_get(load, i))
            || !(value >= 0 && value < 1000000))
        {
            return false;
        }

        sample_r->load[i] = (int32_t) lround(value * 100);
    }

    return true;
}


static enum mp_status
mp_sample_root(struct mp_sample *sample_r, const json_t *root,
               struct mp_error *err)
{
    char at[MP_TIME_SIZE];
    uint64_t processors;

    memset(sample_r, 0, sizeof(*sample_r));

    if (!mp_take_time(at, root, "at")
        || !mp_time_parse(&sample_r->at, at, strlen(at)))
    {
        return mp_fail(err, MP_INVALID, "at", "must be a time");
    }

    if (!mp_sample_load(sample_r, root)) {
        return mp_fail(err, MP_INVALID, "load", "must be three numbers");
    }

    if (!mp_take_count(&processors, root, "processors", UINT32_MAX)
        || !mp_take_count(&sample_r->memory, root, "memory", MP_TAKE_MAX)
        || !mp_take_count(&sample_r->available, root, "available", MP_TAKE_MAX)
        || !mp_take_count(&sample_r->swap, root, "swap", MP_TAKE_MAX)
        || !mp_take_count(&sample_r->swap_used, root, "swap_used",
                          MP_TAKE_MAX))
    {
        return mp_fail(err, MP_INVALID, "memory",
                       "and its like must be whole numbers");
    }

    sample_r->processors = (uint32_t) processors;

    return mp_sample_disks(sample_r, root, err);
}


enum mp_status
mp_sample_parse(struct mp_sample *sample_r, const char *bytes, size_t len,
                struct mp_error *err)
{
    json_error_t why;
    json_t *root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &why);
    enum mp_status status;

    if (!json_is_object(root)) {
        json_decref(root);
        return mp_fail(err, MP_INVALID, "", "is not a JSON object");
    }

    status = mp_sample_root(sample_r, root, err);
    json_decref(root);

    return status;
}


int64_t
mp_forecast(const struct mp_point *points, size_t count, uint64_t limit,
            int64_t now)
{
    double n = (double) count, x = 0, y = 0, xx = 0, xy = 0, yy = 0;
    const struct mp_point *last;
    double slope, left;

    if (count < MP_FORECAST_POINTS
        || points[count - 1].at - points[0].at < MP_FORECAST_SPAN)
    {
        return -1;
    }

    /* means first: the sums of squares of unix times lose too much */
    for (size_t i = 0; i < count; i++) {
        x += (double) (points[i].at - points[0].at) / n;
        y += (double) points[i].value / n;
    }

    for (size_t i = 0; i < count; i++) {
        double dx = (double) (points[i].at - points[0].at) - x;
        double dy = (double) points[i].value - y;

        xx += dx * dx;
        xy += dx * dy;
        yy += dy * dy;
    }

    if (!(xx > 0 && xy > 0 && yy > 0) || xy * xy / (xx * yy) < MP_FORECAST_FIT)
    {
        return -1;
    }

    /* from what is used now: the line lies above a disk that was cleaned */
    last = &points[count - 1];
    slope = xy / xx;
    left = ((double) limit - (double) last->value) / slope
         - (double) (now - last->at);

    if (left > MP_FORECAST_MAX) {
        return -1;
    }

    return left > 0 ? (int64_t) left : 0;
}
