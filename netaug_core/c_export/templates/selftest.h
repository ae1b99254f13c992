/* Does this machine compute what the network's authors computed? */
#ifndef @PREFIX@_SELFTEST_H
#define @PREFIX@_SELFTEST_H

#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int passed;
    uint32_t crc;  /* CRC-32 (that of zip) over all outputs of all images */
    int32_t images;
    /* The first difference, if there is one. */
    int32_t image, output, index;
    @prefix@_value expected, found;
} @prefix@_report;

/* Runs the network on the golden images. */
@prefix@_report @prefix@_check(void);

/* The same, and prints PASS or the first difference; 0 if it passed. */
int @prefix@_selftest(void);

#ifdef __cplusplus
}
#endif

#endif
