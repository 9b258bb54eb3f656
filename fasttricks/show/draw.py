"""Single pictures: an original with its crop box, a loader's output, the difference of two."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from fasttricks.kernels.plan import Box
from fasttricks.show.collect import Levels, Pixels

BOX_COLOR = (255, 208, 0)
BOX_LINE = 2
"""Pixels, inside the box."""
DIMMED = 0.4
"""What is left of the brightness outside the crop."""
AMPLIFY = 64
"""Times that a difference is shown; one factor everywhere, so that cells compare."""


class Difference(NamedTuple):
    """How far two outputs are apart, in levels of 0 to 255 before clipping."""

    most: float
    mean: float

    def __str__(self) -> str:
        if self.most == 0:
            return "identical"
        if self.most < 0.01:
            return "below 0.01 levels"
        return f"at most {self.most:.2f} levels, mean {self.mean:.3f}"


def scaled_box(box: Box, scale: float) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of a plan's box in a picture that is shown at this scale; the last
    two are outside. Never empty."""
    top, left, height, width = box
    x, y = round(left * scale), round(top * scale)
    right, bottom = round((left + width) * scale), round((top + height) * scale)
    return x, y, max(right, x + 1), max(bottom, y + 1)


def fitting_scale(pixels: Pixels, width: int, height: int) -> float:
    """At which scale a picture just fits into width x height."""
    return float(min(width / pixels.shape[1], height / pixels.shape[0]))


def original(pixels: Pixels, box: Box, scale: float) -> Image.Image:
    """A whole picture, dimmed outside its crop, with a frame around that.

    Args:
        pixels: uint8 [H, W, 3].
        box: (top, left, height, width), in its pixels.
        scale: of what is returned.
    """
    height, width, _ = pixels.shape
    size = max(1, round(width * scale)), max(1, round(height * scale))
    bright = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    shown = bright.point([round(level * DIMMED) for level in range(256)] * 3)
    x, y, right, bottom = scaled_box(box, scale)
    shown.paste(bright.crop((x, y, right, bottom)), (x, y))
    frame = ImageDraw.Draw(shown)
    frame.rectangle((x, y, right - 1, bottom - 1), outline=BOX_COLOR, width=BOX_LINE)
    return shown


def output(levels: Levels, zoom: int = 1) -> Image.Image:
    """A loader's output, float [S, S, 3] in levels, rounded and clipped to those that screens
    have; each pixel as a square of `zoom`."""
    return _zoomed(np.clip(np.rint(levels), 0, 255).astype(np.uint8), zoom)


def difference(one: Levels, other: Levels, zoom: int = 1) -> tuple[Image.Image, Difference]:
    """|one - other| in every channel, amplified; black where they agree."""
    apart = np.abs(one - other)
    shown = np.clip(np.rint(apart * AMPLIFY), 0, 255).astype(np.uint8)
    return _zoomed(shown, zoom), Difference(float(apart.max()), float(apart.mean()))


def _zoomed(pixels: Pixels, zoom: int) -> Image.Image:
    return Image.fromarray(np.repeat(np.repeat(pixels, zoom, 0), zoom, 1))
