"""Drawing mixes: which partner, which share, which rectangle, decided like everything in the plan.

A draw depends on seed, epoch and the *position* of a sample in the epoch's global order, so not on
ranks or batches, as long as a rank's part of a batch consists of whole groups: partners are found
inside groups of `Place.group` consecutive samples. `kernels.mix.draw` has the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks.kernels.mix.description import CONSTANT, Mixes, plain, words
from fasttricks.kernels.mix.draw import SLOT, Draw, Floats, Ints, Place
from fasttricks.kernels.mix.kinds import (
    MIXING,
    RICAP,
    CutMix,
    Cutout,
    Mix,
    Mixup,
    OneOf,
    RandomErasing,
    pictures_per_output,
)

__all__ = ["Mixing", "Place", "plan_mix", "plan_mixes", "span"]


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
        mixes: from `kernels.mix.kinds.as_mixes`.
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
    """Draw what the outputs of a batch are mixed from; `plan_mixes` of one batch."""
    (mixing,) = plan_mixes(mixes, [place], count, views, height, width)
    return mixing


def plan_mixes(
    mixes: tuple[Mix, ...],
    places: Sequence[Place],
    count: int,
    views: int,
    height: int,
    width: int,
) -> list[Mixing]:
    """Draw what the outputs of some batches are mixed from. All at once, as NumPy's calls take the
    same time for many outputs as for few.

    Args:
        mixes: from `kernels.mix.kinds.as_mixes`, not empty.
        places: where the batches stand, one or more, of one seed, epoch and group.
        count: samples in each batch, n. Input rows are view-major: row view * n + i.
        views: augmentations per sample; each is mixed with its own kind.
        height, width: of the pictures, in pixels.

    Returns:
        For each place; they share memory.

    Raises:
        ValueError: the places have not one seed, epoch and group.
    """
    if len({(place.seed, place.epoch, place.group) for place in places}) != 1:
        raise ValueError(f"places must be of one seed, epoch and group; got {list(places)}")
    draw = Draw(places, count, views, pictures_per_output(mixes), height, width)
    mixing = _alone(draw)
    for number, mix in enumerate(mixes):
        mixing = _HOW[type(mix)](mix, draw, mixing, number * SLOT)
    each = len(draw.own) // len(places)
    parts = (slice(number * each, (number + 1) * each) for number in range(len(places)))
    return [Mixing(mixing.mixes[p], mixing.rows[p], mixing.weights[p]) for p in parts]


def _alone(draw: Draw) -> Mixing:
    """Nothing mixed yet: each output is its own picture."""
    return Mixing(plain(draw.own), draw.own[:, None], np.ones((len(draw.own), 1), np.float32))


def _patch(mixes: Mixes, chosen: Any = slice(None), **fields: Any) -> None:
    """Add a patch to the `chosen` outputs, bool [B] or all."""
    rows = np.arange(len(mixes))[chosen]
    numbers = mixes["count"][rows]
    for name, value in fields.items():
        mixes["patches"][name][rows, numbers] = value
    mixes["count"][rows] += 1


def _mixup(mix: Mixup, draw: Draw, mixing: Mixing, slot: int) -> Mixing:
    own, partner = draw.own, draw.own
    share = draw.share(mix.alpha, mix.per)
    if mix.pairing == "permutation":
        partner = draw.partners()
    elif mix.pairing == "two-batches":  # of an odd number of samples the last stays alone
        last = draw.view * draw.count + draw.count - 1
        partner = np.minimum(own + 1, last)
    else:
        own, partner, again = _halves(draw)
        if mix.per == "batch":  # else every output has a share of its own anyway
            share = np.where(again, draw.share(mix.alpha, mix.per, which=1), share)
    weight = (1.0 - share).astype(np.float32)
    mixing.mixes["own"] = own
    whole = {"height": draw.height, "width": draw.width}
    _patch(mixing.mixes, source=partner, weight=weight, **whole)
    return Mixing(mixing.mixes, np.stack([own, partner], 1), np.stack([1 - weight, weight], 1))


def _halves(draw: Draw) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
    """(own, partner, whether it is the second time): x1 with x2 in the first half of a group, x1
    with x2 reversed in the second. A sample in the middle of an odd group stays alone.
    """
    group = draw.place.group
    number = draw.own - draw.view * draw.count  # in its batch
    k = number % group
    length = np.minimum(group, draw.count - (number - k))
    half = length // 2
    second = length - half  # where the second half begins
    again = k >= second
    own = np.where(again, k - second, k)
    partner = np.where(k < half, k + second, np.where(again, length - 1 - own, k))
    return draw.own - k + own, draw.own - k + partner, again


def _cutmix(mix: CutMix, draw: Draw, mixing: Mixing, slot: int) -> Mixing:
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


def _ricap(mix: RICAP, draw: Draw, mixing: Mixing, slot: int) -> Mixing:
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


def _cutout(mix: Cutout, draw: Draw, mixing: Mixing, slot: int) -> Mixing:
    length = np.full(len(draw.own), mix.length)
    for hole in range(mix.holes):
        where = draw.uniform(slot + hole)
        top, height = _clipped(where[:, 0], length, draw.height)
        left, width = _clipped(where[:, 1], length, draw.width)
        box = {"top": top, "left": left, "height": height, "width": width}
        _patch(mixing.mixes, **box, source=CONSTANT, weight=1.0)
    return mixing


def _erase(mix: RandomErasing, draw: Draw, mixing: Mixing, slot: int) -> Mixing:
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


def _one_of(mix: OneOf, draw: Draw, mixing: Mixing, slot: int) -> Mixing:
    chosen = draw.choice(mix.weights, mix.probability, mix.per)
    rows = np.repeat(draw.own[:, None], mix.shares, axis=1)
    weights = np.zeros(rows.shape, np.float32)
    weights[:, 0] = 1.0
    for number, member in enumerate(mix.mixes):
        ours = np.flatnonzero(chosen == number)
        theirs = draw.only(ours)
        made = _HOW[type(member)](member, theirs, _alone(theirs), slot)
        words(mixing.mixes)[ours] = words(made.mixes)  # as records they would take much longer
        rows[ours, : member.shares] = made.rows
        weights[ours, : member.shares] = made.weights
    return Mixing(mixing.mixes, rows, weights)


_HOW: dict[type[Mix], Callable[..., Mixing]] = {
    Mixup: _mixup,
    CutMix: _cutmix,
    RICAP: _ricap,
    OneOf: _one_of,
    Cutout: _cutout,
    RandomErasing: _erase,
}
