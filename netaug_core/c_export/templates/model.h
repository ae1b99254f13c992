/* @title@: @macs@ multiply-accumulates on an image of @height@ x @width@ x @channels@, in @kind@.
 *
 * Written by netaug; README.md says how to use it. Not for several threads at once.
 */
#ifndef @PREFIX@_MODEL_H
#define @PREFIX@_MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory for all that lies between input and outputs, both included. No plan can have less than
 * @lower_bound@ bytes: so many are alive at @peak@. */
#define @PREFIX@_ARENA_BYTES @arena_bytes@

#define @PREFIX@_INPUT_HEIGHT @height@
#define @PREFIX@_INPUT_WIDTH @width@
#define @PREFIX@_INPUT_CHANNELS @channels@
#define @PREFIX@_INPUT_ELEMENTS @input_elements@
#define @PREFIX@_OUTPUT_ELEMENTS @output_elements@ /* of all outputs */
#define @PREFIX@_NUM_OUTPUTS @num_outputs@
#define @PREFIX@_NUM_LABELS @num_labels@

typedef @value@ @prefix@_value;

/* A map, (height, width, channels): real = scale * (values[i] - zero). */
typedef struct {
    const char *name;
    uint16_t height, width, channels;
    float scale;
    int32_t zero;
    const @prefix@_value *values; /* in the arena, until the next input is written */
} @prefix@_output;

extern const @prefix@_output @prefix@_outputs[@PREFIX@_NUM_OUTPUTS];
@labels_declaration@
/* Where the next image belongs, (height, width, channels). A run writes over it. */
@prefix@_value *@prefix@_input(void);
@preprocess_declaration@
/* Runs the network on the input; the values of the first output. */
const @prefix@_value *@prefix@_run(void);

#ifdef __cplusplus
}
#endif

#endif
