/* Inputs, and what the outputs must be: computed by @reference@. */
#ifndef @PREFIX@_GOLDEN_H
#define @PREFIX@_GOLDEN_H

#include "model.h"

#define GOLDEN_IMAGES @num_images@
#define GOLDEN_TOLERANCE @tolerance@

@inputs@
@answers@

#endif
