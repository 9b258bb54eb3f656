"""Drawing mixes: which partner, which share, which rectangle, decided like everything in the plan.

A draw depends on seed, epoch and the *position* of a sample in the epoch's global order, so not on
ranks or batches, as long as a rank's part of a batch consists of whole groups: partners are found
inside groups of `Place.group` consecutive samples.

Counter layout, beside those of `kernels.plan`: (position, view + 2^16 * n, epoch, stream), key =
seed, where n counts tries, steps of a permutation, or rectangles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks.kernels.draws import betas, blocks, permutation
from fasttricks.kernels.mix import CONSTANT, Mixes, plain
from fasttricks.kernels.mixes import (
    MIXING,
    RICAP,
    CutMix,
    Cutout,
    Mix,
    Mixup,
    RandomErasing,
    pictures_per_output,
)

SHARES, PARTNERS, RECTANGLE, NOISE = 40, 42, 46, 47
"""Streams. SHARES takes two, PARTNERS four, one for each permutation."""
_SLOT = 512  # blocks of RECTANGLE that one mix of several may use

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Place(NamedTuple):
    """Where a rank's batch stands in an epoch."""

    seed: int
    epoch: int
    first: int
    """Position of the rank's first sample in the epoch's global order."""
    batch: int
    """Position at which the step begins, the same on all ranks."""
    group: int = 32
    """Partners are found inside so many consecutive samples."""


class Mixing(NamedTuple):
    """What was drawn for B outputs, view-major."""

    mixes: Mixes
    """MIX [B]"""
    rows: Ints
    """[B, k]: the input rows that an output's targets come from; k = 1 if none are mixed."""
    weights: npt.NDArray[np.float32]
    """[B, k]: their shares, which sum to 1."""


def span(mixes: tuple[Mix, ...], group: int) -> int:
    """How many consecutive samples of a batch, from its first on, can be finished without others.

    Args:
        mixes: from `kernels.mixes.as_mixes`.
        group: as in `Place`.
    """
    first = mixes[0] if mixes else None
    if not isinstance(first, MIXING):
        return 1
    pictures = pictures_per_output(mixes)
    return group if pictures == 1 else pictures


def plan_mix(
    mixes: tuple[Mix, ...], place: Place, count: int, views: int, height: int, width: int
) -> Mixing:
    """Draw what the outputs of a batch are mixed from.

    Args:
        mixes: from `kernels.mixes.as_mixes`, not empty.
        place: where the batch stands.
        count: samples in the batch, n. Input rows are view-major: row view * n + i.
        views: augmentations per sample; each is mixed with its own kind.
        height, width: of the pictures, in pixels.
    """
    draw = _Draw(place, count, views, pictures_per_output(mixes), height, width)
    mixing = Mixing(plain(draw.own), draw.own[:, None], np.ones((len(draw.own), 1), np.float32))
    for slot, mix in enumerate(mixes):
        mixing = _HOW[type(mix)](mix, draw, mixing, slot * _SLOT)
    return mixing


class _Draw:
    """The rows of a batch and the random numbers that belong to them.

    Attributes:
        own: int64 [B], each output's own input row.
    """

    def __init__(
        self, place: Place, count: int, views: int, pictures: int, height: int, width: int
    ) -> None:
        self.place, self.count, self.views = place, count, views
        self.height, self.width = height, width
        starts = np.arange(0, count, pictures)
        self.view = np.repeat(np.arange(views), len(starts))
        self.own = self.view * count + np.tile(starts, views)
        self._position = place.first + np.tile(starts, views)

    def _at(self, per: str) -> Ints:
        """The positions that draws belong to."""
        same = np.full_like(self._position, self.place.batch)
        return self._position if per == "sample" else same

    def share(self, alpha: float, per: str, which: int = 0) -> Floats:
        """Beta(alpha, alpha) for each output, [B]; `which` tells several apart."""
        place = self.place
        return betas(alpha, self._at(per), self.view, which, place.epoch, SHARES, place.seed)

    def uniform(self, number: int, per: str = "sample", stream: int = RECTANGLE) -> Floats:
        """Four values in [0, 1) for each output, [B, 4]."""
        words = blocks(self._at(per), self.view, number, self.place.epoch, stream, self.place.seed)
        return np.asarray(words * 2.0**-32, np.float64)

    def noise_keys(self) -> npt.NDArray[np.uint32]:
        """[B, 2]"""
        place = self.place
        words = blocks(self._at("sample"), self.view, 0, place.epoch, NOISE, place.seed)
        return words[:, :2].astype(np.uint32)

    def partners(self, which: int = 0) -> Ints:
        """A row of the same view for each output, [B]: a permutation inside each group."""
        place, stream = self.place, PARTNERS + which
        found = [
            view * self.count
            + permutation(
                place.first, self.count, place.group, view, place.epoch, stream, place.seed
            )
            for view in range(self.views)
        ]
        return np.concatenate(found)


