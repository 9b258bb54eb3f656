"""What is done to a picture: the configuration that a plan turns into numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from fasttricks.kernels.checks import number, numbers
from fasttricks.kernels.policy import Policy, Table, no_choices

Range = tuple[float, float]

COLORS = ("hsv", "hsv-literal", "reference", "none")
HSV_LITERAL, REFERENCE = 1, 2

INTERPOLATIONS = ("bilinear", "bicubic")
"""The filters that pictures can be resized with; plans have them by number."""


class PlanParams(NamedTuple):
    """`Augment` as plain numbers, in a form that numba code takes. Ranges are (low, high)."""

    train: bool
    size: int
    resize: int
    interpolation: int
    """One of INTERPOLATIONS, by number."""
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


class OpsParams(NamedTuple):
    """What `Augment` does to uint8 pixels before `finish`, in a form that numba code takes."""

    table: Table
    """CHOICE [n, 2] of the policy, see `kernels.policy`."""
    rounds: int
    """How often a row of it is drawn; 0 without a policy."""
    color: int
    """HSV_LITERAL, REFERENCE or 0."""
    hue: Range
    saturation: Range
    brightness: Range
    contrast: Range


@dataclass(frozen=True, kw_only=True)
class Augment:
    """The baseline transform of "Bag of Tricks" (arXiv 1812.01187, section 2.1), in its order.

    Training: crop, resize, flip, policy, hue, saturation, brightness, PCA lighting, normalise.
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
    """What the paper's sentence on hue, saturation and brightness is taken to mean.

    - `hsv`: hue turned in YIQ by (c - 1) * pi, saturation blended with luma, brightness scaled; all
      linear, on float pixels.
    - `hsv-literal`: H, S and V of every pixel multiplied, S and V clipped to 1 and H to 358 degrees
      (the 179 of OpenCV's 8-bit HSV): red, which lies at 0, leaps. Rounded to uint8.
    - `reference`: as the authors' code (apache/mxnet src/io/image_aug_default.cc): no hue, but
      brightness, contrast and saturation in random order, rounded and clipped to uint8 after each.
    - `none`: nothing, and no lighting.
    """
    hue: Range = (0.6, 1.4)
    """Hue coefficient c; 1 changes nothing. `reference` does not use it."""
    saturation: Range = (0.6, 1.4)
    """Saturation coefficient; 1 changes nothing, 0 gives grey."""
    brightness: Range = (0.6, 1.4)
    """Brightness factor; 1 changes nothing."""
    contrast: Range = (0.6, 1.4)
    """Contrast coefficient, of `reference` only; 1 changes nothing, 0 gives the mean luma."""
    lighting: float = 0.1
    """Standard deviation of the three PCA coefficients (AlexNet's "fancy PCA", 0-255 scale)."""
    mean: tuple[float, float, float] = (123.68, 116.779, 103.939)
    """Subtracted per channel R, G, B on the 0-255 scale."""
    std: tuple[float, float, float] = (58.393, 57.12, 57.375)
    """Divides per channel, 0-255 scale."""
    crop_ratio: float = 0.875
    """Evaluation crop over resized shorter side; 224 / 0.875 = 256."""
    interpolation: str = "bilinear"
    """The filter of the resize, antialiased, in training and evaluation: `bilinear`, a triangle, or
    `bicubic`, Keys' cubic with a = -0.5 (Pillow's and DALI's), twice as wide and sharper.

    A cubic filter overshoots at hard edges. Pixels are clipped to 0..255 once, when both axes are
    done, as DALI does it; PIL, and so the pipeline `torchvision`, clips after each.
    """
    policy: Policy | None = None
    """`AutoAugment()`, `RandAugment()` or `TrivialAugment()`, carried out on the flipped crop."""

    def __post_init__(self) -> None:
        # Kept as plain floats, so that numba sees one type whatever the caller wrote.
        for name in ("area", "aspect", "hue", "saturation", "brightness", "contrast"):
            pair = numbers(f"Augment.{name}", getattr(self, name), 2, "(low, high)")
            if not (all(map(math.isfinite, pair)) and pair[0] <= pair[1]):
                raise ValueError(f"Augment.{name} must be (low, high), low <= high; got {pair}")
            object.__setattr__(self, name, pair)
        if self.area[0] <= 0 or self.area[1] > 1:
            raise ValueError(f"Augment.area must lie in (0, 1]; got {self.area}")
        if self.aspect[0] <= 0:
            raise ValueError(f"Augment.aspect must be positive; got {self.aspect}")
        number("Augment.flip", self.flip, "a probability in [0, 1]", lambda p: 0 <= p <= 1)
        number("Augment.crop_ratio", self.crop_ratio, "in (0, 1]", lambda ratio: 0 < ratio <= 1)
        number("Augment.lighting", self.lighting, "a number >= 0", lambda s: 0 <= s < math.inf)
        self._check_normalisation()
        if self.color not in COLORS:
            raise ValueError(
                f"Augment.color must be one of {', '.join(COLORS)}; got {self.color!r}"
            )
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"Augment.interpolation must be one of {', '.join(INTERPOLATIONS)}; "
                f"got {self.interpolation!r}"
            )
        self._check_ops()

    def _check_normalisation(self) -> None:
        for name in ("mean", "std"):
            values = numbers(f"Augment.{name}", getattr(self, name), 3, "R, G, B")
            if not all(map(math.isfinite, values)):
                raise ValueError(f"Augment.{name} must be finite; got {values}")
            object.__setattr__(self, name, values)
        if min(self.std) <= 0:
            raise ValueError(f"Augment.std must be positive; got {self.std}")
        # No set of pictures varies so little, or is so dark: this is the scale of ToTensor.
        small = {"mean": 0 < max(map(abs, self.mean)) < 1, "std": max(self.std) < 1}
        told = [f"{name}={getattr(self, name)}" for name, is_small in small.items() if is_small]
        if told:
            raise ValueError(
                f"pixels are 0 to 255, and Augment was given {', '.join(told)} for 0 to 1: "
                f"multiply mean and std by 255"
            )

    def _check_ops(self) -> None:
        used = {"reference": ("saturation", "brightness", "contrast")}
        used["hsv-literal"] = ("hue", "saturation", "brightness")
        for name in used.get(self.color, ()):
            pair = getattr(self, name)
            if pair[0] < 0:
                raise ValueError(
                    f"Augment.{name} must not be negative with color={self.color!r}; got {pair}"
                )
        if self.policy is not None and not isinstance(self.policy, Policy):
            raise ValueError(
                "Augment.policy must be AutoAugment(...), RandAugment(...), TrivialAugment(...) "
                f"or None; got {self.policy!r}"
            )

    def resize(self, size: int) -> int:
        """Length of the shorter side before evaluation's centre crop of `size` pixels."""
        # The small tolerance keeps 224 / 0.875 at 256 where the division is a hair above it.
        return math.ceil(size / self.crop_ratio - 1e-9)

    def params(self, *, size: int, train: bool, work: str = "full") -> PlanParams:
        """These settings as numbers for output pictures of `size` x `size` pixels.

        With `work` other than "full", or in evaluation, colour stays as it is. Where colour is not
        linear the jitter is left to `ops`, and coefficients of 1 leave lighting here.
        """
        one = (1.0, 1.0)
        linear = self.color == "hsv"
        return PlanParams(
            train=train,
            size=size,
            resize=self.resize(size),
            interpolation=INTERPOLATIONS.index(self.interpolation),
            area=self.area,
            log_aspect=(math.log(self.aspect[0]), math.log(self.aspect[1])),
            flip=float(self.flip) if train else 0.0,
            jitter=train and work == "full" and self.color != "none",
            hue=self.hue if linear else one,
            saturation=self.saturation if linear else one,
            brightness=self.brightness if linear else one,
            lighting=float(self.lighting),
            mean=self.mean,
            std=self.std,
        )

    def ops(self, *, size: int, train: bool, work: str = "full") -> OpsParams | None:
        """What `kernels.plan_ops` draws from, or None where uint8 pixels stay as they are.

        Arguments as for `params`. Nothing is done in evaluation or where `work` is not "full".
        """
        color = {"hsv-literal": HSV_LITERAL, "reference": REFERENCE}.get(self.color, 0)
        if not train or work != "full" or not (self.policy or color):
            return None
        return OpsParams(
            table=no_choices() if self.policy is None else self.policy.table(size),
            rounds=0 if self.policy is None else self.policy.rounds,
            color=color,
            hue=self.hue,
            saturation=self.saturation,
            brightness=self.brightness,
            contrast=self.contrast,
        )
