/*
 * A log-linear histogram of nanoseconds: 64 steps to each power of two, so a percentile is right to 1.6 %.
 */
#ifndef LOAD_HISTOGRAM_H
#define LOAD_HISTOGRAM_H

#include <stdint.h>

enum {
    histogram_step_bits = 6,
    histogram_steps = 1 << histogram_step_bits,
    /* Up to 2^40 ns, which is 18 minutes. */
    histogram_powers = 40 - histogram_step_bits,
    histogram_cells = histogram_steps * (histogram_powers + 1),
};

struct histogram {
    uint64_t count;
    uint64_t cells[histogram_cells];
};

static inline unsigned histogram_cell(uint64_t value) {
    if (value < histogram_steps) return (unsigned)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - histogram_step_bits;
    unsigned cell = (shift + 1) * histogram_steps + (unsigned)(value >> shift) - histogram_steps;
    return cell < histogram_cells ? cell : histogram_cells - 1;
}

static inline void histogram_add(struct histogram *histogram, uint64_t value) {
    histogram->cells[histogram_cell(value)]++;
    histogram->count++;
}

/* The lower end of the cell below which `share` of all values lie, in nanoseconds. */
static inline uint64_t histogram_percentile(const struct histogram *histogram, double share) {
    uint64_t wanted = (uint64_t)(share * (double)histogram->count);
    uint64_t seen = 0;
    for (unsigned cell = 0; cell < histogram_cells; cell++) {
        seen += histogram->cells[cell];
        if (seen <= wanted) continue;
        if (cell < histogram_steps) return cell;
        unsigned shift = cell / histogram_steps - 1;
        return (uint64_t)(cell % histogram_steps + histogram_steps) << shift;
    }
    return 0;
}

#endif
