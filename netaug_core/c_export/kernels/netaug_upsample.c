#include <string.h>

#include "netaug_kernels.h"

/* out[2 * y + dy][2 * x + dx] = in[y][x] for dy and dx of 0 and 1 */
void netaug_upsample(uint32_t height, uint32_t width, uint32_t pixel, const void *in, void *out)
{
    const unsigned char *from = in;
    unsigned char *to = out;
    const uint32_t line = 2 * width * pixel;
    uint32_t row, column;
    for (row = 0; row < height; row++) {
        for (column = 0; column < width; column++, from += pixel) {
            memcpy(to + 2 * column * pixel, from, pixel);
            memcpy(to + (2 * column + 1) * pixel, from, pixel);
        }
        memcpy(to + line, to, line);
        to += 2 * line;
    }
}
