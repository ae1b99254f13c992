/* Runs one kernel for each case on standard input; the outputs go to standard output.
 *
 * A case: the kernel's letter, 20 int32 numbers, then the arrays that the kernel reads. Inputs and
 * outputs are allocated to the byte, so that a sanitizer sees what lies beyond them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "netaug_kernels.h"

static void *take(size_t bytes)
{
    void *values = malloc(bytes ? bytes : 1);
    if (values == NULL || fread(values, 1, bytes, stdin) != bytes) {
        exit(4);
    }
    return values;
}

static void give(int8_t *values, size_t bytes)
{
    fwrite(values, 1, bytes, stdout);
    fflush(stdout);
    free(values);
}

static void convolve(char kernel, const int32_t *n)
{
    const size_t out_channels = (size_t)n[5];
    netaug_conv_layer layer = {
        .in = {(uint16_t)n[0], (uint16_t)n[1], (uint16_t)n[2]},
        .out = {(uint16_t)n[3], (uint16_t)n[4], (uint16_t)n[5]},
        .kernel = (uint16_t)n[6], .stride = (uint16_t)n[7],
        .in_zero = (int8_t)n[8], .out_zero = (int8_t)n[9],
        .low = (int8_t)n[10], .high = (int8_t)n[11],
    };
    int8_t *in = take((size_t)n[0] * n[1] * n[2]);
    int8_t *weights = take((size_t)n[6] * n[6] * n[5] * (kernel == 'd' ? 1 : n[2]));
    int32_t *bias = take(4 * out_channels);
    int32_t *mantissas = take(4 * out_channels);
    int8_t *shifts = take(out_channels);
    const size_t count = (size_t)n[3] * n[4] * n[5];
    int8_t *out = malloc(count);
    layer.weights = weights;
    layer.bias = bias;
    layer.mantissas = mantissas;
    layer.shifts = shifts;
    if (kernel == 'd') {
        netaug_depthwise(&layer, in, out);
    } else if (kernel == '1') {
        netaug_conv_1x1(&layer, in, out);
    } else {
        netaug_conv(&layer, in, out);
    }
    give(out, count);
    free(in);
    free(weights);
    free(bias);
    free(mantissas);
    free(shifts);
}

static void pool(const int32_t *n)
{
    const netaug_pool_layer layer = {
        {(uint16_t)n[0], (uint16_t)n[1], (uint16_t)n[2]},
        {(uint16_t)n[3], (uint16_t)n[4], (uint16_t)n[5]},
        (uint16_t)n[6], (uint16_t)n[7],
    };
    int8_t *in = take((size_t)n[0] * n[1] * n[2]);
    int8_t *out = malloc((size_t)n[3] * n[4] * n[5]);
    netaug_max_pool(&layer, in, out);
    give(out, (size_t)n[3] * n[4] * n[5]);
    free(in);
}

static void average(const int32_t *n)
{
    const netaug_average_layer layer = {
        {(uint16_t)n[0], (uint16_t)n[1], (uint16_t)n[2]}, {n[12], n[13]},
        (int8_t)n[8], (int8_t)n[9],
    };
    int8_t *in = take((size_t)n[0] * n[1] * n[2]);
    int8_t *out = malloc((size_t)n[2]);
    netaug_average(&layer, in, out);
    give(out, (size_t)n[2]);
    free(in);
}

/* In place: the sum lies where the first input was. */
static void add(const int32_t *n)
{
    const netaug_add_layer layer = {
        (uint32_t)n[0], {n[12], n[13]}, {n[14], n[15]}, {n[16], n[17]},
        (int8_t)n[8], (int8_t)n[7], (int8_t)n[9], (int8_t)n[10], (int8_t)n[11],
    };
    int8_t *first = take((size_t)n[0]);
    int8_t *second = take((size_t)n[0]);
    netaug_add(&layer, first, second, first);
    give(first, (size_t)n[0]);
    free(second);
}

static void scale(const int32_t *n)
{
    const netaug_scale_layer layer = {
        {(uint16_t)n[0], (uint16_t)n[1], (uint16_t)n[2]}, {n[12], n[13]},
        (int8_t)n[8], (int8_t)n[7], (int8_t)n[9],
    };
    int8_t *in = take((size_t)n[0] * n[1] * n[2]);
    int8_t *share = take((size_t)n[2]);
    netaug_scale(&layer, in, share, in);
    give(in, (size_t)n[0] * n[1] * n[2]);
    free(share);
}

static void upsample(const int32_t *n)
{
    const size_t count = (size_t)n[0] * n[1] * n[2];
    int8_t *in = take(count);
    int8_t *out = malloc(4 * count);
    netaug_upsample((uint32_t)n[0], (uint32_t)n[1], (uint32_t)n[2], in, out);
    give(out, 4 * count);
    free(in);
}

/* Two parts, of n[2] and n[3] channels. */
static void concat(const int32_t *n)
{
    const uint32_t pixels = (uint32_t)(n[0] * n[1]);
    const uint32_t whole = (uint32_t)(n[2] + n[3]);
    int8_t *first = take((size_t)pixels * n[2]);
    int8_t *second = take((size_t)pixels * n[3]);
    int8_t *out = malloc((size_t)pixels * whole);
    netaug_concat(pixels, (uint32_t)n[2], first, whole, out);
    netaug_concat(pixels, (uint32_t)n[3], second, whole, out + n[2]);
    give(out, (size_t)pixels * whole);
    free(first);
    free(second);
}

static void table(const int32_t *n)
{
    int8_t *values = take((size_t)n[0]);
    int8_t *entries = take(256);
    netaug_table(entries, (uint32_t)n[0], values);
    give(values, (size_t)n[0]);
    free(entries);
}

int main(void)
{
    int kernel;
    int32_t numbers[20];
    while ((kernel = getchar()) != EOF) {
        if (fread(numbers, sizeof numbers, 1, stdin) != 1) {
            return 4;
        }
        switch (kernel) {
        case 'p': pool(numbers); break;
        case 'v': average(numbers); break;
        case 'a': add(numbers); break;
        case 's': scale(numbers); break;
        case 'u': upsample(numbers); break;
        case 'n': concat(numbers); break;
        case 't': table(numbers); break;
        default: convolve((char)kernel, numbers); break;
        }
    }
    return 0;
}
