"""The network of tests in which any network does: a quarter of MobileNetV2's layers.

It is trained in a quarter of the time, and exported and verified in seconds.
"""

from typing import Any

SMALL_MODEL: dict[str, Any] = {
    "name": "custom",
    "input_size": 28,
    "network": {
        "stem": {"out_channels": 8, "stride": 2},
        "blocks": [
            {"type": "separable", "out_channels": 8},
            {"type": "inverted", "out_channels": 12, "mid_channels": 16, "stride": 2},
            {"type": "inverted", "out_channels": 12, "mid_channels": 24},
            {"type": "inverted", "out_channels": 16, "mid_channels": 24, "stride": 2},
        ],
        "final": {"out_channels": 32},
    },
}

# Strides to 32, as a detector's head needs them.
SMALL_BACKBONE: dict[str, Any] = {
    "name": "custom",
    "input_size": 64,
    "network": {
        "stem": {"out_channels": 8, "stride": 2},
        "blocks": [
            {"type": "inverted", "out_channels": 8, "mid_channels": 16, "stride": 2},
            {"type": "inverted", "out_channels": 12, "mid_channels": 24, "stride": 2},
            {"type": "inverted", "out_channels": 16, "mid_channels": 32, "stride": 2},
            {"type": "inverted", "out_channels": 24, "mid_channels": 48, "stride": 2},
        ],
    },
}
