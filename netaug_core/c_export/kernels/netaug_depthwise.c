#include <string.h>

#include "netaug_finish.h"
#include "netaug_simd.h"
#include "netaug_span.h"

#if defined(NETAUG_DSP)
#include "netaug_dsp.h"
#endif

/* Channels side by side that are summed together: as many as stay in registers. */
#if defined(__arm__) && !defined(NETAUG_MVE)
#define LANES 4
#else
#define LANES 8
#endif

/* Of a kernel, what lies on the image. */
typedef struct {
    netaug_span rows, columns;
    const int8_t *values; /* of its first pixel */
} window;

#if defined(NETAUG_MVE)
#include <arm_mve.h>

typedef struct {
    int32x4_t even, odd; /* of the lanes */
} accumulator;

/* sum[j] += values[j] * weights[j] */
static inline void multiply(const int8_t *values, const int8_t *weights, accumulator *sum)
{
    const int16x8_t value = vldrbq_s16(values);
    const int16x8_t weight = vldrbq_s16(weights);
    sum->even = vaddq_s32(sum->even, vmullbq_int_s16(value, weight));
    sum->odd = vaddq_s32(sum->odd, vmulltq_int_s16(value, weight));
}

static inline accumulator taken(const int32_t *sums)
{
    const int32x4x2_t both = vld2q_s32(sums);
    const accumulator sum = {both.val[0], both.val[1]};
    return sum;
}

static inline void give(accumulator sum, int32_t *sums)
{
    const int32x4x2_t both = {{sum.even, sum.odd}};
    vst2q_s32(sums, both);
}

#else

typedef struct {
    int32_t lane[LANES]; /* nothing else can point to it: it stays in registers */
} accumulator;

/* sum[j] += values[j] * weights[j] */
static inline void multiply(const int8_t *values, const int8_t *weights, accumulator *sum)
{
    int32_t *const sums = sum->lane;
#if defined(NETAUG_DSP)
    const netaug_pairs value = netaug_load_pairs(values);
    const netaug_pairs weight = netaug_load_pairs(weights);
    sums[0] = __smlabb(value.even, weight.even, sums[0]);
    sums[1] = __smlabb(value.odd, weight.odd, sums[1]);
    sums[2] = __smlatt(value.even, weight.even, sums[2]);
    sums[3] = __smlatt(value.odd, weight.odd, sums[3]);
#else
    int32_t j;
    for (j = 0; j < LANES; j++) {
        sums[j] += (int16_t)values[j] * (int16_t)weights[j];
    }
#endif
}

static inline accumulator taken(const int32_t *sums)
{
    accumulator sum;
    memcpy(sum.lane, sums, sizeof sum.lane);
    return sum;
}

static inline void give(accumulator sum, int32_t *sums)
{
    memcpy(sums, sum.lane, sizeof sum.lane);
}

#endif

/* A missing pixel has the value in_zero: sums[j] += in_zero * weights[j] for each of them. */
static void pad(const netaug_conv_layer *layer, const window *on_image, const int8_t *weights,
                int32_t lanes, int32_t *sums)
{
    const int32_t kernel = layer->kernel;
    int32_t r, c, j;
    for (r = 0; r < kernel; r++) {
        const int is_row = r >= on_image->rows.first && r < on_image->rows.end;
        for (c = 0; c < kernel; c++, weights += layer->in.channels) {
            if (is_row && c >= on_image->columns.first && c < on_image->columns.end) {
                continue;
            }
            for (j = 0; j < lanes; j++) {
                sums[j] += layer->in_zero * weights[j];
            }
        }
    }
}

/* sums[j] += sum over the window of weights[j] * values[j]; `channel` is the first of `lanes`. */
static inline void sum_up(const netaug_conv_layer *layer, const window *on_image, int32_t channel,
                          int32_t lanes, int32_t *sums)
{
    const int32_t channels = layer->in.channels;
    const int32_t num_columns = on_image->columns.end - on_image->columns.first;
    const int32_t next_line = (layer->in.width - num_columns) * channels;
    const int32_t next_row = (layer->kernel - num_columns) * channels;
    const int32_t skipped = on_image->rows.first * layer->kernel + on_image->columns.first;
    const int8_t *weights = layer->weights + skipped * channels + channel;
    const int8_t *values = on_image->values + channel;
    int32_t rows = on_image->rows.end - on_image->rows.first;
    accumulator sum = taken(sums);
    int32_t c, j;
    for (; rows > 0; rows--) {
        for (c = num_columns; c > 0; c--) {
            if (lanes == LANES) {
                multiply(values, weights, &sum);
            } else {
                for (j = 0; j < lanes; j++) {
                    sums[j] += values[j] * weights[j];
                }
            }
            values += channels;
            weights += channels;
        }
        values += next_line;
        weights += next_row;
    }
    if (lanes == LANES) {
        give(sum, sums);
    }
}

/* out[c] = clamp(requantise(bias[c] + sum over the kernel of weights[c] * in[c]) + out_zero) */
static void pixel(const netaug_conv_layer *layer, const window *on_image, int8_t *out)
{
    const int32_t kernel = layer->kernel;
    const int is_cut = on_image->rows.first > 0 || on_image->rows.end < kernel ||
                       on_image->columns.first > 0 || on_image->columns.end < kernel;
    int32_t sums[NETAUG_CHUNK + LANES]; /* the last lanes may be fewer, and are taken all */
    int32_t first, count, c;
    for (first = 0; first < layer->out.channels; first += count) {
        count = netaug_begin(layer, first, sums);
        for (c = 0; c + LANES <= count; c += LANES) {
            sum_up(layer, on_image, first + c, LANES, sums + c);
        }
        if (c < count) {
            sum_up(layer, on_image, first + c, count - c, sums + c);
        }
        if (is_cut) {
            pad(layer, on_image, layer->weights + first, count, sums);
        }
        netaug_finish(layer, first, count, sums, out + first);
    }
}

static window at(const netaug_conv_layer *layer, const int8_t *in, int32_t row, int32_t column)
{
    window on_image;
    on_image.rows = netaug_inside(row, layer->kernel, layer->in.height);
    on_image.columns = netaug_inside(column, layer->kernel, layer->in.width);
    row += on_image.rows.first;
    column += on_image.columns.first;
    on_image.values = in + (row * layer->in.width + column) * layer->in.channels;
    return on_image;
}

void netaug_depthwise(const netaug_conv_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t padding = layer->kernel / 2;
    int32_t y, x;
    for (y = 0; y < layer->out.height; y++) {
        for (x = 0; x < layer->out.width; x++, out += layer->out.channels) {
            const window on_image =
                at(layer, in, y * layer->stride - padding, x * layer->stride - padding);
            pixel(layer, &on_image, out);
        }
    }
}
