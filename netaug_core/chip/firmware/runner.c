/* Runs the network on the images of a file, and prints what it cost, as one line of JSON.
 *
 * The same on a PC and on an emulated board. PREFIX is the network's; the files are images.bin and
 * outputs.bin of the folder it runs in.
 */
#include <stdio.h>

#include "measure.h"
#include "model.h"
#include "selftest.h"

#define JOIN(prefix, name) prefix##_##name
#define NAME(prefix, name) JOIN(prefix, name)
#define OF_MODEL(name) NAME(PREFIX, name)

typedef OF_MODEL(value) value;
typedef OF_MODEL(output) output;

static int write_outputs(FILE *file)
{
    const int count = (int)(sizeof OF_MODEL(outputs) / sizeof OF_MODEL(outputs)[0]);
    int i;
    for (i = 0; i < count; i++) {
        const output *map = &OF_MODEL(outputs)[i];
        const size_t values = (size_t)map->height * map->width * map->channels;
        if (fwrite(map->values, sizeof(value), values, file) != values) {
            return 0;
        }
    }
    return 1;
}

int main(void)
{
    FILE *images = fopen("images.bin", "rb");
    FILE *outputs = fopen("outputs.bin", "wb");
    const int failed = OF_MODEL(selftest)();
    measured cost = {0, 0.0};
    long count = 0;
    if (images == NULL || outputs == NULL) {
        printf("images.bin or outputs.bin cannot be opened\n");
        return 2;
    }
    while (fread(OF_MODEL(input)(), sizeof(value), INPUT_ELEMENTS, images) == INPUT_ELEMENTS) {
        measure_begin();
        OF_MODEL(run)();
        measure_end(&cost);
        count++;
        if (!write_outputs(outputs)) {
            printf("outputs.bin cannot be written\n");
            return 2;
        }
    }
    printf("{\"passed\": %s, \"crc\": %lu, \"images\": %ld, \"stack_bytes\": %lu, \"ticks\": %.0f}\n",
           failed ? "false" : "true", (unsigned long)OF_MODEL(check)().crc, count,
           (unsigned long)cost.stack_bytes, cost.ticks);
    return fclose(outputs) == 0 && fclose(images) == 0 ? 0 : 2;
}
