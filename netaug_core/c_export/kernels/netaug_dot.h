/* What convolutions share: sums over runs of bytes, for four output channels at a time. */
#ifndef NETAUG_DOT_H
#define NETAUG_DOT_H

#include <stdint.h>

/* sums[j] += sum over i of values[i] * weights[j * step + i], for j of 0 to 3. */
void netaug_dot_4(const int8_t *values, const int8_t *weights, int32_t step, int32_t count,
                  int32_t sums[4]);

/* The same for `channels` output channels, but no more than four. */
static inline void netaug_dot(const int8_t *values, const int8_t *weights, int32_t step,
                              int32_t count, int32_t channels, int32_t *sums)
{
    int32_t channel, i;
    if (channels >= 4) {
        netaug_dot_4(values, weights, step, count, sums);
        return;
    }
    for (channel = 0; channel < channels; channel++) {
        for (i = 0; i < count; i++) {
            sums[channel] += values[i] * weights[channel * step + i];
        }
    }
}

#endif
