/* The activations of netaug_kernels_f32.h, on values in place. */
#ifndef NETAUG_ACTIVATION_F32_H
#define NETAUG_ACTIVATION_F32_H

#include "netaug_kernels_f32.h"

static inline float netaug_between(float value, float low, float high)
{
    value = value < low ? low : value;
    return value > high ? high : value;
}

static inline void netaug_activate(netaug_activation activation, int32_t count, float *values)
{
    int32_t i;
    for (i = 0; i < count; i++) {
        const float x = values[i];
        switch (activation) {
        case NETAUG_RELU:
            values[i] = x < 0.0f ? 0.0f : x;
            break;
        case NETAUG_RELU6:
            values[i] = netaug_between(x, 0.0f, 6.0f);
            break;
        case NETAUG_H_SIGMOID:
            values[i] = netaug_between(x + 3.0f, 0.0f, 6.0f) / 6.0f;
            break;
        case NETAUG_H_SWISH:
            values[i] = x * netaug_between(x + 3.0f, 0.0f, 6.0f) / 6.0f;
            break;
        case NETAUG_NONE:
            return;
        }
    }
}

#endif
