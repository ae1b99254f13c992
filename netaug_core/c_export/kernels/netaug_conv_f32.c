#include <string.h>

#include "netaug_activation_f32.h"
#include "netaug_span.h"

/* out[o] += sum over i of in[i] * weights[i][o] */
static void multiply(const float *in, int32_t in_count, const float *weights, int32_t out_count,
                     float *out)
{
    int32_t i, o;
    for (i = 0; i < in_count; i++, weights += out_count) {
        const float value = in[i];
        for (o = 0; o < out_count; o++) {
            out[o] += value * weights[o];
        }
    }
}

/* out[o] = activation(bias[o] + sum over the kernel's pixels on the image of weights * in)
 *
 * A kernel's row is one run of values, in the image as in the weights.
 */
void netaug_conv_f32(const netaug_conv_layer_f32 *layer, const float *in, float *out)
{
    const int32_t kernel = layer->kernel;
    const int32_t channels = layer->in.channels;
    const int32_t out_channels = layer->out.channels;
    int32_t y, x, r;
    for (y = 0; y < layer->out.height; y++) {
        const int32_t row = y * layer->stride - kernel / 2;
        const netaug_span rows = netaug_inside(row, kernel, layer->in.height);
        for (x = 0; x < layer->out.width; x++, out += out_channels) {
            const int32_t column = x * layer->stride - kernel / 2;
            const netaug_span columns = netaug_inside(column, kernel, layer->in.width);
            memcpy(out, layer->bias, out_channels * sizeof *out);
            for (r = rows.first; r < rows.end; r++) {
                const int32_t first = (row + r) * layer->in.width + column + columns.first;
                const int32_t tap = r * kernel + columns.first;
                multiply(in + first * channels, (columns.end - columns.first) * channels,
                         layer->weights + tap * channels * out_channels, out_channels, out);
            }
            netaug_activate(layer->activation, out_channels, out);
        }
    }
}
