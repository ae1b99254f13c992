
void @prefix@_preprocess(const uint8_t *pixels)
{
    @prefix@_value *input = @prefix@_input();
    int32_t pixel, channel;
    for (pixel = 0; pixel < @PREFIX@_INPUT_HEIGHT * @PREFIX@_INPUT_WIDTH; pixel++) {
        for (channel = 0; channel < @PREFIX@_INPUT_CHANNELS; channel++) {
            *input++ = tables[channel * 256 + *pixels++];
        }
    }
}
