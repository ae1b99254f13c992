/* Which of a kernel's rows, or columns, lie on the image: `first` to before `end`. */
#ifndef NETAUG_SPAN_H
#define NETAUG_SPAN_H

#include <stdint.h>

typedef struct {
    int32_t first, end;
} netaug_span;

/* Of a kernel that begins at `position` of an image of `size` pixels; both may be beyond it. */
static inline netaug_span netaug_inside(int32_t position, int32_t kernel, int32_t size)
{
    netaug_span span;
    span.first = position < 0 ? -position : 0;
    span.end = position + kernel > size ? size - position : kernel;
    return span;
}

#endif
