"""The columns of the picture: originals, then what each pipeline made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from fasttricks.show import draw
from fasttricks.show.collect import Original, Outputs, Part
from fasttricks.show.draw import Difference
from fasttricks.show.grid import Cell, Column

SMALLEST = 192
"""Pixels that a picture is wide at least, so that there is room for words beneath."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What one pipeline made of the samples."""

    pipeline: str
    plain: Outputs
    """Nothing mixed or erased."""
    mixed: Outputs | None
    """What the network gets, where that is something else."""

    @property
    def final(self) -> Outputs:
        """What the network gets."""
        return self.plain if self.mixed is None else self.mixed


def columns(originals: Sequence[Original], made: Sequence[Made], size: int) -> list[Column]:
    """The originals, and for each pipeline: augmented, mixed, difference to the first pipeline.

    Args:
        originals: R of them.
        made: by each pipeline of the same samples.
        size: side of the outputs, pixels.
    """
    zoom = -(-SMALLEST // size)
    side = zoom * size
    found = [_originals(originals, side)]
    for one in made:
        found.append(_augmented(one, zoom, side))
        if one.mixed is not None:
            found.append(_mixed(one, one.mixed, zoom, side))
        if one is not made[0]:
            found.append(_differences(one, made[0], zoom, side))
    return found


def farthest(one: Made, first: Made) -> Difference:
    """How far the outputs of two pipelines are apart, over all samples."""
    pairs = list(zip(one.final.levels, first.final.levels, strict=True))
    apart = [draw.difference(*pair)[1] for pair in pairs]
    return Difference(max(d.most for d in apart), sum(d.mean for d in apart) / len(apart))


def shares(weights: Sequence[float]) -> list[int]:
    """Weights that sum to 1 as whole per cent that sum to 100: those that lose most by rounding
    down are rounded up."""
    exact = np.asarray(weights, np.float64) * 100
    down = np.floor(exact)
    up = np.argsort(down - exact, kind="stable")[: round(100 - down.sum())]
    down[up] += 1
    return [int(value) for value in down]


def _originals(originals: Sequence[Original], side: int) -> Column:
    width = side * 4 // 3  # most pictures have this aspect
    cells = []
    for one in originals:
        scale = draw.fitting_scale(one.pixels, width, side)
        cell = Cell(image=draw.original(one.pixels, one.box, scale), lines=_what_it_is(one))
        cells.append(cell)
    return Column(group="original", title="and the plan's crop", width=width, cells=cells)


def _what_it_is(one: Original) -> tuple[str, ...]:
    top, left, height, width = one.box
    mirrored = "mirrored" if one.flip else "not mirrored"
    return (
        PurePath(one.name).name,
        f"sample {one.index} · {one.target}",
        f"{one.pixels.shape[1]} x {one.pixels.shape[0]} pixels, {mirrored}",
        f"crop {width} x {height} at x {left}, y {top}",
    )


def _augmented(one: Made, zoom: int, side: int) -> Column:
    cells = [Cell(image=draw.output(levels, zoom)) for levels in one.plain.levels]
    return Column(group=one.pipeline, title="augmented", width=side, cells=cells)


def _mixed(one: Made, mixed: Outputs, zoom: int, side: int) -> Column:
    cells = [
        Cell(image=draw.output(levels, zoom), lines=_what_of(parts))
        for levels, parts in zip(mixed.levels, mixed.parts, strict=True)
    ]
    title = "mixed" if any(len(parts) > 1 for parts in mixed.parts) else "erased"
    return Column(group=one.pipeline, title=title, width=side, cells=cells)


def _what_of(parts: Sequence[Part]) -> tuple[str, ...]:
    if len({part.index for part in parts}) == 1:  # nothing mixed, or with itself
        return (f"target as before: {parts[0].target}",)
    percent = shares([part.weight for part in parts])
    return tuple(
        f"{share} % {part.target} (sample {part.index})"
        for share, part in zip(percent, parts, strict=True)
    )


def _differences(one: Made, first: Made, zoom: int, side: int) -> Column:
    cells = []
    for ours, theirs in zip(one.final.levels, first.final.levels, strict=True):
        image, apart = draw.difference(ours, theirs, zoom)
        cells.append(Cell(image=image, lines=(str(apart),)))
    title = f"difference to {first.pipeline}, x {draw.AMPLIFY}"
    return Column(group=one.pipeline, title=title, width=side, cells=cells)
