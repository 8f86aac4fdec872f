/*
 * Measures the lists in memory: bench_list [domains], printed as JSON.
 *
 * The names are random, 16.5 bytes on average, and made again from their
 * number when they are needed, so that only the list takes memory.  Lookups
 * are made ready before the clock starts.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "mp_list.h"

#define BENCH_LOOKUPS 200000

static const unsigned char bench_key[MP_LIST_KEY_SIZE] = "0123456789abcde";


/* Time of this process only: the list never waits for anybody. */
static double
bench_now(void)
{
    struct timespec now;

    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);

    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}


static uint64_t
bench_random(uint64_t number)
{
    unsigned char out[crypto_shorthash_BYTES];
    uint64_t value;

    (void) crypto_shorthash(out, (const unsigned char *) &number,
                            sizeof(number), bench_key);
    memcpy(&value, out, sizeof(value));

    return value;
}


/* The number in base 26 keeps the names apart; the rest is random. */
static size_t
bench_domain(char *text, uint64_t number)
{
    static const char *const tops[] = { ".com", ".net", ".org", ".info",
                                        ".de",  ".xyz", ".biz", ".example" };
    uint64_t random = bench_random(number);
    const char *top = tops[random % 8];
    size_t wanted = 8 + (random >> 3) % 9;
    size_t len = 0;

    for (uint64_t rest = number; rest != 0; rest /= 26) {
        text[len++] = (char) ('a' + rest % 26);
    }

    for (random >>= 8; len < wanted; random /= 26) {
        text[len++] = (char) ('a' + random % 26);
    }

    memcpy(text + len, top, strlen(top));

    return len + strlen(top);
}


/*
 * Nanoseconds for a lookup of the names of random entries with a prefix
 * before each.  The names are made before the clock starts.
 */
static double
bench_find(const struct mp_list *list, const char *prefix, size_t entries,
           enum mp_list_kind expected)
{
    struct mp_domain *domains = calloc(BENCH_LOOKUPS, sizeof(*domains));
    size_t before = strlen(prefix), wrong = 0;
    double start;

    if (domains == NULL) {
        exit(1);
    }

    for (size_t i = 0; i < BENCH_LOOKUPS; i++) {
        struct mp_domain *domain = &domains[i];

        memcpy(domain->text, prefix, before);
        domain->len = before
                    + bench_domain(domain->text + before,
                                   bench_random(~(uint64_t) i) % entries);
    }

    start = bench_now();

    for (size_t i = 0; i < BENCH_LOOKUPS; i++) {
        wrong += mp_list_find(list, &domains[i], 1).kind != expected;
    }

    start = bench_now() - start;
    free(domains);

    if (wrong != 0) {
        (void) fprintf(stderr, "%zu wrong answers\n", wrong);
        exit(1);
    }

    return start / BENCH_LOOKUPS * 1e9;
}


static struct mp_list *
bench_build(size_t entries)
{
    struct mp_list *list = mp_list_new(bench_key, 0);
    double start = bench_now();
    size_t bytes = 0, len;
    char text[64];

    if (list == NULL) {
        exit(1);
    }

    for (size_t i = 0; i < entries; i++) {
        len = bench_domain(text, i);
        bytes += len;

        if (!mp_list_put(list, MP_LIST_BLACK, text, len, 0)) {
            exit(1);
        }
    }

    (void) printf("{\"entries\": %zu, \"name_bytes\": %.1f, "
                  "\"build_s\": %.3f, \"bytes_per_domain\": %.2f",
                  mp_list_count(list, MP_LIST_BLACK),
                  (double) bytes / (double) entries, bench_now() - start,
                  (double) mp_list_bytes(list) / (double) entries);

    return list;
}


static void
bench_copies(const struct mp_list *list)
{
    size_t size = mp_list_image_size(list);
    unsigned char *image = malloc(size);
    struct mp_list *copy;
    double start, copied;

    if (image == NULL) {
        exit(1);
    }

    start = bench_now();
    copy = mp_list_copy(list, 1);
    copied = bench_now() - start;
    mp_list_free(copy);

    start = bench_now();
    mp_list_image(list, image);
    (void) printf(", \"copy_s\": %.4f, \"image_s\": %.4f", copied,
                  bench_now() - start);

    start = bench_now();
    copy = mp_list_from_image(image, size);
    (void) printf(", \"load_image_s\": %.4f", bench_now() - start);

    if (copy == NULL
        || mp_list_count(copy, MP_LIST_BLACK)
               != mp_list_count(list, MP_LIST_BLACK))
    {
        exit(1);
    }

    mp_list_free(copy);
    free(image);
}


int
main(int argc, char **argv)
{
    size_t entries = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    struct mp_list *list;

    if (entries == 0) {
        (void) fprintf(stderr, "usage: %s [domains]\n", argv[0]);
        return 64;
    }

    list = bench_build(entries);

    (void) printf(", \"hit_ns\": %.0f",
                  bench_find(list, "", entries, MP_LIST_BLACK));
    (void) printf(", \"subdomain_hit_ns\": %.0f",
                  bench_find(list, "mail.eu.", entries, MP_LIST_BLACK));
    (void) printf(", \"miss_ns\": %.0f",
                  bench_find(list, "mta7.0", entries, MP_LIST_NONE));

    bench_copies(list);
    (void) printf("}\n");
    mp_list_free(list);

    return 0;
}
