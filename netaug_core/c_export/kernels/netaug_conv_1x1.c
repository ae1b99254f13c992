#include "netaug_dot.h"
#include "netaug_kernels.h"
#include "netaug_requantise.h"

/* out[o] = clamp(requantise(bias[o] + sum over i of weights[o][i] * in[i]) + out_zero) */
static void pixel(const netaug_conv_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t in_channels = layer->in.channels;
    const int32_t out_channels = layer->out.channels;
    const int32_t block = out_channels < 4 ? out_channels : 4;
    int32_t o, j;
    for (o = 0; o < out_channels; o += 4) {
        const int32_t first = o + block > out_channels ? out_channels - block : o;
        int32_t sums[4] = {0, 0, 0, 0};
        netaug_dot(in, layer->weights + first * in_channels, in_channels, in_channels, block, sums);
        for (j = 0; j < block; j++) {
            const int32_t channel = first + j;
            const int32_t value = netaug_requantise(
                sums[j] + layer->bias[channel], layer->mantissas[channel], layer->shifts[channel]);
            out[channel] = netaug_clamp(value, layer->out_zero, layer->low, layer->high);
        }
    }
}

/* Each pixel by itself; the last block of four channels may overlap the one before it. */
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
