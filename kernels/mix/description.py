"""One description for all mixes: which rectangles of which pictures an output picture is made of.

Mixup is one patch over everything with weight 1 - lambda, CutMix one rectangle of a partner, RICAP
four rectangles, Cutout and Random Erasing one CONSTANT rectangle. An output pixel (y, x) belongs to
the last patch whose rectangle contains it, so it has two sources at most:

    weight * patch[from_top + y - top, from_left + x - left] + (1 - weight) * own[y, x]

on finished pictures: each source flipped, coloured and normalised with its own flip and matrix.

All fields are words of four bytes, so a batch of descriptions is also an int32 array [B, WORDS],
which a tensor on any device can hold. Neither torch nor numba is needed here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

PATCHES = 4
"""Patches that an output picture has at most."""
CONSTANT = -1
"""The `source` of a patch that shows no picture but `value`."""

PATCH = np.dtype(
    [
        # The rectangle, in pixels of the output picture; it may be empty.
        ("top", "<i4"),
        ("left", "<i4"),
        ("height", "<i4"),
        ("width", "<i4"),
        # Position in the input batch, or CONSTANT.
        ("source", "<i4"),
        # The source's pixel, after its flip, that comes to lie at (top, left).
        ("from_top", "<i4"),
        ("from_left", "<i4"),
        # The patch's share, in [0, 1]; the own picture has the rest. With 1 it is not read.
        ("weight", "<f4"),
        # For CONSTANT only, on the finished scale: R, G, B, and the standard deviation of normal
        # noise that every pixel and channel gets on top.
        ("value", "<f4", 3),
        ("noise", "<f4"),
    ]
)
"""A rectangle of another picture, or of a constant."""

MIX = np.dtype(
    [
        # Position in the input batch of the picture that the output is made from.
        ("own", "<i4"),
        # How many of the patches are meant.
        ("count", "<i4"),
        # Of the noise: Philox4x32-10 with this key and counter (y * W + x, *counter) gives the
        # pixel three normals by Box-Muller, as `kernels.plan.normals` makes them.
        ("key", "<u4", 2),
        ("counter", "<u4", 3),
        ("patches", PATCH, PATCHES),
    ]
)
"""How one output picture is made."""

WORDS = MIX.itemsize // 4

Mixes = npt.NDArray[np.void]
"""MIX [B]."""


def word(record: np.dtype[np.void], field: str) -> int:
    """The word of MIX or PATCH at which a field begins."""
    assert record.fields is not None
    return record.fields[field][1] // 4


def plain(own: npt.ArrayLike) -> Mixes:
    """Descriptions that mix nothing, to be filled in.

    Args:
        own: int [B], position of each output's picture in the input batch.

    Returns:
        MIX [B], zero except `own`.
    """
    own = np.asarray(own)
    mixes = np.zeros(len(own), MIX)
    mixes["own"] = own
    return mixes


def words(mixes: Mixes) -> npt.NDArray[np.int32]:
    """MIX [B] as int32 [B, WORDS], for tensors; the same memory if contiguous."""
    return np.ascontiguousarray(mixes).view(np.int32).reshape(len(mixes), WORDS)


def from_words(table: npt.NDArray[np.int32]) -> Mixes:
    """What `words` returned as MIX [B]; the same memory if contiguous."""
    return np.ascontiguousarray(table).view(MIX).reshape(len(table))


def check(mixes: Mixes, batch_in: int, height: int, width: int) -> None:
    """Refuse descriptions that a kernel must not be given. Patches beyond `count` may be anything.

    Args:
        mixes: MIX [B_out].
        batch_in: how many pictures go in.
        height, width: of pictures in and out, pixels.

    Raises:
        ValueError: names the first output sample that is wrong, and what is wrong with it.
    """
    _refuse(
        mixes["own"], (mixes["own"] >= 0) & (mixes["own"] < batch_in), f"own {{}} of {batch_in}"
    )
    counts = mixes["count"]
    _refuse(counts, (counts >= 0) & (counts <= PATCHES), f"count {{}} of at most {PATCHES} patches")
    patches = mixes["patches"]
    meant = np.arange(PATCHES) < counts[:, None]

    def refuse(numbers: Any, good: Any, problem: str) -> None:
        _refuse(numbers, good | ~meant, problem)

    source = patches["source"]
    shown = source != CONSTANT
    refuse(source, ~shown | ((source >= 0) & (source < batch_in)), f"source {{}} of {batch_in}")
    for side, begin, size in (("height", "top", height), ("width", "left", width)):
        length = patches[side].astype(np.int64)  # so that no sum wraps around
        refuse(length, length >= 0, f"{side} {{}} is negative")
        for field, needed in ((begin, True), (f"from_{begin}", shown)):
            inside = (patches[field] >= 0) & (patches[field] + length <= size)
            where = "the output" if field == begin else "the source"
            problem = f"{field} {{}} and its {side} leave {where}, whose {side} is {size}"
            refuse(patches[field], inside | ~np.asarray(needed), problem)
    weight, noise, value = patches["weight"], patches["noise"], patches["value"]
    refuse(weight, (weight >= 0) & (weight <= 1), "weight {} is not in [0, 1]")
    refuse(noise, shown | ((noise >= 0) & np.isfinite(noise)), "noise {} is not finite and >= 0")
    finite = np.isfinite(value).all(axis=-1)
    refuse(value, shown | finite, "value {} is not finite")


def _refuse(numbers: Any, good: npt.NDArray[np.bool_], problem: str) -> None:
    """Raise for the first sample (and patch, if `good` is [B, PATCHES]) that is not good."""
    bad = np.argwhere(~good)
    if len(bad):
        place = tuple(bad[0])
        patch = f", patch {place[1]}" if len(place) == 2 else ""
        raise ValueError(f"mix: output sample {place[0]}{patch}: {problem.format(numbers[place])}")
