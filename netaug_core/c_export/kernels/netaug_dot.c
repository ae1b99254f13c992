#include "netaug_dot.h"
#include "netaug_simd.h"

/* Each of these does the beginning of the sums, as far as it can, and says how far. */
#if defined(NETAUG_MVE)
#include <arm_mve.h>

static int32_t begin(const int8_t *values, const int8_t *weights, int32_t step, int32_t count,
                     int32_t sums[4])
{
    int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    int32_t i;
    for (i = 0; i < count; i += 16) {
        const mve_pred16_t left = vctp8q((uint32_t)(count - i));
        const int8x16_t value = vldrbq_z_s8(values + i, left);
        const int8_t *weight = weights + i;
        sum0 = vmladavaq_s8(sum0, value, vldrbq_z_s8(weight, left));
        sum1 = vmladavaq_s8(sum1, value, vldrbq_z_s8(weight + step, left));
        sum2 = vmladavaq_s8(sum2, value, vldrbq_z_s8(weight + 2 * step, left));
        sum3 = vmladavaq_s8(sum3, value, vldrbq_z_s8(weight + 3 * step, left));
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
    return count;
}

#elif defined(NETAUG_DSP)
#include "netaug_dsp.h"

static inline int32_t multiply(netaug_pairs value, const int8_t *weights, int32_t sum)
{
    const netaug_pairs weight = netaug_load_pairs(weights);
    sum = __smlad(value.even, weight.even, sum);
    return __smlad(value.odd, weight.odd, sum);
}

static inline int32_t begin(const int8_t *values, const int8_t *weights, int32_t step,
                            int32_t count, int32_t sums[4])
{
    const int32_t done = count & ~3;
    const int8_t *const end = values + done;
    const int8_t *third = weights + 2 * step;
    int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    while (values != end) {
        const netaug_pairs value = netaug_load_pairs(values);
        sum0 = multiply(value, weights, sum0);
        NETAUG_AFTER(weights, sum0);
        sum1 = multiply(value, weights + step, sum1);
        NETAUG_AFTER(third, sum1);
        sum2 = multiply(value, third, sum2);
        NETAUG_AFTER(third, sum2);
        sum3 = multiply(value, third + step, sum3);
        values += 4;
        weights += 4;
        third += 4;
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
    return done;
}

#elif defined(NETAUG_SSE2)
#if defined(NETAUG_AVX2)
#include <immintrin.h>

static inline __m256i load_16(const int8_t *values)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)values));
}

static inline __m256i multiply_16(__m256i value, const int8_t *weights, __m256i sum)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(value, load_16(weights)));
}

static inline __m128i halved(__m256i sum)
{
    return _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
}

#else
#include <emmintrin.h>
#endif

/* Eight bytes as 16-bit numbers: each in the upper half of its place, then shifted down. */
static inline __m128i load(const int8_t *values)
{
    const __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)values);
    return _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
}

static inline __m128i multiply(__m128i value, const int8_t *weights, __m128i sum)
{
    return _mm_add_epi32(sum, _mm_madd_epi16(value, load(weights)));
}

static inline int32_t begin(const int8_t *values, const int8_t *weights, int32_t step,
                            int32_t count, int32_t sums[4])
{
    __m128i sum0 = _mm_setzero_si128(), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    __m128i low, high, total;
    int32_t i = 0;
#if defined(NETAUG_AVX2)
    __m256i wide0 = _mm256_setzero_si256(), wide1 = wide0, wide2 = wide0, wide3 = wide0;
    for (; i + 16 <= count; i += 16) {
        const __m256i value = load_16(values + i);
        wide0 = multiply_16(value, weights + i, wide0);
        wide1 = multiply_16(value, weights + i + step, wide1);
        wide2 = multiply_16(value, weights + i + 2 * step, wide2);
        wide3 = multiply_16(value, weights + i + 3 * step, wide3);
    }
    sum0 = halved(wide0);
    sum1 = halved(wide1);
    sum2 = halved(wide2);
    sum3 = halved(wide3);
#endif
    for (; i + 8 <= count; i += 8) {
        const __m128i value = load(values + i);
        sum0 = multiply(value, weights + i, sum0);
        sum1 = multiply(value, weights + i + step, sum1);
        sum2 = multiply(value, weights + i + 2 * step, sum2);
        sum3 = multiply(value, weights + i + 3 * step, sum3);
    }
    /* Four times four parts: turned, and added to one vector of the four sums. */
    low = _mm_add_epi32(_mm_unpacklo_epi32(sum0, sum1), _mm_unpackhi_epi32(sum0, sum1));
    high = _mm_add_epi32(_mm_unpacklo_epi32(sum2, sum3), _mm_unpackhi_epi32(sum2, sum3));
    total = _mm_add_epi32(_mm_unpacklo_epi64(low, high), _mm_unpackhi_epi64(low, high));
    total = _mm_add_epi32(total, _mm_loadu_si128((const __m128i *)(const void *)sums));
    _mm_storeu_si128((__m128i *)(void *)sums, total);
    return i;
}

#else

static int32_t begin(const int8_t *values, const int8_t *weights, int32_t step, int32_t count,
                     int32_t sums[4])
{
    (void)values, (void)weights, (void)step, (void)count, (void)sums;
    return 0;
}

#endif

void netaug_dot_4(const int8_t *values, const int8_t *weights, int32_t step, int32_t count,
                  int32_t sums[4])
{
    int32_t i = begin(values, weights, step, count, sums);
    int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    for (weights += i; i < count; i++, weights++) {
        const int32_t value = values[i];
        sum0 += value * weights[0];
        sum1 += value * weights[step];
        sum2 += value * weights[2 * step];
        sum3 += value * weights[3 * step];
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}
