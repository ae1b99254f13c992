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

#if defined(NETAUG_AVX2)
#include <immintrin.h>

/* value * mantissa / 2^31 to the nearest: even places and odd ones, as products of 64 bits. */
static inline __m256i high_product(__m256i value, __m256i mantissa)
{
    const __m256i half = _mm256_set1_epi64x(INT64_C(1) << 30);
    __m256i even = _mm256_mul_epi32(value, mantissa);
    __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(value, 32), _mm256_srli_epi64(mantissa, 32));
    even = _mm256_srli_epi64(_mm256_add_epi64(even, half), 31);
    odd = _mm256_slli_epi64(_mm256_add_epi64(odd, half), 1);
    return _mm256_blend_epi32(even, odd, 0xAA);
}

/* value / 2^right to the nearest, halves away from zero; where right is 0, the value. */
static inline __m256i divide(__m256i value, __m256i right)
{
    const __m256i is_divided = _mm256_cmpgt_epi32(right, _mm256_setzero_si256());
    const __m256i one = _mm256_set1_epi32(1);
    const __m256i half = _mm256_srli_epi32(_mm256_sllv_epi32(one, right), 1);
    value = _mm256_add_epi32(value, _mm256_and_si256(_mm256_srai_epi32(value, 31), is_divided));
    return _mm256_srav_epi32(_mm256_add_epi32(value, half), right);
}

static inline __m256i load_8(const int32_t *values)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)values);
}

/* netaug_finish() of eight channels. */
static inline void finish_8(const netaug_conv_layer *layer, int32_t first, const int32_t *sums,
                            int8_t *out)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)(layer->shifts + first));
    const __m256i shift = _mm256_cvtepi8_epi32(bytes);
    const __m256i mantissa = load_8(layer->mantissas + first);
    const __m256i right = _mm256_max_epi32(_mm256_sub_epi32(zero, shift), zero);
    __m256i value = _mm256_sllv_epi32(load_8(sums), _mm256_max_epi32(shift, zero));
    __m128i words;
    value = divide(high_product(value, mantissa), right);
    value = _mm256_max_epi32(value, _mm256_set1_epi32(layer->low - layer->out_zero));
    value = _mm256_min_epi32(value, _mm256_set1_epi32(layer->high - layer->out_zero));
    value = _mm256_add_epi32(value, _mm256_set1_epi32(layer->out_zero));
    words = _mm_packs_epi32(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1));
    _mm_storel_epi64((__m128i *)(void *)out, _mm_packs_epi16(words, words));
}
#endif

void netaug_finish(const netaug_conv_layer *layer, int32_t first, int32_t count,
                   const int32_t *sums, int8_t *out)
{
    const int32_t *const mantissas = layer->mantissas + first;
    const int8_t *const shifts = layer->shifts + first;
    const int32_t zero = layer->out_zero;
    const int32_t low = layer->low;
    const int32_t high = layer->high;
    int32_t j = 0;
#if defined(NETAUG_AVX2)
    for (; j + 8 <= count; j += 8) {
        finish_8(layer, first + j, sums + j, out + j);
    }
#endif
    for (; j < count; j++) {
        const int32_t value = netaug_requantise(sums[j], mantissas[j], shifts[j]);
        out[j] = netaug_clamp(value, zero, low, high);
    }
}

#endif
