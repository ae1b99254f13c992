/* sums[j] += sum over i of values[i] * weights[j][i]: four output channels read each value once.
 *
 * Cores with the DSP extension multiply two values at a time, with the same result;
 * NETAUG_NO_DSP leaves that out.
 */
#ifndef NETAUG_DOT_H
#define NETAUG_DOT_H

#include <stdint.h>
#include <string.h>

#if defined(__ARM_FEATURE_DSP) && !defined(__ARM_FEATURE_MVE) && !defined(NETAUG_NO_DSP)
#define NETAUG_DSP 1
#include <arm_acle.h>

/* Four neighbours, which need not be aligned, as pairs of 16 bits: 0 and 2, 1 and 3. */
typedef struct {
    int16x2_t even, odd;
} netaug_pairs;

static inline netaug_pairs netaug_load_pairs(const int8_t *values)
{
    uint32_t word;
    netaug_pairs pairs;
    memcpy(&word, values, sizeof word);
    pairs.even = __sxtb16(word);
    pairs.odd = __sxtb16(word >> 8 | word << 24);
    return pairs;
}
#endif

/* `step` is the distance between the weights of two output channels. */
static inline void netaug_dot_4(const int8_t *values, const int8_t *weights, int32_t step,
                                int32_t count, int32_t sums[4])
{
    const int8_t *first = weights;
    const int8_t *second = first + step;
    const int8_t *third = second + step;
    const int8_t *fourth = third + step;
    int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    int32_t i = 0;
#ifdef NETAUG_DSP
    for (; i + 4 <= count; i += 4) {
        const netaug_pairs value = netaug_load_pairs(values + i);
        netaug_pairs weight = netaug_load_pairs(first + i);
        sum0 = __smlad(value.even, weight.even, sum0);
        sum0 = __smlad(value.odd, weight.odd, sum0);
        weight = netaug_load_pairs(second + i);
        sum1 = __smlad(value.even, weight.even, sum1);
        sum1 = __smlad(value.odd, weight.odd, sum1);
        weight = netaug_load_pairs(third + i);
        sum2 = __smlad(value.even, weight.even, sum2);
        sum2 = __smlad(value.odd, weight.odd, sum2);
        weight = netaug_load_pairs(fourth + i);
        sum3 = __smlad(value.even, weight.even, sum3);
        sum3 = __smlad(value.odd, weight.odd, sum3);
    }
#endif
    for (; i < count; i++) {
        const int16_t value = values[i];
        sum0 += value * first[i];
        sum1 += value * second[i];
        sum2 += value * third[i];
        sum3 += value * fourth[i];
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

/* The same for `channels` output channels, 1 to 4. */
static inline void netaug_dot(const int8_t *values, const int8_t *weights, int32_t step,
                              int32_t count, int32_t channels, int32_t sums[4])
{
    int32_t channel, i;
    if (channels == 4) {
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
