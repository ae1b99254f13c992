/* The DSP extension of Cortex-M4, M7 and M33. */
#ifndef NETAUG_DSP_H
#define NETAUG_DSP_H

#include <arm_acle.h>
#include <stdint.h>
#include <string.h>

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
    __asm("sxtb16 %0, %1, ror #8" : "=r"(pairs.odd) : "r"(word));
    return pairs;
}

/* Nothing is done; but what is loaded from `pointer` is loaded after `value` is known. Compilers
 * else load everything first, for which there are too few registers. */
#define NETAUG_AFTER(pointer, value) __asm("" : "+r"(pointer) : "r"(value))

#endif
