#include "netaug_kernels_f32.h"

/* out[c] = sum over the map of in[c], divided by its pixels */
void netaug_average_f32(netaug_shape shape, const float *in, float *out)
{
    const int32_t pixels = (int32_t)shape.height * shape.width;
    int32_t channel, pixel;
    for (channel = 0; channel < shape.channels; channel++) {
        float sum = 0.0f;
        for (pixel = 0; pixel < pixels; pixel++) {
            sum += in[pixel * shape.channels + channel];
        }
        out[channel] = sum / (float)pixels;
    }
}
