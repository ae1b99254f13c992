/* From reset to main(), on any Cortex-M; printf and files go to the emulator by semihosting. */
#include <stdint.h>
#include <stdlib.h>

extern uint32_t stack_top[], bss_start[], bss_end[]; /* of the linker script */

void initialise_monitor_handles(void);
void __libc_init_array(void);
void systick_handler(void);
void reset_handler(void);
void _init(void);
void _fini(void);
int main(void);

/* What newlib's own start-up files would bring. */
void _init(void)
{
}

void _fini(void)
{
}

static void fault_handler(void)
{
    _Exit(3);
}

typedef struct {
    uint32_t *stack;
    void (*handlers[15])(void); /* from reset, the first exception, to SysTick, the 15th */
} vector_table;

__attribute__((section(".vectors"), used)) static const vector_table vectors = {
    stack_top,
    {
        reset_handler, fault_handler, fault_handler, fault_handler, fault_handler,
        fault_handler, fault_handler, 0, 0, 0, 0, 0, 0, 0, systick_handler,
    },
};

#define VECTOR_TABLE (*(volatile uint32_t *)0xE000ED08u)
#define COPROCESSORS (*(volatile uint32_t *)0xE000ED88u)
#define FLOATS_AND_VECTORS (0xFu << 20)

/* The emulator has loaded the constants and the variables that have a value. */
void reset_handler(void)
{
    uint32_t *word;
    VECTOR_TABLE = (uint32_t)&vectors;
    COPROCESSORS |= FLOATS_AND_VECTORS;
    __asm volatile("dsb\n isb");
    for (word = bss_start; word < bss_end; word++) {
        *word = 0;
    }
    initialise_monitor_handles();
    __libc_init_array();
    exit(main());
}
