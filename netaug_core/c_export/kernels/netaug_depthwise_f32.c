#include <string.h>

#include "netaug_activation_f32.h"
#include "netaug_span.h"

/* out[c] += in[c] * weights[c] */
static void multiply(const float *in, const float *weights, int32_t channels, float *out)
{
    int32_t c;
    for (c = 0; c < channels; c++) {
        out[c] += in[c] * weights[c];
    }
}

/* out[c] = activation(bias[c] + sum over the kernel's pixels on the image of weights[c] * in[c]) */
void netaug_depthwise_f32(const netaug_conv_layer_f32 *layer, const float *in, float *out)
{
    const int32_t kernel = layer->kernel;
    const int32_t channels = layer->in.channels;
    int32_t y, x, r, c;
    for (y = 0; y < layer->out.height; y++) {
        const int32_t row = y * layer->stride - kernel / 2;
        const netaug_span rows = netaug_inside(row, kernel, layer->in.height);
        for (x = 0; x < layer->out.width; x++, out += channels) {
            const int32_t column = x * layer->stride - kernel / 2;
            const netaug_span columns = netaug_inside(column, kernel, layer->in.width);
            memcpy(out, layer->bias, channels * sizeof *out);
            for (r = rows.first; r < rows.end; r++) {
                for (c = columns.first; c < columns.end; c++) {
                    const int32_t pixel = (row + r) * layer->in.width + column + c;
                    multiply(in + pixel * channels, layer->weights + (r * kernel + c) * channels,
                             channels, out);
                }
            }
            netaug_activate(layer->activation, channels, out);
        }
    }
}
