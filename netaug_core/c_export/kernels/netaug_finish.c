#include "netaug_finish.h"
#include "netaug_requantise.h"

#if defined(NETAUG_MVE)
#include <arm_mve.h>

void netaug_finish(const netaug_conv_layer *layer, int32_t first, int32_t count,
                   const int32_t *sums, int8_t *out)
{
    const int32x4_t zero = vdupq_n_s32(0);
    const int32x4_t least = vdupq_n_s32(layer->low - layer->out_zero);
    const int32x4_t most = vdupq_n_s32(layer->high - layer->out_zero);
    int32_t j;
    for (j = 0; j < count; j += 4) {
        const mve_pred16_t left = vctp32q((uint32_t)(count - j));
        const int32_t channel = first + j;
        const int32x4_t shift = vldrbq_z_s32(layer->shifts + channel, left);
        const int32x4_t right = vminq_s32(shift, zero);
        int32x4_t value = vldrwq_z_s32(sums + j, left);
        value = vshlq_s32(value, vmaxq_s32(shift, zero));
        value = vqrdmulhq_s32(value, vldrwq_z_s32(layer->mantissas + channel, left));
        /* vrshl rounds halves upwards; one less than a negative number goes away from zero. */
        value = vaddq_s32(value, vshrq_n_s32(vandq_s32(value, right), 31));
        value = vrshlq_s32(value, right);
        value = vminq_s32(vmaxq_s32(value, least), most);
        vstrbq_p_s32(out + j, vaddq_n_s32(value, layer->out_zero), left);
    }
}

#else

void netaug_finish(const netaug_conv_layer *layer, int32_t first, int32_t count,
                   const int32_t *sums, int8_t *out)
{
    const int32_t *const mantissas = layer->mantissas + first;
    const int8_t *const shifts = layer->shifts + first;
    const int32_t zero = layer->out_zero;
    const int32_t low = layer->low;
    const int32_t high = layer->high;
    int32_t j;
    for (j = 0; j < count; j++) {
        const int32_t value = netaug_requantise(sums[j], mantissas[j], shifts[j]);
        out[j] = netaug_clamp(value, zero, low, high);
    }
}

#endif
