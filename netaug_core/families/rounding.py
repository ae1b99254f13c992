"""How families round channels."""

CHANNEL_DIVISOR = 8  # MobileNetV2, Sandler et al. 2018: channels are kept divisible by 8


def make_divisible(channels: float, divisor: int = CHANNEL_DIVISOR) -> int:
    """Round to a multiple of `divisor`, losing at most a tenth (MobileNetV2's rule)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded
