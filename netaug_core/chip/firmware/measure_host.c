#include <time.h>

#include "measure.h"

static clock_t started;

void measure_begin(void)
{
    started = clock();
}

void measure_end(measured *cost)
{
    cost->ticks += (double)(clock() - started) * 1e6 / CLOCKS_PER_SEC;
}
