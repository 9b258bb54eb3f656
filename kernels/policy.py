"""AutoAugment, RandAugment and TrivialAugment, each as one table that the plan draws from.

A table is CHOICE [n, 2]. A round draws one of its n rows uniformly and takes the row's two choices
in order, each with its own probability and sign; a policy is a table and a number of rounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks.kernels.checks import integer
from fasttricks.kernels.steps import Op

MAX_ROUNDS = 4
LEVELS = ("assembled", "torchvision")

CHOICE = np.dtype(
    [
        ("op", "<i4"),
        ("probability", "<f8"),
        ("base", "<f8"),
        ("swing", "<f8"),
        ("second", "<f4"),
    ],
    align=True,
)
"""A step that may be taken: its amount is `base` plus or minus `swing`, either sign as likely."""

Table = npt.NDArray[np.void]


class Choice(NamedTuple):
    """One record of CHOICE."""

    op: Op = Op.IDENTITY
    probability: float = 0.0
    base: float = 0.0
    swing: float = 0.0
    second: float = 0.0


Rows = Sequence[tuple[Choice, Choice]]

_GEOMETRIC = (Op.SHEAR_X, Op.SHEAR_Y, Op.TRANSLATE_X, Op.TRANSLATE_Y, Op.ROTATE)
_BLENDS = (Op.BRIGHTNESS, Op.COLOR, Op.CONTRAST, Op.SHARPNESS)
_TABLES = (Op.POSTERIZE, Op.SOLARIZE, Op.AUTO_CONTRAST, Op.EQUALIZE)
_OPS_OF_RAND = (Op.IDENTITY, *_GEOMETRIC, *_BLENDS, *_TABLES)

_IMAGENET = """
Posterize .4 8 Rotate .6 9       Solarize .6 5 AutoContrast .6 5  Equalize .8 8 Equalize .6 3
Posterize .6 7 Posterize .6 6    Equalize .4 7 Solarize .2 4      Equalize .4 4 Rotate .8 8
Solarize .6 3 Equalize .6 7      Posterize .8 5 Equalize 1 2      Rotate .2 3 Solarize .6 8
Equalize .6 8 Posterize .4 6     Rotate .8 8 Color .4 0           Rotate .4 9 Equalize .6 2
Equalize 0 7 Equalize .8 8       Invert .6 4 Equalize 1 8         Color .6 4 Contrast 1 8
Rotate .8 8 Color 1 2            Color .8 8 Solarize .8 7         Sharpness .4 7 Invert .6 8
ShearX .6 5 Equalize 1 9         Color .4 0 Equalize .6 3         Equalize .4 7 Solarize .2 4
Solarize .6 5 AutoContrast .6 5  Invert .6 4 Equalize 1 8         Color .6 4 Contrast 1 8
Equalize .8 8 Equalize .6 3
"""
"""25 pairs of operation, probability and level (arXiv 1805.09501); five occur twice."""

_NAMES = {op.name.replace("_", "").lower(): op for op in Op}


@dataclass(frozen=True, kw_only=True)
class AutoAugment:
    """One of the 25 sub-policies found for ImageNet (arXiv 1805.09501), each of two operations."""

    levels: str = "assembled"
    """What a level from 0 to 10 means. `assembled`: as in the code of "Assembled Techniques in a
    CNN" (clovaai/assembled-cnn, preprocessing/autoaugment.py) and Google's TPU models: levels run
    to 10, Posterize keeps 0 to 4 bits, Color and its like have no sign, what geometry uncovers is
    grey 128, and Contrast blends with a grey of (number of pixels) / 256, at most 255: a slip of
    that code, 196 at 224 x 224. `torchvision`: as `torchvision.transforms.v2.AutoAugment`; levels
    run to 9, Posterize keeps 4 to 8 bits, signs are random, black is uncovered. The operations are
    torchvision's in both: that code's own round Color's grey and cut off Sharpness's smoothed
    picture, a level at most, and shear about the corner pixel's centre, not its corner."""

    def __post_init__(self) -> None:
        if self.levels not in LEVELS:
            known = " or ".join(LEVELS)
            raise ValueError(f"AutoAugment.levels must be {known}; got {self.levels!r}")

    @property
    def rounds(self) -> int:
        """How often a row of the table is drawn for a picture."""
        return 1

    def table(self, size: int) -> Table:
        """CHOICE [25, 2] for pictures of `size` x `size` pixels."""
        words = iter(_IMAGENET.split())
        choices = []
        for name, probability, level in zip(words, words, words, strict=True):
            op = _NAMES[name.lower()]
            if self.levels == "assembled":
                choice = _assembled(op, int(level), size)
            else:
                choice = _choice(op, _torchvision_levels(size), int(level), 10)
            choices.append(choice._replace(probability=float(probability)))
        return _table(list(zip(choices[::2], choices[1::2], strict=True)))


