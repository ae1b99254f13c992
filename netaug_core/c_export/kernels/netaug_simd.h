/* Which of the processor's instructions for several values at a time are used.
 *
 * They compute the same bits as the plain C beside them. NETAUG_NO_SIMD leaves them out.
 */
#ifndef NETAUG_SIMD_H
#define NETAUG_SIMD_H

#if !defined(NETAUG_NO_SIMD)
#if defined(__ARM_FEATURE_MVE) && __ARM_FEATURE_MVE & 1
#define NETAUG_MVE 1 /* Cortex-M55, M85: 16 bytes at a time */
#elif defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && defined(__thumb2__)
#define NETAUG_DSP 1 /* Cortex-M4, M7, M33: two products at a time */
#elif defined(__SSE2__)
#define NETAUG_SSE2 1 /* every PC */
#if defined(__AVX2__)
#define NETAUG_AVX2 1 /* with -mavx2 or -march=native */
#endif
#endif
#endif

#endif
