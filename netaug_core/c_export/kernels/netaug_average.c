#include "netaug_kernels.h"
#include "netaug_requantise.h"

/* out[c] = clamp(requantise(sum over the map of (in[c] - in_zero)) + out_zero) */
void netaug_average(const netaug_average_layer *layer, const int8_t *in, int8_t *out)
{
    const int32_t channels = layer->in.channels;
    const int32_t pixels = (int32_t)layer->in.height * layer->in.width;
    int32_t channel, pixel;
    for (channel = 0; channel < channels; channel++) {
        int32_t sum = -layer->in_zero * pixels;
        for (pixel = 0; pixel < pixels; pixel++) {
            sum += in[pixel * channels + channel];
        }
        sum = netaug_requantise(sum, layer->factor.mantissa, layer->factor.shift);
        out[channel] = netaug_clamp(sum, layer->out_zero, INT8_MIN, INT8_MAX);
    }
}
