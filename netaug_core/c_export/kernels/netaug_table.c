#include "netaug_kernels.h"

void netaug_table(const int8_t table[256], uint32_t elements, int8_t *values)
{
    uint32_t i;
    for (i = 0; i < elements; i++) {
        values[i] = table[values[i] + 128];
    }
}