def _patch(mixes: Mixes, chosen: Any = slice(None), **fields: Any) -> None:
    """Add a patch to the `chosen` outputs, bool [B] or all."""
    rows = np.arange(len(mixes))[chosen]
    numbers = mixes["count"][rows]
    for name, value in fields.items():
        mixes["patches"][name][rows, numbers] = value
    mixes["count"][rows] += 1


def _mixup(mix: Mixup, draw: _Draw, mixing: Mixing, slot: int) -> Mixing:
    own, partner = draw.own, draw.own
    if mix.pairing == "permutation":
        partner = draw.partners()
    elif mix.pairing == "two-batches":  # of an odd number of samples the last stays alone
        last = draw.view * draw.count + draw.count - 1
        partner = np.minimum(own + 1, last)
    else:
        own, partner = _halves(draw)
    weight = (1.0 - draw.share(mix.alpha, mix.per)).astype(np.float32)
    mixing.mixes["own"] = own
    whole = {"height": draw.height, "width": draw.width}
    _patch(mixing.mixes, source=partner, weight=weight, **whole)
    return Mixing(mixing.mixes, np.stack([own, partner], 1), np.stack([1 - weight, weight], 1))


def _halves(draw: _Draw) -> tuple[Ints, Ints]:
    """(own, partner): x1 with x2 in the first half of a group, x1 with x2 reversed in the second.

    A sample in the middle of an odd group stays alone.
    """
    group = draw.place.group
    begin = np.arange(draw.count) // group * group
    length = np.minimum(group, draw.count - begin)
    k, half = np.arange(draw.count) - begin, length // 2
    second = length - half  # where the second half begins
    own = np.where(k < half, k, np.where(k < second, k, k - second))
    partner = np.where(k < half, k + second, np.where(k < second, k, length - 1 - (k - second)))
    offset = draw.view * draw.count
    return (offset + np.tile(begin + numbers, draw.views) for numbers in (own, partner))  # type: ignore[return-value]


def _cutmix(mix: CutMix, draw: _Draw, mixing: Mixing, slot: int) -> Mixing:
    side = np.sqrt(1.0 - draw.share(mix.alpha, mix.per))
    where = draw.uniform(slot, mix.per)
    top, height = _clipped(where[:, 0], (draw.height * side).astype(np.int64), draw.height)
    left, width = _clipped(where[:, 1], (draw.width * side).astype(np.int64), draw.width)
    partner = draw.partners()
    box = {"top": top, "left": left, "height": height, "width": width}
    _patch(mixing.mixes, **box, from_top=top, from_left=left, source=partner, weight=1.0)
    share = (height * width / (draw.height * draw.width)).astype(np.float32)
    return Mixing(mixing.mixes, np.stack([draw.own, partner], 1), np.stack([1 - share, share], 1))


def _clipped(uniform: Floats, length: Ints, size: int) -> tuple[Ints, Ints]:
    """(begin, length) of what reaches length // 2 to both sides of a centre, inside the picture."""
    centre, reach = (uniform * size).astype(np.int64), length // 2
    begin = np.maximum(centre - reach, 0)
    return begin, np.minimum(centre + reach, size) - begin


