#include <string.h>

#include "netaug_kernels.h"

/* Each pixel of a part to its place in the pixels of the whole; `out` is that of the first. */
void netaug_concat(uint32_t pixels, uint32_t part_pixel, const void *part, uint32_t out_pixel,
                   void *out)
{
    const unsigned char *from = part;
    unsigned char *to = out;
    uint32_t i;
    for (i = 0; i < pixels; i++) {
        memcpy(to + i * out_pixel, from + i * part_pixel, part_pixel);
    }
}
