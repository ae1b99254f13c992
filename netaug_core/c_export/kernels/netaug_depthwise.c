#include "netaug_dot.h"
#include "netaug_kernels.h"
#include "netaug_requantise.h"
#include "netaug_span.h"

/* Channels side by side that are summed together: as many as stay in registers. */
#if defined(__arm__) && !defined(__ARM_FEATURE_MVE)
#define LANES 4
#else
#define LANES 16
#endif

/* sums[j] += values[j] * weights[j] */
static inline void multiply(const int8_t *values, const int8_t *weights, int32_t sums[LANES])
{
#ifdef NETAUG_DSP
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

/* A missing pixel has the value in_zero. */
static inline void pad(const int8_t *weights, int32_t zero, int32_t lanes, int32_t sums[LANES])
{
    int32_t j;
    for (j = 0; j < lanes; j++) {
        sums[j] += zero * weights[j];
    }
}

/* sums[j] += sum over the kernel of weights[j] * in[j], for `lanes` channels from `channel` on.
 *
 * The kernel's first pixel is at (row, column).
 */
static inline void patch(const netaug_conv_layer *layer, const int8_t *in, int32_t row,
                         int32_t column, int32_t channel, int32_t lanes, int32_t sums[LANES])
{
    const int32_t kernel = layer->kernel;
    const int32_t channels = layer->in.channels;
    const netaug_span rows = netaug_inside(row, kernel, layer->in.height);
    const netaug_span columns = netaug_inside(column, kernel, layer->in.width);
    const int8_t *weights = layer->weights + channel;
    int32_t r, c, j;
    for (r = 0; r < kernel; r++) {
        const int is_missing = r < rows.first || r >= rows.end;
        const int32_t first = is_missing ? kernel : columns.first;
        const int32_t end = is_missing ? kernel : columns.end;
        const int8_t *values;
        for (c = 0; c < first; c++, weights += channels) {
            pad(weights, layer->in_zero, lanes, sums);
        }
        values = in + (is_missing ? 0 : ((row + r) * layer->in.width + column + first) * channels);
        for (values += channel; c < end; c++, weights += channels, values += channels) {
            if (lanes == LANES) {
                multiply(values, weights, sums);
            } else {
                for (j = 0; j < lanes; j++) {
                    sums[j] += values[j] * weights[j];
                }
            }
        }
        for (; c < kernel; c++, weights += channels) {
            pad(weights, layer->in_zero, lanes, sums);
        }
    }
}

/* out[c] = clamp(requantise(bias[c] + sum over the kernel of weights[c] * in[c]) + out_zero) */
static inline void block(const netaug_conv_layer *layer, const int8_t *in, int32_t row,
                         int32_t column, int32_t channel, int32_t lanes, int8_t *out)
{
    int32_t sums[LANES];
    int32_t j;
    for (j = 0; j < lanes; j++) {
        sums[j] = layer->bias[channel + j];
    }
    patch(layer, in, row, column, channel, lanes, sums);
    for (j = 0; j < lanes; j++) {
        const int32_t value = netaug_requantise(sums[j], layer->mantissas[channel + j],
                                                layer->shifts[channel + j]);
        out[channel + j] = netaug_clamp(value, layer->out_zero, layer->low, layer->high);
    }
}

/* Each pixel by itself; the last block of channels may overlap the one before it. */
void netaug_depthwise(const netaug_conv_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t padding = layer->kernel / 2;
    const int32_t channels = layer->out.channels;
    int32_t y, x, channel;
    for (y = 0; y < layer->out.height; y++) {
        for (x = 0; x < layer->out.width; x++, out += channels) {
            const int32_t row = y * layer->stride - padding;
            const int32_t column = x * layer->stride - padding;
            if (channels < LANES) {
                block(layer, in, row, column, 0, channels, out);
                continue;
            }
            for (channel = 0; channel < channels; channel += LANES) {
                const int32_t last = channels - LANES;
                block(layer, in, row, column, channel > last ? last : channel, LANES, out);
            }
        }
    }
}
