/* The numbers of @title@. Only model.c includes them. */
#ifndef @PREFIX@_WEIGHTS_H
#define @PREFIX@_WEIGHTS_H

#include <stdint.h>

@constants@

#endif
