/* From a sum to a byte: the fixed-point factors of TFLite's reference kernels, rounded twice. */
#ifndef NETAUG_REQUANTISE_H
#define NETAUG_REQUANTISE_H

#include <stdint.h>

#include "netaug_simd.h"

#if defined(__GNUC__)
#define NETAUG_UNLIKELY(condition) __builtin_expect(condition, 0)
#else
#define NETAUG_UNLIKELY(condition) (condition)
#endif

/* C99 leaves >> of a negative number to the compiler; here it must keep the sign. */
typedef char netaug_needs_arithmetic_shift[(-1 >> 1) == -1 ? 1 : -1];

/* value * mantissa / 2^31 to the nearest, halves upwards; value is of -2^30 to 2^30 - 1. */
static inline int32_t netaug_high_product(int32_t value, int32_t mantissa)
{
#if defined(NETAUG_DSP)
    int32_t high;
    __asm("smmulr %0, %1, %2" : "=r"(high) : "r"(value * 2), "r"(mantissa));
    return high;
#else
    return (int32_t)(((int64_t)value * mantissa + (INT64_C(1) << 30)) >> 31);
#endif
}

/* value * mantissa * 2^(shift - 31): the product above, then divided by 2^-shift to the nearest,
 * halves away from zero. value * 2^shift must be of -2^30 to 2^30 - 1, too. */
static inline int32_t netaug_requantise(int32_t value, int32_t mantissa, int32_t shift)
{
    int32_t high;
    if (NETAUG_UNLIKELY(shift >= 0)) {
        return netaug_high_product((int32_t)((uint32_t)value << shift), mantissa);
    }
    high = netaug_high_product(value, mantissa);
    high += high >> 31;
    return ((high >> ~shift) + 1) >> 1; /* ~shift is -shift - 1 */
}

/* clamp(value + zero, low, high), with no sum that could overflow. */
static inline int8_t netaug_clamp(int32_t value, int32_t zero, int32_t low, int32_t high)
{
    const int32_t least = low - zero;
    const int32_t most = high - zero;
    value = value < least ? least : value;
    value = value > most ? most : value;
    return (int8_t)(value + zero);
}

#endif