def _ricap(mix: RICAP, draw: _Draw, mixing: Mixing, slot: int) -> Mixing:
    height = np.rint(draw.height * draw.share(mix.beta, mix.per, 0)).astype(np.int64)
    width = np.rint(draw.width * draw.share(mix.beta, mix.per, 1)).astype(np.int64)
    rows, areas = [], []
    for quarter in range(4):
        below, right = divmod(quarter, 2)
        h = draw.height - height if below else height
        w = draw.width - width if right else width
        where = draw.uniform(slot + quarter, mix.per)
        partner = draw.partners(quarter)
        _patch(
            mixing.mixes,
            top=height * below,
            left=width * right,
            height=h,
            width=w,
            from_top=(where[:, 0] * (draw.height - h + 1)).astype(np.int64),
            from_left=(where[:, 1] * (draw.width - w + 1)).astype(np.int64),
            source=partner,
            weight=1.0,
        )
        rows.append(partner)
        areas.append(h * w)
    shares = np.stack(areas, 1) / (draw.height * draw.width)
    return Mixing(mixing.mixes, np.stack(rows, 1), shares.astype(np.float32))


def _cutout(mix: Cutout, draw: _Draw, mixing: Mixing, slot: int) -> Mixing:
    length = np.full(len(draw.own), mix.length)
    for hole in range(mix.holes):
        where = draw.uniform(slot + hole)
        top, height = _clipped(where[:, 0], length, draw.height)
        left, width = _clipped(where[:, 1], length, draw.width)
        box = {"top": top, "left": left, "height": height, "width": width}
        _patch(mixing.mixes, **box, source=CONSTANT, weight=1.0)
    return mixing


def _erase(mix: RandomErasing, draw: _Draw, mixing: Mixing, slot: int) -> Mixing:
    waiting = draw.uniform(slot)[:, 0] < mix.probability
    mixing.mixes["key"] = draw.noise_keys()
    value = np.full((len(draw.own), 3), mix.value)
    if mix.fill != "constant":
        value[:] = 0.0 if mix.fill == "pixel" else _normals(draw.uniform(slot + 1))
    for attempt in range(mix.tries):
        if not waiting.any():
            break
        drawn = draw.uniform(slot + 2 + attempt)
        area = draw.height * draw.width * _between(mix.area, drawn[:, 0])
        aspect = _between(mix.aspect, drawn[:, 1])
        height = np.rint(np.sqrt(area * aspect)).astype(np.int64)
        width = np.rint(np.sqrt(area / aspect)).astype(np.int64)
        fits = waiting & (height < draw.height) & (width < draw.width)
        top = (drawn[:, 2] * (draw.height - height + 1)).astype(np.int64)
        left = (drawn[:, 3] * (draw.width - width + 1)).astype(np.int64)
        box = {"top": top, "left": left, "height": height, "width": width, "value": value}
        _patch(
            mixing.mixes,
            fits,
            **{name: numbers[fits] for name, numbers in box.items()},
            source=CONSTANT,
            weight=1.0,
            noise=float(mix.fill == "pixel"),
        )
        waiting &= ~fits
    return mixing


def _between(limits: tuple[float, float], uniform: Floats) -> Floats:
    return limits[0] + uniform * (limits[1] - limits[0])


def _normals(uniform: Floats) -> Floats:
    """Three standard normal values [B, 3] from four uniform ones (Box-Muller)."""
    radius = np.sqrt(-2.0 * np.log(1.0 - uniform[:, 0::2]))
    angle = 2.0 * np.pi * uniform[:, 1::2]
    found = [radius[:, 0] * np.cos(angle[:, 0]), radius[:, 0] * np.sin(angle[:, 0])]
    return np.stack([*found, radius[:, 1] * np.cos(angle[:, 1])], 1)


_HOW: dict[type[Mix], Callable[..., Mixing]] = {
    Mixup: _mixup,
    CutMix: _cutmix,
    RICAP: _ricap,
    Cutout: _cutout,
    RandomErasing: _erase,
}
