/* From a sum to a byte: the fixed-point factors of TFLite's reference kernels, rounded twice. */
#ifndef NETAUG_REQUANTISE_H
#define NETAUG_REQUANTISE_H

#include <stdint.h>

/* C99 leaves >> of a negative number to the compiler; here it must keep the sign. */
typedef char netaug_needs_arithmetic_shift[(-1 >> 1) == -1 ? 1 : -1];

/* value / 2^power to the nearest; halves go away from zero. */
static inline int32_t netaug_divide(int32_t value, int32_t power)
{
    if (power == 0) {
        return value;
    }
    value += value >> 31;
    return ((value >> (power - 1)) + 1) >> 1;
}

/* value * mantissa / 2^31 to the nearest, halves upwards; then / 2^-shift. */
static inline int32_t netaug_requantise(int32_t value, int32_t mantissa, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0;
    const int64_t product = (int64_t)(int32_t)((uint32_t)value << left) * mantissa;
    const int32_t high = (int32_t)((product + (INT64_C(1) << 30)) >> 31);
    return netaug_divide(high, left - shift);
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
