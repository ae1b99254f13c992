#include "netaug_kernels.h"
#include "netaug_requantise.h"

#define LEFT_SHIFT 20 /* bits of the sum below a step of the inputs, as in TFLite */

static inline int32_t rescaled(int8_t value, int8_t zero, netaug_factor factor)
{
    return netaug_requantise((value - zero) * (1 << LEFT_SHIFT), factor.mantissa, factor.shift);
}

/* out = clamp(requantise(a + b, sum) + out_zero, low, high)
 *
 * with a = requantise((first - first_zero) << LEFT_SHIFT, first), and b of the second likewise.
 */
void netaug_add(const netaug_add_layer *layer, const int8_t *first, const int8_t *second,
                int8_t *out)
{
    const netaug_add_layer add = *layer;
    uint32_t i;
    for (i = 0; i < add.elements; i++) {
        const int32_t a = rescaled(first[i], add.first_zero, add.first);
        const int32_t b = rescaled(second[i], add.second_zero, add.second);
        const int32_t sum = netaug_requantise(a + b, add.sum.mantissa, add.sum.shift);
        out[i] = netaug_clamp(sum, add.out_zero, add.low, add.high);
    }
}
