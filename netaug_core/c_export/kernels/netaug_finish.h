/* Beginning and end of a convolution's sums, for up to NETAUG_CHUNK channels of a pixel. */
#ifndef NETAUG_FINISH_H
#define NETAUG_FINISH_H

#include <string.h>

#include "netaug_kernels.h"

#define NETAUG_CHUNK 32 /* their sums are on the stack */

/* How many of the channels from `first` on are summed next; sums[j] = bias[first + j]. */
static inline int32_t netaug_begin(const netaug_conv_layer *layer, int32_t first, int32_t *sums)
{
    const int32_t rest = layer->out.channels - first;
    const int32_t count = rest < NETAUG_CHUNK ? rest : NETAUG_CHUNK;
    memcpy(sums, layer->bias + first, (size_t)count * sizeof *sums);
    return count;
}

/* out[j] = clamp(requantise(sums[j]) + out_zero); `out` is the place of channel `first`. */
void netaug_finish(const netaug_conv_layer *layer, int32_t first, int32_t count,
                   const int32_t *sums, int8_t *out);

#endif
