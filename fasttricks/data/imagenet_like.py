"""The shape of ImageNet's files in numbers: what file `index` of a synthetic set is going to be.

The tables were counted in 500 ImageNet files, which are of three kinds. Most (69 %) were fitted
into a box of 500 x 500, nearly all of them without chroma subsampling at quality 96. The smaller
(18 %) and the larger (12 %) look as they came from the web, mostly 4:2:0, at any quality.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, TypeVar

import numpy as np

Layout = Literal["4:4:4", "4:2:2", "4:2:0", "grey"]
Quantiles = Sequence[tuple[float, float]]
"""(probability, value) points from 0 to 1; a flat stretch is a value that many files share."""
T = TypeVar("T")

MAX_LONG, MAX_SHORT = 2400, 1632
"""The largest picture, in pixels."""
_PORTRAIT = 0.26
_BUSYNESS_SIGMA = 0.5
_SET_STREAM, _FILE_STREAM = 1, 2  # first words of the random generators' keys

_G = 1.2207440846057596  # the real root of x^4 = x + 1
_R3 = np.array([1 / _G, 1 / _G**2, 1 / _G**3])


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What one file will be, decided before anything is drawn."""

    width: int
    height: int
    layout: Layout
    quality: int
    """libjpeg's quality, 1..100."""
    busyness: float
    """Strength of texture in grey levels, see `draw_scene`."""


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """One kind of files; `weight` and the weights of encodings need not add up to 1."""

    weight: float
    long_side: Quantiles
    aspect: Quantiles
    """Short side / long side."""
    encodings: Sequence[tuple[tuple[Layout, int], float]]
    """((layout, quality), weight)."""
    busyness: float
    """The median."""


# fmt: off
_KINDS = (
    _Kind(
        weight=0.694,
        long_side=((0, 500), (1, 500)),
        aspect=(  # three in five are 500 x 375 or 500 x 333
            (0, 0.48), (0.03, 0.643), (0.12, 0.664), (0.12, 0.666), (0.31, 0.666), (0.31, 0.668),
            (0.36, 0.668), (0.40, 0.700), (0.47, 0.748), (0.47, 0.75), (0.88, 0.75), (0.88, 0.752),
            (0.95, 0.84), (0.985, 0.99), (0.985, 1), (1, 1),
        ),
        encodings=(
            (("4:4:4", 96), 0.915), (("4:4:4", 80), 0.04),
            (("4:2:0", 75), 0.025), (("grey", 96), 0.02),
        ),
        busyness=20.5,
    ),
    _Kind(
        weight=0.182,
        long_side=(
            (0, 75), (0.1, 170), (0.2, 240), (0.3, 250), (0.4, 300), (0.5, 345),
            (0.6, 392), (0.7, 400), (0.8, 411), (0.9, 470), (1, 499),
        ),
        aspect=(
            (0, 0.29), (0.1, 0.66), (0.2, 0.70), (0.3, 0.75), (0.5, 0.75), (0.6, 0.78),
            (0.7, 0.85), (0.84, 1), (1, 1),
        ),
        encodings=(
            (("4:4:4", 96), 0.11), (("4:4:4", 90), 0.12), (("4:4:4", 86), 0.09),
            (("4:2:0", 92), 0.22), (("4:2:0", 85), 0.19), (("4:2:0", 75), 0.21),
            (("4:2:2", 85), 0.03), (("grey", 88), 0.03),
        ),
        busyness=14.0,
    ),
    _Kind(
        weight=0.124,
        long_side=(
            (0, 501), (0.1, 527), (0.2, 562), (0.3, 600), (0.4, 600), (0.5, 640), (0.6, 640),
            (0.7, 740), (0.75, 800), (0.82, 800), (0.9, 1140), (0.96, 1600), (0.985, 1840),
            (1, MAX_LONG),
        ),
        aspect=(
            (0, 0.42), (0.1, 0.665), (0.2, 0.667), (0.3, 0.72), (0.35, 0.75), (0.8, 0.75),
            (0.9, 0.88), (1, 1),
        ),
        encodings=(
            (("4:4:4", 99), 0.05), (("4:4:4", 92), 0.08), (("4:4:4", 86), 0.08),
            (("4:2:0", 92), 0.13), (("4:2:0", 85), 0.17), (("4:2:0", 80), 0.16),
            (("4:2:0", 75), 0.25), (("4:2:2", 85), 0.05), (("grey", 88), 0.03),
        ),
        busyness=9.5,
    ),
)
# fmt: on


def draw_spec(seed: int, index: int) -> Spec:
    """The spec of file `index` (>= 0) of the set with that `seed` (>= 0); a pure function.

    The draws that decide a file's cost are not independent between files: they walk the R3 sequence
    (M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018), which fills the
    unit cube evenly, so that small sets have nearly the mean size and cost of large ones.
    """
    start = np.random.default_rng((_SET_STREAM, seed)).random(3)
    u_kind, u_encoding, u_busyness = (start + index * _R3) % 1
    kind, rank = _choose([(kind, kind.weight) for kind in _KINDS], u_kind)
    (layout, quality), _ = _choose(kind.encodings, u_encoding)
    deviation = NormalDist().inv_cdf(min(max(u_busyness, 1e-9), 1 - 1e-9))
    rng = np.random.default_rng((_FILE_STREAM, seed, index))
    width = round(_quantile(kind.long_side, rank))
    height = min(round(width * _quantile(kind.aspect, rng.random())), MAX_SHORT)
    if rng.random() < _PORTRAIT:
        width, height = height, width
    return Spec(
        width=width,
        height=height,
        layout=layout,
        quality=quality,
        busyness=kind.busyness * math.exp(_BUSYNESS_SIGMA * deviation),
    )


def _quantile(table: Quantiles, u: float) -> float:
    points, values = zip(*table, strict=True)
    return float(np.interp(u, points, values))


def _choose(weighted: Sequence[tuple[T, float]], u: float) -> tuple[T, float]:
    """The choice under `u` in [0, 1), and where `u` lies within that choice's share, in [0, 1)."""
    u *= sum(weight for _, weight in weighted)
    for choice, weight in weighted:
        if u < weight:
            return choice, u / weight
        u -= weight
    return weighted[-1][0], 1 - 2**-53
