/* SysTick counts, and the stack below main() is painted: what changes its colour was used.
 *
 * The emulator's clock advances with each instruction, so ticks are instructions, times a constant.
 */
#include "measure.h"

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xE000E010u)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xE000E014u)
#define SYSTICK_VALUE (*(volatile uint32_t *)0xE000E018u)
#define FULL 0xFFFFFFu          /* SysTick counts 24 bits, downwards */
#define ENABLE_WITH_INTERRUPT 7u /* by the processor's clock */
#define COLOUR 0x5AA5C33Cu

extern uint32_t stack_limit[]; /* of the linker script */

static volatile uint32_t overflows;
static uint32_t *painted_to;

void systick_handler(void);

void systick_handler(void)
{
    overflows++;
}

/* A function of its own: what it paints is below the frame of its caller. */
__attribute__((noinline)) void measure_begin(void)
{
    uint32_t *word;
    __asm volatile("mov %0, sp" : "=r"(painted_to));
    for (word = stack_limit; word < painted_to; word++) {
        *word = COLOUR;
    }
    overflows = 0;
    SYSTICK_RELOAD = FULL;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = ENABLE_WITH_INTERRUPT;
}

__attribute__((noinline)) void measure_end(measured *cost)
{
    const uint32_t value = SYSTICK_VALUE;
    const uint32_t *word = stack_limit;
    uint32_t used;
    SYSTICK_CONTROL = 0;
    cost->ticks += (double)overflows * (FULL + 1.0) + (FULL - value);
    while (word < painted_to && *word == COLOUR) {
        word++;
    }
    used = (uint32_t)((const char *)painted_to - (const char *)word);
    cost->stack_bytes = used > cost->stack_bytes ? used : cost->stack_bytes;
}
