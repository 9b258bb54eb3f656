"""What can be done with several pictures of a batch: the configuration of mixing and erasing.

Each of these turns into descriptions (see `mix.description` and `mix.plan`), which all finishing
kernels carry out in the pass that they make anyway. Erasing happens on the finished scale, where 0
is the mean colour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from fasttricks.kernels.checks import integer, number, numbers
from fasttricks.kernels.mix.description import PATCHES

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
    """Which picture is the partner of which. `permutation`: a random one inside each group.
    `two-batches`: twice as many pictures are read, neighbours are mixed (type 1 of "Assembled
    CNN"). `halves`: the first half of a group with the second, then again with the second half
    reversed and a new lambda, also where it is one per `batch` (type 2)."""

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


@dataclass(frozen=True, init=False, repr=False)
class OneOf:
    """One of several mixes by chance, or none: mixup or CutMix, as timm and torchvision mix.

        OneOf(Mixup(0.2), CutMix(1.0))
        OneOf(Mixup(0.2), CutMix(1.0), weights=(0.7, 0.3), probability=0.9)
        OneOf(Mixup(0.2), probability=0.5)

    A picture that gets one of them becomes what that one alone would have made of it; one that gets
    none stays as it is, and has all of its target.
    """

    mixes: tuple[Mixup | CutMix | RICAP, ...]
    """What is chosen from: whatever makes one picture out for one in, so no mixup of
    `two-batches`."""
    weights: tuple[float, ...]
    """How often each is chosen, in proportion; all alike by default."""
    probability: float
    """That anything is mixed at all."""
    per: str
    """One choice per `sample`, or per `batch`: the whole step, on all ranks."""

    def __init__(
        self,
        *mixes: Mixup | CutMix | RICAP,
        weights: Sequence[float] | None = None,
        probability: float = 1.0,
        per: str = "sample",
    ) -> None:
        self._check_members(mixes)
        values = {
            "mixes": mixes,
            "weights": self._checked_weights(weights, len(mixes)),
            "probability": probability,
            "per": per,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        _check_probability(self)
        _check_choice(self, "per", PER)

    def __repr__(self) -> str:
        settings = (f"{name}={getattr(self, name)!r}" for name in ("weights", "probability", "per"))
        return f"OneOf({', '.join([*map(repr, self.mixes), *settings])})"

    @staticmethod
    def _check_members(mixes: tuple[object, ...]) -> None:
        if not mixes:
            raise ValueError("OneOf needs a mix to choose; got none")
        for one in mixes:
            if not isinstance(one, Mixup | CutMix | RICAP):
                raise ValueError(
                    "OneOf chooses between Mixup, CutMix and RICAP, given one after the other; got "
                    f"{one!r}"
                )
            if isinstance(one, Mixup) and one.pairing == "two-batches":
                raise ValueError(
                    'OneOf: Mixup(pairing="two-batches") makes half as many pictures as it reads, '
                    f'so it cannot be left out by chance; take "permutation" or "halves": {one!r}'
                )

    @staticmethod
    def _checked_weights(weights: Sequence[float] | None, count: int) -> tuple[float, ...]:
        if weights is None:
            return (1.0,) * count
        given = numbers("OneOf.weights", weights, count, "one per mix")
        if not (all(weight >= 0 for weight in given) and 0 < sum(given) < math.inf):
            raise ValueError(f"OneOf.weights must be >= 0, finite and not all 0; got {given}")
        return given

    @property
    def patches(self) -> int:
        """Rectangles that a picture may get."""
        return max(one.patches for one in self.mixes)

    @property
    def shares(self) -> int:
        """Pictures that one may be mixed from."""
        return max(one.shares for one in self.mixes)


@dataclass(frozen=True)
class Cutout:
    """Square holes of the mean colour, clipped at the border (arXiv 1708.04552).

    A hole reaches length // 2 pixels to both sides of its centre, which is uniform over the
    picture; so an odd length loses a pixel, as in the authors' code.
    """

    length: int
    """Side of a hole in pixels, 2 or more."""
    holes: int = 1

    shares: ClassVar[int] = 1

    def __post_init__(self) -> None:
        integer(
            "Cutout.length",
            self.length,
            "an integer >= 2, as a hole reaches length // 2 pixels to both sides",
            lambda length: length >= 2,
        )
        taken = f"an integer in [0, {PATCHES}]"
        integer("Cutout.holes", self.holes, taken, lambda holes: 0 <= holes <= PATCHES)

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
        _check_probability(self)
        for name, most in (("area", 1.0), ("aspect", math.inf)):
            pair = numbers(f"RandomErasing.{name}", getattr(self, name), 2, "(low, high)")
            if not (0 < pair[0] <= pair[1] <= most and math.isfinite(pair[1])):
                raise ValueError(
                    f"RandomErasing.{name} must be (low, high) with 0 < low <= high"
                    + (f" <= {most:g}" if most == 1 else "")
                    + f"; got {pair}"
                )
            object.__setattr__(self, name, pair)
        _check_choice(self, "fill", FILLS)
        number("RandomErasing.value", self.value, "a finite number", math.isfinite)
        taken = "an integer in [1, 255]"
        integer("RandomErasing.tries", self.tries, taken, lambda tries: 1 <= tries <= 255)


Mix = Mixup | CutMix | RICAP | OneOf | Cutout | RandomErasing
MIXING = (Mixup, CutMix, RICAP, OneOf)
"""Those that mix pictures, and so targets; the others erase."""


def as_mixes(mix: Mix | Sequence[Mix] | None) -> tuple[Mix, ...]:
    """A checked tuple: at most one that mixes, first, then those that erase.

    Raises:
        ValueError: something else, or more rectangles than a description holds.
    """
    mixes = tuple(mix) if isinstance(mix, tuple | list) else () if mix is None else (mix,)
    for one in mixes:
        if not isinstance(one, Mix):
            raise ValueError(
                "mix must be a fasttricks Mixup, CutMix, RICAP, OneOf, Cutout or RandomErasing, or "
                f"a tuple of them; got {one!r}"
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
    setting = f"{type(config).__name__}.{name}"
    number(setting, getattr(config, name), "a number > 0", lambda x: 0 < x < math.inf)


def _check_probability(config: OneOf | RandomErasing) -> None:
    setting = f"{type(config).__name__}.probability"
    number(setting, config.probability, "a number in [0, 1]", lambda p: 0 <= p <= 1)


def _check_choice(config: object, name: str, known: tuple[str, ...]) -> None:
    value = getattr(config, name)
    if value not in known:
        raise ValueError(
            f"{type(config).__name__}.{name} must be one of {', '.join(known)}; got {value!r}"
        )
