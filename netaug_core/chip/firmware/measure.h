/* What one run costs: measure_host.c and measure_cortex_m.c say it for their machine. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>

typedef struct {
    uint32_t stack_bytes; /* the most of all runs; 0 on a PC */
    double ticks;         /* the sum of all runs: microseconds on a PC, of SysTick on a board */
} measured;

void measure_begin(void);
void measure_end(measured *cost);

#endif
