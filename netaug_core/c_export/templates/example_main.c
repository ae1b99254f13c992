/* The self-test, then the network on one image. */
#include <stdio.h>
#include <string.h>

#include "model.h"
#include "selftest.h"

/* In your program: @fill_hint@ */
static void take_picture(void)
{
    memset(@prefix@_input(), 0, @PREFIX@_INPUT_ELEMENTS * sizeof(@prefix@_value));
}

static void print(const @prefix@_output *output)
{
    const int32_t count = (int32_t)output->height * output->width * output->channels;
    int32_t i, best = 0;
    for (i = 1; i < count; i++) {
        if (output->values[i] > output->values[best]) {
            best = i;
        }
    }
    printf("%s: the largest of %ld values is number %ld, %g\n", output->name, (long)count,
           (long)best, (double)(output->scale * (float)(output->values[best] - output->zero)));
}

int main(void)
{
    int i;
    if (@prefix@_selftest() != 0) {
        return 1;
    }
    take_picture();
    @prefix@_run();
    for (i = 0; i < @PREFIX@_NUM_OUTPUTS; i++) {
        print(&@prefix@_outputs[i]);
    }
    return 0;
}
