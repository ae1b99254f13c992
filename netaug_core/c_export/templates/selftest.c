#include "selftest.h"

#include <stdio.h>
#include <string.h>

#include "golden.h"

static uint32_t crc_of(const void *values, uint32_t count, uint32_t crc)
{
    const unsigned char *bytes = values;
    uint32_t i;
    int bit;
    crc = ~crc;
    for (i = 0; i < count; i++) {
        crc ^= bytes[i];
        for (bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xEDB88320) : 0);
        }
    }
    return ~crc;
}

static void compare(const @prefix@_value *expected, int32_t image, int32_t output,
                    @prefix@_report *report)
{
    const @prefix@_output *map = &@prefix@_outputs[output];
    const int32_t count = (int32_t)map->height * map->width * map->channels;
    int32_t i;
    report->crc = crc_of(map->values, count * sizeof(@prefix@_value), report->crc);
    for (i = 0; i < count && report->passed; i++) {
        const float difference = (float)map->values[i] - (float)expected[i];
        /* Not `difference > tolerance`: what is no number is no match. */
        if (!(difference <= GOLDEN_TOLERANCE && -difference <= GOLDEN_TOLERANCE)) {
            report->passed = 0;
            report->image = image;
            report->output = output;
            report->index = i;
            report->expected = expected[i];
            report->found = map->values[i];
        }
    }
}

@prefix@_report @prefix@_check(void)
{
    @prefix@_report report = {1, 0, GOLDEN_IMAGES, 0, 0, 0, 0, 0};
    int32_t image, output;
    for (image = 0; image < GOLDEN_IMAGES; image++) {
        const @prefix@_value *expected = golden_outputs + image * @PREFIX@_OUTPUT_ELEMENTS;
        memcpy(@prefix@_input(), golden_inputs + image * @PREFIX@_INPUT_ELEMENTS,
               @PREFIX@_INPUT_ELEMENTS * sizeof(@prefix@_value));
        @prefix@_run();
        for (output = 0; output < @PREFIX@_NUM_OUTPUTS; output++) {
            const @prefix@_output *map = &@prefix@_outputs[output];
            compare(expected, image, output, &report);
            expected += (int32_t)map->height * map->width * map->channels;
        }
    }
    return report;
}

int @prefix@_selftest(void)
{
    const @prefix@_report report = @prefix@_check();
    if (report.passed) {
        printf("PASS %ld images, CRC-32 %08lX\n", (long)report.images, (unsigned long)report.crc);
    } else {
        printf("FAIL image %ld, %s[%ld]: expected @format@, found @format@; CRC-32 %08lX\n",
               (long)report.image, @prefix@_outputs[report.output].name, (long)report.index,
               report.expected, report.found, (unsigned long)report.crc);
    }
    return report.passed ? 0 : 1;
}
