"""Mix finished float pictures on a GPU: one Triton kernel, each number written once.

A program makes BLOCK consecutive numbers of one plane: a whole picture where channels are
interleaved, else one channel of it. What it shows is decided from the last patch to the first, for
GROUP numbers of 16 bytes together where rows consist of them, and nothing else is read; a source
that is displaced by anything but whole groups is read number by number.

Only formats, channels and `group` are compiled in; sizes and addresses are arguments. Offsets in a
plane have 32 bits, those of planes 64.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from fasttricks.kernels.finish_triton import on_device_of, reciprocal
from fasttricks.kernels.mix.by_triton import as_float, clipped
from fasttricks.kernels.mix.floats import empty, layout
from fasttricks.kernels.mix.words import (
    COUNTER,
    DEVIATION,
    FROM_LEFT,
    FROM_TOP,
    KEY,
    PATCH_WORDS,
    PATCHES_AT,
    SOURCE,
    VALUE,
    WEIGHT,
    WORDS,
)
from fasttricks.kernels.noise_triton import noise as normals

BLOCK, WARPS = 1024, 4
"""Numbers of a program, and its warps: 16 bytes a thread of two each."""


def mix(images: torch.Tensor, words: torch.Tensor, noise: bool = True) -> torch.Tensor:
    """`mix.floats.mix_floats` on CUDA, or on the CPU where TRITON_INTERPRET=1 was set before Triton
    was imported; queued on the current stream.

    Args:
        images: floats [B_in, C, H, W].
        words: int32 [B_out, WORDS], contiguous, on the same device.
        noise: False promises that no patch has noise: the code for it is left out.

    Raises:
        ValueError: a plane has 2^30 numbers or nearly.
    """
    memory = layout(images)
    interleaved = memory == torch.channels_last
    images = images.detach().contiguous(memory_format=memory)
    out = empty(images, len(words), memory)
    _, channels, height, width = out.shape
    line = width * channels if interleaved else width
    if height * line + BLOCK >= 2**30:
        raise ValueError(f"mix: Triton takes pictures below 2^30 numbers; got {height} x {width}")
    if out.numel() == 0:
        return out
    blocks = triton.cdiv(height * line, BLOCK)
    planes = 1 if interleaved else channels
    with on_device_of(images):
        _kernel[(blocks * planes * len(words),)](
            *(images, words, out),
            *(blocks, height * line, line, *reciprocal(line), width),
            CHANNELS=channels,
            PLANAR=not interleaved,
            NOISE=noise,
            BLOCK=BLOCK,
            GROUP=group(images, out, line),
            num_warps=WARPS,
        )
    return out


def group(images: torch.Tensor, out: torch.Tensor, line: int) -> int:
    """How many numbers of a row of `line` are treated together: 16 bytes of them, or 1."""
    size = 16 // images.dtype.itemsize
    whole = line % size == 0 and images.data_ptr() % 16 == 0 and out.data_ptr() % 16 == 0
    return size if whole else 1


@triton.jit(
    do_not_specialize=["blocks", "area", "line", "magic", "shift", "width"],
    do_not_specialize_on_alignment=["images", "words", "out"],
)
def _kernel(
    images,
    words,
    out,
    blocks,
    area,
    line,
    magic,
    shift,
    width,
    CHANNELS: tl.constexpr,
    PLANAR: tl.constexpr,
    NOISE: tl.constexpr,
    BLOCK: tl.constexpr,
    GROUP: tl.constexpr,
):
    kind: tl.constexpr = tl.float64 if out.dtype.element_ty == tl.float64 else tl.float32
    PLANES: tl.constexpr = CHANNELS if PLANAR else 1
    SCALE: tl.constexpr = 1 if PLANAR else CHANNELS  # numbers of a pixel in a row
    program = tl.program_id(0)
    number = program // blocks
    first = (program - number * blocks) * BLOCK
    sample, plane = number // PLANES, number % PLANES
    mix = words + sample.to(tl.int64) * WORDS
    at = first + GROUP * tl.arange(0, BLOCK // GROUP)
    quotient = tl.umulhi((2 * at + 1).to(tl.uint32), magic.to(tl.uint32, bitcast=True))
    y = (quotient >> shift).to(tl.int32)
    x = at - y * line

    own = (tl.load(mix).to(tl.int64) * PLANES + plane) * area
    free = tl.where(at < area, (1 << GROUP) - 1, 0)  # bits: what no patch so far shows
    total = _spread(free, GROUP).to(kind) * 0
    count = tl.load(mix + 1)
    for n in range(count):
        patch = mix + PATCHES_AT + (count - 1 - n) * PATCH_WORDS
        top, left = tl.load(patch), tl.load(patch + 1) * SCALE
        begin = clipped(left - x, GROUP)
        end = clipped(left + tl.load(patch + 3) * SCALE - x, GROUP)
        rows = (y >= top) & (y < top + tl.load(patch + 2))
        bits = free & tl.where(rows, (1 << end) - (1 << begin), 0)
        free = free ^ bits
        if tl.max(bits, 0) != 0:
            weight = as_float(patch + WEIGHT)
            source = tl.load(patch + SOURCE)
            if source < 0:
                column = x[:, None] + tl.arange(0, GROUP)[None, :]
                channel = plane
                if not PLANAR:
                    column, channel = column // CHANNELS, column % CHANNELS
                shown = _value(patch, channel, CHANNELS).to(kind) + total * 0
                if NOISE:
                    deviation = as_float(patch + DEVIATION)
                    if deviation > 0:
                        pixel = y[:, None] * width + column + channel // 3 * (area // SCALE)
                        drawn = normals(mix + KEY, mix + COUNTER, pixel, 1)
                        shown += deviation * _chosen(drawn, channel % 3)
            else:
                down = tl.load(patch + FROM_TOP) - top
                across = tl.load(patch + FROM_LEFT) * SCALE - left
                picture = (source.to(tl.int64) * PLANES + plane) * area
                read = tl.where(weight > 0, bits, 0)
                shown = _read(images, picture, at, down * line + across, read, GROUP).to(kind)
            # Read where it is blended only, so once at most.
            under = _read(images, own, at, 0, tl.where(weight < 1, bits, 0), GROUP).to(kind)
            blend = weight.to(kind) * shown + (1 - weight.to(kind)) * under
            total = tl.where(_spread(bits, GROUP), blend, total)
    rest = _read(images, own, at, 0, free, GROUP).to(kind)
    total = tl.where(_spread(free, GROUP), rest, total)
    numbers = total.to(out.dtype.element_ty)
    target = out + number.to(tl.int64) * area
    if GROUP > 1:
        target = tl.multiple_of(target, 16)
    places = at[:, None] + tl.arange(0, GROUP)[None, :]
    if first + BLOCK <= area:
        tl.store(target + places, numbers)
    else:
        tl.store(target + places, numbers, mask=(at < area)[:, None])


@triton.jit
def _read(images, plane, at, displaced, bits, GROUP: tl.constexpr):
    """Of the plane at an offset the numbers (at + displaced), (at + displaced) + 1, ... whose bits
    are set; what others get is anything. [n, GROUP]"""
    places = at[:, None] + tl.arange(0, GROUP)[None, :]
    # One sum, as Triton forgets what is known of a pointer to which it adds again.
    begin = images + (plane + displaced)
    if GROUP == 1:
        numbers = tl.load(begin + places, mask=bits[:, None] != 0, other=0)
    elif displaced % GROUP == 0:  # whole groups, which lie in the plane
        numbers = tl.load(tl.multiple_of(begin, 16) + places, mask=(bits != 0)[:, None], other=0)
    else:
        numbers = tl.load(begin + places, mask=_spread(bits, GROUP), other=0)
    return numbers


@triton.jit
def _value(patch, channel, CHANNELS: tl.constexpr):
    return as_float(patch + VALUE + (channel if CHANNELS == 3 else 0))


@triton.jit
def _chosen(three, which):
    """One of three by number."""
    return tl.where(which == 0, three[0], tl.where(which == 1, three[1], three[2]))


@triton.jit
def _spread(bits, GROUP: tl.constexpr):
    """Of int32 [n] the lowest GROUP bits, each by itself: bool [n, GROUP]."""
    return ((bits[:, None] >> tl.arange(0, GROUP)[None, :]) & 1) != 0
