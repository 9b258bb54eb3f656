"""What may be done to the pixels of a sample between its pipeline and `finish`: a list of steps.

A sample's *ops*, its operations, are a row of STEPS records; the first IDENTITY ends it. They are
drawn by `kernels.plan_ops` and carried out by `kernels.ops`, on uint8 pixels, in the row's order.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

STEPS = 8
"""Records in a row: at most four of a policy, then at most three of the colour."""


class Op(IntEnum):
    """What a step does. `amount`, `second` and `third` are the fields of STEP.

    The names up to SHARPNESS are those of AutoAugment; results are cut off at uint8 as torchvision
    does it. Geometric operations take the nearest pixel and fill with grey level `second`.
    """

    IDENTITY = 0
    SHEAR_X = 1
    """Rows move left by `amount` times their distance from the top."""
    SHEAR_Y = 2
    """Columns move up by `amount` times their distance from the left."""
    TRANSLATE_X = 3
    """Moves right by `amount` pixels, cut off to an integer."""
    TRANSLATE_Y = 4
    """Moves down by `amount` pixels, cut off to an integer."""
    ROTATE = 5
    """Turns by `amount` degrees, counter-clockwise, about the centre."""
    AUTO_CONTRAST = 6
    """Stretches each channel to 0 to 255."""
    INVERT = 7
    EQUALIZE = 8
    """Flattens each channel's histogram."""
    SOLARIZE = 9
    """Inverts what is `amount` or more."""
    POSTERIZE = 10
    """Keeps the highest `amount` bits, 0 to 8."""
    CONTRAST = 11
    """Blends with the mean of the grey picture; `amount` is the share of the picture."""
    COLOR = 12
    """Blends with the grey picture; `amount` is the share of the picture."""
    BRIGHTNESS = 13
    """Multiplies by `amount`."""
    SHARPNESS = 14
    """Blends with the smoothed picture; `amount` is the share of the picture."""
    FADE = 15
    """Blends with grey level `second`; `amount` is the share of the picture."""
    JITTER_BRIGHTNESS = 16
    """From here on results are rounded. Multiplies by `amount`."""
    JITTER_CONTRAST = 17
    """Blends with the mean luma; `amount` is the share of the picture."""
    JITTER_SATURATION = 18
    """Blends with luma; `amount` is the share of the picture."""
    JITTER_HSV = 19
    """Multiplies hue, saturation and value by `amount`, `second` and `third`."""


STEP = np.dtype([("op", "<i4"), ("amount", "<f4"), ("second", "<f4"), ("third", "<f4")])
"""One step: an `Op` and its numbers, 0 where it takes none."""
