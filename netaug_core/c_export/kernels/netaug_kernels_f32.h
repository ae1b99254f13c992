/* The operations of a network in float, for one image: the tensors of netaug_kernels.h, in float.
 *
 * Sums are made in the order of the loops. A compiler that may not contract a * b + c nor change
 * that order (-ffp-contract=off, no -ffast-math) gives every machine the same numbers.
 */
#ifndef NETAUG_KERNELS_F32_H
#define NETAUG_KERNELS_F32_H

#include <stdint.h>

#include "netaug_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    NETAUG_NONE,
    NETAUG_RELU,      /* max(x, 0) */
    NETAUG_RELU6,     /* min(max(x, 0), 6) */
    NETAUG_H_SIGMOID, /* relu6(x + 3) / 6 */
    NETAUG_H_SWISH    /* x * relu6(x + 3) / 6 */
} netaug_activation;

/* A convolution with kernel / 2 pixels of padding on each side; on 1 x 1 a linear layer. */
typedef struct {
    netaug_shape in, out;
    uint16_t kernel, stride;
    const float *weights; /* (kernel, kernel, in, out); if depthwise (kernel, kernel, out) */
    const float *bias;    /* (out) */
    netaug_activation activation;
} netaug_conv_layer_f32;

void netaug_conv_f32(const netaug_conv_layer_f32 *layer, const float *in, float *out);
void netaug_depthwise_f32(const netaug_conv_layer_f32 *layer, const float *in, float *out);
void netaug_max_pool_f32(const netaug_pool_layer *layer, const float *in, float *out);
void netaug_average_f32(netaug_shape shape, const float *in, float *out);

/* `out` may be one of the inputs. */
void netaug_add_f32(uint32_t elements, netaug_activation activation, const float *first,
                    const float *second, float *out);
void netaug_scale_f32(netaug_shape shape, const float *in, const float *share, float *out);

#ifdef __cplusplus
}
#endif

#endif
