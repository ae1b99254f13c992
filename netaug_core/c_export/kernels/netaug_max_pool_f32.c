#include <float.h>

#include "netaug_kernels_f32.h"
#include "netaug_span.h"

static void largest(const float *in, int32_t channels, float *out)
{
    int32_t c;
    for (c = 0; c < channels; c++) {
        out[c] = in[c] > out[c] ? in[c] : out[c];
    }
}

/* out[c] = the largest in[c] of the kernel's pixels on the image */
void netaug_max_pool_f32(const netaug_pool_layer *layer, const float *in, float *out)
{
    const int32_t channels = layer->in.channels;
    const int32_t padding = layer->kernel / 2;
    int32_t y, x, r, c;
    for (y = 0; y < layer->out.height; y++) {
        const int32_t row = y * layer->stride - padding;
        const netaug_span rows = netaug_inside(row, layer->kernel, layer->in.height);
        for (x = 0; x < layer->out.width; x++, out += channels) {
            const int32_t column = x * layer->stride - padding;
            const netaug_span columns = netaug_inside(column, layer->kernel, layer->in.width);
            for (c = 0; c < channels; c++) {
                out[c] = -FLT_MAX;
            }
            for (r = row + rows.first; r < row + rows.end; r++) {
                for (c = column + columns.first; c < column + columns.end; c++) {
                    largest(in + (r * layer->in.width + c) * channels, channels, out);
                }
            }
        }
    }
}
