/* The operations of a network in 8-bit integers, for one image.
 *
 * C99, no allocation, no library but <string.h>. A tensor is NHWC: rows, columns, and the channels
 * of a pixel side by side. real = scale * (q - zero). Sums are int32_t; factors are applied as in
 * TFLite's reference kernels (netaug_requantise.h), so every machine computes the same bytes.
 */
#ifndef NETAUG_KERNELS_H
#define NETAUG_KERNELS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    uint16_t height, width, channels;
} netaug_shape;

/* A positive real number: mantissa * 2^(shift - 31). */
typedef struct {
    int32_t mantissa;
    int32_t shift; /* to the left if it is positive */
} netaug_factor;

/* A convolution with kernel / 2 pixels of padding on each side; on 1 x 1 a linear layer. */
typedef struct {
    netaug_shape in, out;
    uint16_t kernel, stride;
    const int8_t *weights;    /* (out, kernel, kernel, in); if depthwise (kernel, kernel, out) */
    const int32_t *bias;      /* (out), and in it already: -in_zero * sum(weights) */
    const int32_t *mantissas; /* (out), with shifts a netaug_factor for each channel */
    const int8_t *shifts;     /* (out) */
    int8_t in_zero, out_zero, low, high;
} netaug_conv_layer;

/* The largest of kernel x kernel pixels; those beyond the edge do not count. */
typedef struct {
    netaug_shape in, out;
    uint16_t kernel, stride;
} netaug_pool_layer;

/* The average of each channel over the map. */
typedef struct {
    netaug_shape in;
    netaug_factor factor; /* in_scale / (out_scale * pixels) */
    int8_t in_zero, out_zero;
} netaug_average_layer;

/* The sum of two maps of one shape. */
typedef struct {
    uint32_t elements;
    netaug_factor first, second, sum;
    int8_t first_zero, second_zero, out_zero, low, high;
} netaug_add_layer;

/* A map, each channel times its share. */
typedef struct {
    netaug_shape in;
    netaug_factor factor;
    int8_t in_zero, share_zero, out_zero;
} netaug_scale_layer;

void netaug_conv(const netaug_conv_layer *layer, const int8_t *in, int8_t *out);
void netaug_conv_1x1(const netaug_conv_layer *layer, const int8_t *in, int8_t *out);
void netaug_depthwise(const netaug_conv_layer *layer, const int8_t *in, int8_t *out);
void netaug_max_pool(const netaug_pool_layer *layer, const int8_t *in, int8_t *out);
void netaug_average(const netaug_average_layer *layer, const int8_t *in, int8_t *out);

/* `out` may be one of the inputs. */
void netaug_add(const netaug_add_layer *layer, const int8_t *first, const int8_t *second,
                int8_t *out);
void netaug_scale(const netaug_scale_layer *layer, const int8_t *in, const int8_t *share,
                  int8_t *out);

/* values[i] = table[values[i] + 128]: an activation that is not a bound. */
void netaug_table(const int8_t table[256], uint32_t elements, int8_t *values);

/* These move bytes, and serve values of any type: `pixel` counts the bytes of a pixel. */
void netaug_concat(uint32_t pixels, uint32_t part_pixel, const void *part, uint32_t out_pixel,
                   void *out);
void netaug_upsample(uint32_t height, uint32_t width, uint32_t pixel, const void *in, void *out);

#ifdef __cplusplus
}
#endif

#endif
