#include "netaug_activation_f32.h"

/* out = activation(first + second) */
void netaug_add_f32(uint32_t elements, netaug_activation activation, const float *first,
                    const float *second, float *out)
{
    uint32_t i;
    for (i = 0; i < elements; i++) {
        out[i] = first[i] + second[i];
    }
    netaug_activate(activation, (int32_t)elements, out);
}
