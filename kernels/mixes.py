"""What can be done with several pictures of a batch: the configuration of mixing and erasing.

Each of these turns into `kernels.mix` descriptions (see `kernels.plan_mix`), which all finishing
kernels carry out in the pass that they make anyway. Erasing happens on the finished scale, where 0
is the mean colour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from fasttricks.kernels.mix import PATCHES

PER = ("batch", "sample")
PAIRINGS = ("permutation", "two-batches", "halves")
FILLS = ("constant", "channel", "pixel")

Range = tuple[float, float]


@dataclass(frozen=True)
class Mixup:
    """output = lambda * picture + (1 - lambda) * partner, targets alike (arXiv 1710.09412).

    "Bag of Tricks" section 5.4 and "Assembled CNN" section 3.2 train with alpha 0.2.
    """

    alpha: float = 0.2
    """lambda ~ Beta(alpha, alpha)."""
    per: str = "sample"
    """One lambda per `sample`, or per `batch`: the whole step, on all ranks."""
    pairing: str = "permutation"
    """Who is whose partner. `permutation`: a random one inside each group. `two-batches`: twice as
    many pictures are read, neighbours are mixed (type 1 of "Assembled CNN"). `halves`: the first
    half of a group with the second, then again with the second half reversed and a new lambda
    (type 2)."""

    patches: ClassVar[int] = 1
    shares: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _check_positive(self, "alpha")
        _check_choice(self, "per", PER)
        _check_choice(self, "pairing", PAIRINGS)


@dataclass(frozen=True)
class CutMix:
    """A rectangle of the partner in each picture, targets by area (arXiv 1905.04899).

    The rectangle has the picture's aspect and area 1 - lambda, its centre is uniform over the
    picture, and it is clipped; the share in the targets is that of the pixels really covered.
    """

    alpha: float = 1.0
    """lambda ~ Beta(alpha, alpha)."""
    per: str = "sample"
    """One rectangle per `sample`, or per `batch` as in the authors' code."""

    patches: ClassVar[int] = 1
    shares: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _check_positive(self, "alpha")
        _check_choice(self, "per", PER)


@dataclass(frozen=True)
class RICAP:
    """Four pictures cropped and put together, targets by area (arXiv 1811.09030)."""

    beta: float = 0.3
    """The point where the four meet ~ Beta(beta, beta) of width and height."""
    per: str = "batch"
    """One meeting point and one crop origin per quarter for the `batch`, as in the authors' code,
    or for each `sample`."""

    patches: ClassVar[int] = 4
    shares: ClassVar[int] = 4

    def __post_init__(self) -> None:
        _check_positive(self, "beta")
        _check_choice(self, "per", PER)


@dataclass(frozen=True)
class Cutout:
    """Square holes of the mean colour, clipped at the border (arXiv 1708.04552).

    A hole reaches length // 2 pixels to both sides of its centre, which is uniform over the
    picture; so an odd length loses a pixel, as in the authors' code.
    """

    length: int
    """Side of a hole in pixels."""
    holes: int = 1

    shares: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not isinstance(self.length, int) or self.length < 1:
            raise ValueError(f"Cutout.length must be an integer >= 1; got {self.length!r}")
        if not isinstance(self.holes, int) or not 0 <= self.holes <= PATCHES:
            raise ValueError(f"Cutout.holes must lie in [0, {PATCHES}]; got {self.holes!r}")

    @property
    def patches(self) -> int:
        """Rectangles that a picture may get."""
        return self.holes


@dataclass(frozen=True)
class RandomErasing:
    """One rectangle erased with some probability (arXiv 1708.04896).

    Area and aspect (height over width) are uniform in their ranges, as in the authors' code, which
    tries until the rectangle fits into the picture.
    """

    probability: float = 0.5
    area: Range = (0.02, 0.4)
    """Share of the picture; in (0, 1]."""
    aspect: Range = (0.3, 1 / 0.3)
    """Height over width."""
    fill: str = "pixel"
    """What is written: standard normal numbers per `pixel` (and channel), or per `channel`, or the
    `constant` value."""
    value: float = 0.0
    """For `constant`, on the finished scale."""
    tries: int = 100

    patches: ClassVar[int] = 1
    shares: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(
                f"RandomErasing.probability must lie in [0, 1]; got {self.probability}"
            )
        for name, most in (("area", 1.0), ("aspect", math.inf)):
            low, high = getattr(self, name)
            if not (0 < low <= high <= most and math.isfinite(high)):
                raise ValueError(
                    f"RandomErasing.{name} must be (low, high) with 0 < low <= high"
                    + (f" <= {most:g}" if most == 1 else "")
                    + f"; got {low, high}"
                )
        _check_choice(self, "fill", FILLS)
        if not math.isfinite(self.value):
            raise ValueError(f"RandomErasing.value must be finite; got {self.value}")
        if not isinstance(self.tries, int) or not 1 <= self.tries <= 255:
            raise ValueError(f"RandomErasing.tries must lie in [1, 255]; got {self.tries!r}")


Mix = Mixup | CutMix | RICAP | Cutout | RandomErasing
MIXING = (Mixup, CutMix, RICAP)
"""Those that mix pictures, and so targets; the others erase."""


def as_mixes(mix: Mix | tuple[Mix, ...] | None) -> tuple[Mix, ...]:
    """A checked tuple: at most one that mixes, first, then those that erase.

    Raises:
        ValueError: something else, or more rectangles than a description holds.
    """
    mixes = mix if isinstance(mix, tuple) else () if mix is None else (mix,)
    for one in mixes:
        if not isinstance(one, Mix):
            raise ValueError(
                "mix must be a fasttricks Mixup, CutMix, RICAP, Cutout or RandomErasing, or a "
                f"tuple of them; got {one!r}"
            )
    if any(isinstance(one, MIXING) for one in mixes[1:]):
        raise ValueError("mix: only the first of several can mix pictures; the others must erase")
    if (count := sum(one.patches for one in mixes)) > PATCHES:
        raise ValueError(f"mix: at most {PATCHES} rectangles in a picture; these need {count}")
    return mixes


def has_noise(mixes: tuple[Mix, ...]) -> bool:
    """Whether a pixel may get noise of its own."""
    return any(isinstance(one, RandomErasing) and one.fill == "pixel" for one in mixes)


def pictures_per_output(mixes: tuple[Mix, ...]) -> int:
    """How many pictures are read for one that comes out: 1 or 2."""
    first = mixes[0] if mixes else None
    return 2 if isinstance(first, Mixup) and first.pairing == "two-batches" else 1


def _check_positive(config: object, name: str) -> None:
    value = getattr(config, name)
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{type(config).__name__}.{name} must be > 0; got {value}")


def _check_choice(config: object, name: str, known: tuple[str, ...]) -> None:
    value = getattr(config, name)
    if value not in known:
        raise ValueError(
            f"{type(config).__name__}.{name} must be one of {', '.join(known)}; got {value!r}"
        )
