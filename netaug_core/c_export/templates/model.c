/* @title@, in @kind@. Written by netaug. */
#include "model.h"

#include "@kernels_header@"
#include "weights.h"

@memory@

@layers@

const @prefix@_output @prefix@_outputs[@PREFIX@_NUM_OUTPUTS] = {
@outputs@
};
@labels@
@prefix@_value *@prefix@_input(void)
{
    return arena + @input_offset@;
}
@preprocess@
const @prefix@_value *@prefix@_run(void)
{
@calls@
    return @prefix@_outputs[0].values;
}
