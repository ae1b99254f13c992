#include "netaug_dot.h"
#include "netaug_finish.h"
#include "netaug_span.h"

/* A missing pixel has the value in_zero: sums[j] += in_zero * sum(weights[j]). */
static void pad(const int8_t *weights, int32_t step, int32_t count, int32_t zero, int32_t block,
                int32_t *sums)
{
    int32_t j, i;
    for (j = 0; j < block; j++) {
        int32_t sum = 0;
        for (i = 0; i < count; i++) {
            sum += weights[j * step + i];
        }
        sums[j] += zero * sum;
    }
}

/* sums[j] += the kernel's weights times the pixels below it, whose first is at (row, column). */
static void patch(const netaug_conv_layer *layer, const int8_t *in, int32_t row, int32_t column,
                  const int8_t *weights, int32_t block, int32_t *sums)
{
    const int32_t kernel = layer->kernel;
    const int32_t channels = layer->in.channels;
    const int32_t step = kernel * kernel * channels;
    const netaug_span rows = netaug_inside(row, kernel, layer->in.height);
    const netaug_span columns = netaug_inside(column, kernel, layer->in.width);
    const int32_t before = columns.first * channels;
    const int32_t read = (columns.end - columns.first) * channels;
    const int32_t after = (kernel - columns.end) * channels;
    int32_t r;
    for (r = 0; r < kernel; r++) {
        const int8_t *line = weights + r * kernel * channels;
        if (r < rows.first || r >= rows.end) {
            pad(line, step, kernel * channels, layer->in_zero, block, sums);
            continue;
        }
        if (before + after > 0) {
            pad(line, step, before, layer->in_zero, block, sums);
            pad(line + before + read, step, after, layer->in_zero, block, sums);
        }
        netaug_dot(in + ((row + r) * layer->in.width + column + columns.first) * channels,
                   line + before, step, read, block, sums);
    }
}

/* out[o] = clamp(requantise(bias[o] + sum of weights[o] * patch) + out_zero) */
static void pixel(const netaug_conv_layer *layer, const int8_t *in, int32_t row, int32_t column,
                  int8_t *out)
{
    const int32_t step = layer->kernel * layer->kernel * layer->in.channels;
    int32_t sums[NETAUG_CHUNK];
    int32_t first, count, o;
    for (first = 0; first < layer->out.channels; first += count) {
        count = netaug_begin(layer, first, sums);
        for (o = 0; o < count; o += 4) {
            const int8_t *weights = layer->weights + (first + o) * step;
            patch(layer, in, row, column, weights, count - o < 4 ? count - o : 4, sums + o);
        }
        netaug_finish(layer, first, count, sums, out + first);
    }
}

/* A kernel's row is one run of bytes, in the image as in the weights. */
void netaug_conv(const netaug_conv_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t padding = layer->kernel / 2;
    int32_t row, column;
    for (row = 0; row < layer->out.height; row++) {
        for (column = 0; column < layer->out.width; column++) {
            pixel(layer, in, row * layer->stride - padding, column * layer->stride - padding, out);
            out += layer->out.channels;
        }
    }
}
