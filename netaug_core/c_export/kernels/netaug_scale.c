#include "netaug_kernels.h"
#include "netaug_requantise.h"

/* out[p][c] = clamp(requantise((in[p][c] - in_zero) * (share[c] - share_zero)) + out_zero) */
void netaug_scale(const netaug_scale_layer *layer, const int8_t *in, const int8_t *share,
                  int8_t *out)
{
    const netaug_scale_layer scale = *layer;
    const int32_t pixels = (int32_t)scale.in.height * scale.in.width;
    int32_t pixel, channel;
    for (pixel = 0; pixel < pixels; pixel++) {
        for (channel = 0; channel < scale.in.channels; channel++) {
            const int32_t product = (*in++ - scale.in_zero) * (share[channel] - scale.share_zero);
            const int32_t value =
                netaug_requantise(product, scale.factor.mantissa, scale.factor.shift);
            *out++ = netaug_clamp(value, scale.out_zero, INT8_MIN, INT8_MAX);
        }
    }
}
