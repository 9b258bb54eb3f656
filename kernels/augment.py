"""What is done to a picture: the configuration that a plan turns into numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

Range = tuple[float, float]

COLORS = ("hsv", "none")


class PlanParams(NamedTuple):
    """`Augment` as plain numbers, in a form that numba code takes. Ranges are (low, high)."""

    train: bool
    size: int
    resize: int
    area: Range
    log_aspect: Range
    flip: float
    jitter: bool
    hue: Range
    saturation: Range
    brightness: Range
    lighting: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Augment:
    """The baseline transform of "Bag of Tricks" (arXiv 1812.01187, section 2.1), in its order.

    Training: crop, resize, flip, hue, saturation, brightness, PCA lighting, normalise.
    Evaluation: shorter side to `ceil(size / crop_ratio)`, centre crop `size`, normalise.
    Ranges are (low, high), both ends finite, low <= high.
    """

    area: Range = (0.08, 1.0)
    """Share of the picture's area that a training crop takes; in (0, 1]."""
    aspect: Range = (3 / 4, 4 / 3)
    """Width over height of a training crop, drawn log-uniformly."""
    flip: float = 0.5
    """Probability of a left-right flip."""
    color: str = "hsv"
    """`hsv`: hue turned in YIQ by (c - 1) * pi, saturation blended with luma, brightness scaled,
    all linear. `none`: neither these nor lighting."""
    hue: Range = (0.6, 1.4)
    """Hue coefficient c; 1 changes nothing."""
    saturation: Range = (0.6, 1.4)
    """Saturation coefficient; 1 changes nothing, 0 gives grey."""
    brightness: Range = (0.6, 1.4)
    """Brightness factor; 1 changes nothing."""
    lighting: float = 0.1
    """Standard deviation of the three PCA coefficients (AlexNet's "fancy PCA", 0-255 scale)."""
    mean: tuple[float, float, float] = (123.68, 116.779, 103.939)
    """Subtracted per channel R, G, B on the 0-255 scale."""
    std: tuple[float, float, float] = (58.393, 57.12, 57.375)
    """Divides per channel, 0-255 scale."""
    crop_ratio: float = 0.875
    """Evaluation crop over resized shorter side; 224 / 0.875 = 256."""

    def __post_init__(self) -> None:
        for name in ("area", "aspect", "hue", "saturation", "brightness"):
            low, high = getattr(self, name)
            if not (math.isfinite(low) and math.isfinite(high) and low <= high):
                raise ValueError(
                    f"Augment.{name} must be (low, high), low <= high; got {low, high}"
                )
        if self.area[0] <= 0 or self.area[1] > 1:
            raise ValueError(f"Augment.area must lie in (0, 1]; got {self.area}")
        if self.aspect[0] <= 0:
            raise ValueError(f"Augment.aspect must be positive; got {self.aspect}")
        if not 0 <= self.flip <= 1:
            raise ValueError(f"Augment.flip is a probability in [0, 1]; got {self.flip}")
        if not 0 < self.crop_ratio <= 1:
            raise ValueError(f"Augment.crop_ratio must lie in (0, 1]; got {self.crop_ratio}")
        if not (self.lighting >= 0 and math.isfinite(self.lighting)):
            raise ValueError(f"Augment.lighting must be >= 0; got {self.lighting}")
        if min(self.std) <= 0:
            raise ValueError(f"Augment.std must be positive; got {self.std}")
        if self.color not in COLORS:
            raise ValueError(
                f"Augment.color must be one of {', '.join(COLORS)}; got {self.color!r}"
            )

    def resize(self, size: int) -> int:
        """Length of the shorter side before evaluation's centre crop of `size` pixels."""
        # The small tolerance keeps 224 / 0.875 at 256 where the division is a hair above it.
        return math.ceil(size / self.crop_ratio - 1e-9)

    def params(self, *, size: int, train: bool, work: str = "full") -> PlanParams:
        """These settings as numbers for output pictures of `size` x `size` pixels.

        With `work` other than "full", or in evaluation, colour stays as it is.
        """
        return PlanParams(
            train=train,
            size=size,
            resize=self.resize(size),
            area=_floats(self.area),
            log_aspect=(math.log(self.aspect[0]), math.log(self.aspect[1])),
            flip=float(self.flip) if train else 0.0,
            jitter=train and work == "full" and self.color != "none",
            hue=_floats(self.hue),
            saturation=_floats(self.saturation),
            brightness=_floats(self.brightness),
            lighting=float(self.lighting),
            mean=(float(self.mean[0]), float(self.mean[1]), float(self.mean[2])),
            std=(float(self.std[0]), float(self.std[1]), float(self.std[2])),
        )


def _floats(pair: Range) -> Range:
    """Plain floats, so that numba sees one type whatever the caller wrote."""
    return float(pair[0]), float(pair[1])
