#include "netaug_kernels_f32.h"

/* out[p][c] = in[p][c] * share[c] */
void netaug_scale_f32(netaug_shape shape, const float *in, const float *share, float *out)
{
    const int32_t pixels = (int32_t)shape.height * shape.width;
    int32_t pixel, channel;
    for (pixel = 0; pixel < pixels; pixel++) {
        for (channel = 0; channel < shape.channels; channel++) {
            *out++ = *in++ * share[channel];
        }
    }
}