@dataclass(frozen=True, kw_only=True)
class RandAugment:
    """`num_ops` of 14 operations, all at one magnitude (arXiv 1909.13719), as in torchvision."""

    num_ops: int = 2
    """Operations in a row, 1 to 4; the same one may come twice."""
    magnitude: int = 9
    """Strength, 0 to num_bins - 1."""
    num_bins: int = 31
    """How many strengths there are."""

    def __post_init__(self) -> None:
        _check_integer("RandAugment.num_ops", self.num_ops, 1, MAX_ROUNDS)
        _check_integer("RandAugment.num_bins", self.num_bins, 2, 1024)
        _check_integer("RandAugment.magnitude", self.magnitude, 0, self.num_bins - 1)

    @property
    def rounds(self) -> int:
        """How often a row of the table is drawn for a picture."""
        return self.num_ops

    def table(self, size: int) -> Table:
        """CHOICE [14, 2] for pictures of `size` x `size` pixels."""
        levels = _torchvision_levels(size)
        rows = [_choice(op, levels, self.magnitude, self.num_bins) for op in _OPS_OF_RAND]
        return _table([(row, Choice()) for row in rows])


@dataclass(frozen=True, kw_only=True)
class TrivialAugment:
    """One of 14 operations at a random magnitude (arXiv 2103.10158): torchvision's
    `TrivialAugmentWide`."""

    num_bins: int = 31
    """How many strengths there are."""

    def __post_init__(self) -> None:
        _check_integer("TrivialAugment.num_bins", self.num_bins, 2, 1024)

    @property
    def rounds(self) -> int:
        """How often a row of the table is drawn for a picture."""
        return 1

    def table(self, size: int) -> Table:
        """CHOICE [14 * num_bins, 2] for pictures of any size."""
        bins = range(self.num_bins)
        rows = [_choice(op, _WIDE, k, self.num_bins) for op in _OPS_OF_RAND for k in bins]
        return _table([(row, Choice()) for row in rows])


Policy = AutoAugment | RandAugment | TrivialAugment


def no_choices() -> Table:
    """The table of no policy: CHOICE [0, 2]."""
    return np.empty((0, 2), CHOICE)


def _check_integer(name: str, value: Any, low: int, high: int) -> None:
    taken = f"an integer from {low} to {high}"
    integer(name, value, taken, lambda given: low <= given <= high)


def _assembled(op: Op, level: int, size: int) -> Choice:
    """What `level`, 0 to 10, means in the authors' code."""
    always = Choice(op, probability=1.0)
    share = level / 10
    if op in (Op.SHEAR_X, Op.SHEAR_Y):
        return always._replace(swing=0.3 * share, second=128.0)
    if op == Op.ROTATE:
        return always._replace(swing=30.0 * share, second=128.0)
    if op == Op.POSTERIZE:
        return always._replace(base=math.floor(share * 4))
    if op == Op.SOLARIZE:
        return always._replace(base=math.floor(share * 256))
    if op == Op.CONTRAST:
        grey = math.floor(min(255.0, size * size / 256))
        return always._replace(op=Op.FADE, base=1.8 * share + 0.1, second=grey)
    if op in _BLENDS:
        return always._replace(base=1.8 * share + 0.1)
    return always


class _Levels(NamedTuple):
    """The largest strengths of torchvision's augmentation spaces."""

    shear: float
    translate: float
    rotate: float
    blend: float
    bits: int
    """By how many bits Posterize goes down from 8."""


_WIDE = _Levels(shear=0.99, translate=32.0, rotate=135.0, blend=0.99, bits=6)


def _torchvision_levels(size: int) -> _Levels:
    return _Levels(shear=0.3, translate=150 / 331 * size, rotate=30.0, blend=0.9, bits=4)


def _choice(op: Op, levels: _Levels, magnitude: int, bins: int) -> Choice:
    """Strength `magnitude` of `bins` evenly spaced ones, as torchvision defines it.

    Exact, where torchvision has what `torch.linspace` rounds to float32, differently on CPUs with
    different vectors: its Solarize threshold may be a hair above the 119 that is meant.
    """
    share = magnitude / (bins - 1)
    always = Choice(op, probability=1.0)
    most: Mapping[Op, float] = {
        Op.SHEAR_X: levels.shear,
        Op.SHEAR_Y: levels.shear,
        Op.TRANSLATE_X: levels.translate,
        Op.TRANSLATE_Y: levels.translate,
        Op.ROTATE: levels.rotate,
    }
    if op in most:
        return always._replace(swing=most[op] * share)
    if op in _BLENDS:
        return always._replace(base=1.0, swing=levels.blend * share)
    if op == Op.POSTERIZE:
        return always._replace(base=8 - round(levels.bits * share))
    if op == Op.SOLARIZE:
        return always._replace(base=255.0 * (1.0 - share))
    return always


def _table(rows: Rows) -> Table:
    return np.array([list(row) for row in rows], CHOICE)
