#include "netaug_dot.h"
#include "netaug_finish.h"

/* out[o] = clamp(requantise(bias[o] + sum over i of weights[o][i] * in[i]) + out_zero) */
static void pixel(const netaug_conv_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t in_channels = layer->in.channels;
    int32_t sums[NETAUG_CHUNK];
    int32_t first, count, o;
    for (first = 0; first < layer->out.channels; first += count) {
        count = netaug_begin(layer, first, sums);
        for (o = 0; o < count; o += 4) {
            const int8_t *weights = layer->weights + (first + o) * in_channels;
            netaug_dot(in, weights, in_channels, in_channels, count - o, sums + o);
        }
        netaug_finish(layer, first, count, sums, out + first);
    }
}

void netaug_conv_1x1(const netaug_conv_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t stride = layer->stride;
    const int32_t in_channels = layer->in.channels;
    int32_t row, column;
    for (row = 0; row < layer->out.height; row++) {
        const int8_t *line = in + row * stride * layer->in.width * in_channels;
        for (column = 0; column < layer->out.width; column++) {
            pixel(layer, line + column * stride * in_channels, out);
            out += layer->out.channels;
        }
    }
}
