"""Flip, colour, normalise and mix on a GPU: one Triton kernel, each pixel written once.

A program makes BLOCK consecutive pixels of one picture. Where width and addresses allow it (see
`group`), a thread takes 4 or 8 neighbours in three words; elsewhere single pixels, red, green and
blue by three loads of every third byte. Before they are written, the numbers change places, so that
what is neighbours in memory is in neighbouring threads, 16 bytes of it in each (2 or 4 elsewhere):
written as they were made, with gaps, each sector of memory would be written several times.

Only formats, the kind of mix and `group` are compiled in; sizes, strides and addresses are
arguments. Offsets in a picture have 32 bits, those of pictures 64.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
import triton
import triton.language as tl

from fasttricks.kernels.mix.by_triton import mixed
from fasttricks.kernels.mix.words import WORDS
from fasttricks.kernels.read_triton import finished, four, join4

BLOCK, WARPS = 512, 2
"""Pixels of a program, and its warps: 8 pixels a thread; half of them in groups of 4."""


def finish(
    pixels: torch.Tensor,
    matrix: torch.Tensor,
    flip: torch.Tensor,
    out: torch.Tensor,
    words: torch.Tensor | None = None,
    noise: bool = True,
) -> None:
    """Write y_c = A[c, :] . rgb + b[c] to `out`, mixed if `words` say so; computed in float32.

    Queued on the current stream. All tensors are on one CUDA device, or, where TRITON_INTERPRET=1
    was set before Triton was imported, on the CPU. Shapes are not checked: `kernels.finish` does.

    Args:
        pixels: uint8 [B_in, H, W, 3], pixels contiguous, rows and samples at any distance.
        matrix: float32 [B_in, 3, 4]: A and, as the last column, b.
        flip: bool or uint8 [B_in]; where it is not 0 the picture is mirrored left-right.
        out: float32, float16 or bfloat16 [B_out, H, W, 3], contiguous.
        words: int32 [B_out, WORDS], see `kernels.mix.description`; without, B_out is B_in.
        noise: False promises that no patch has noise: the code for it is left out.
    """
    _, height, width, _ = out.shape
    line = pixels.stride(1)
    if height * (line + 3 * width) >= 2**31:
        raise ValueError(f"finish: Triton takes pictures below 1 GiB; got {height} x {width}")
    size = group(pixels, out)
    block = BLOCK // 2 if size == 4 else BLOCK
    blocks = triton.cdiv(height * width, block)
    matrix, flip = matrix.contiguous(), flip.contiguous().view(torch.uint8)
    words_, mixes = (pixels, False) if words is None else (words.contiguous(), True)
    with on_device_of(pixels):
        _kernel[(blocks * len(out),)](
            *(pixels, matrix, flip, words_, out),
            *(blocks, height, width, *reciprocal(width)),
            *(pixels.stride(0), line),
            MIXED=mixes,
            NOISE=mixes and noise,
            BLOCK=block,
            GROUP=size,
            num_warps=WARPS,
            enable_fp_fusion=True,
        )


def reciprocal(width: int) -> tuple[int, int]:
    """(magic, shift) with which a kernel divides pixel numbers by `width` without dividing.

    n // width is the upper half of the 64-bit product (2 n + 1) * magic, shifted right by `shift`,
    for 0 <= n < 2**30: a rounded-up reciprocal (Granlund and Montgomery, PLDI 1994); 2 n + 1 over
    2 width has the same quotient and lets width be 1. Returned as the int32 with magic's bits.
    """
    bits = (2 * width - 1).bit_length()
    magic = -(-(1 << (31 + bits)) // (2 * width))
    return (magic - 2**32 if magic >= 2**31 else magic), bits - 1


def group(pixels: torch.Tensor, out: torch.Tensor) -> int:
    """How many neighbours a thread takes at once: 8 (4 for float32), or 1 where they would not be
    whole words in one row, also mirrored, or `out` does not begin at 16 bytes."""
    size = 16 // out.dtype.itemsize
    places = pixels.data_ptr(), pixels.stride(0), pixels.stride(1), out.shape[2]
    return size if out.data_ptr() % 16 == 0 and all(at % size == 0 for at in places) else 1


def on_device_of(tensor: torch.Tensor) -> AbstractContextManager[object]:
    """Triton launches on the current device, which need not be the tensor's."""
    return torch.cuda.device(tensor.device) if tensor.is_cuda else nullcontext()


@triton.jit(
    do_not_specialize=["blocks", "height", "width", "magic", "shift", "stride", "line"],
    do_not_specialize_on_alignment=["pixels", "matrix", "flip", "words", "out"],
)
def _kernel(
    pixels,
    matrix,
    flip,
    words,
    out,
    blocks,
    height,
    width,
    magic,
    shift,
    stride,
    line,
    MIXED: tl.constexpr,
    NOISE: tl.constexpr,
    BLOCK: tl.constexpr,
    GROUP: tl.constexpr,
):
    program = tl.program_id(0)
    sample = (program.to(tl.uint32) // blocks.to(tl.uint32)).to(tl.int32)
    first = (program - sample * blocks) * BLOCK
    sample = sample.to(tl.int64)
    area = height * width
    # Of each group the first; the last ones several times.
    pixel = tl.minimum(first + GROUP * tl.arange(0, BLOCK // GROUP), area - GROUP)
    quotient = tl.umulhi((2 * pixel + 1).to(tl.uint32), magic.to(tl.uint32, bitcast=True))
    y = (quotient >> shift).to(tl.int32)
    x = pixel - y * width
    if MIXED:
        red, green, blue = mixed(
            *(pixels, matrix, flip, words + sample * WORDS, y, x),
            *(height, width, stride, line, NOISE, GROUP),
        )
    else:
        red, green, blue = finished(
            *(pixels, matrix, flip, sample, y, x, 0, 0, None),
            *(height, width, stride, line, False, GROUP),
        )
    # Of each row of `numbers` three quarters count: the numbers of a group as they lie in memory.
    numbers = _in_order(red, green, blue, BLOCK // GROUP, GROUP).to(out.dtype.element_ty)
    row, column = tl.arange(0, BLOCK // GROUP)[:, None], tl.arange(0, 4 * GROUP)[None, :]
    begin = out + (sample * area + first) * 3
    if GROUP > 1:
        begin = tl.multiple_of(begin, 16)
    at = begin + (row * (3 * GROUP) + column)
    if first + BLOCK <= area:  # a comparison less for each number
        tl.store(at, numbers, mask=column < 3 * GROUP)
    else:
        tl.store(at, numbers, mask=(row * GROUP < area - first) & (column < 3 * GROUP))


@triton.jit
def _in_order(r, g, b, ROWS: tl.constexpr, GROUP: tl.constexpr):
    """r0 g0 b0 r1 g1 b1 ..., [ROWS, 4 * GROUP], from three [ROWS, GROUP]; the last quarter is
    anything. Nothing moves: each thread renames what it has."""
    if GROUP == 1:
        numbers = four(r, g, b, b)
    elif GROUP == 4:
        r0, r1, r2, r3 = _split4(r, ROWS)
        g0, g1, g2, g3 = _split4(g, ROWS)
        b0, b1, b2, b3 = _split4(b, ROWS)
        first, second, third = (
            join4(r0, g0, b0, r1),
            join4(g1, b1, r2, g2),
            join4(b2, r3, g3, b3),
        )
        numbers = join4(first, second, third, third).permute(0, 3, 4, 1, 2).reshape(ROWS, 16)
    else:
        r0, r1, r2, r3, r4, r5, r6, r7 = _split8(r, ROWS)
        g0, g1, g2, g3, g4, g5, g6, g7 = _split8(g, ROWS)
        b0, b1, b2, b3, b4, b5, b6, b7 = _split8(b, ROWS)
        first = _join8(r0, g0, b0, r1, g1, b1, r2, g2, ROWS)
        second = _join8(b2, r3, g3, b3, r4, g4, b4, r5, ROWS)
        third = _join8(g5, b5, r6, g6, b6, r7, g7, b7, ROWS)
        numbers = join4(first, second, third, third).permute(0, 2, 3, 1).reshape(ROWS, 32)
    return numbers


@triton.jit
def _join8(a, b, c, d, e, f, g, h, ROWS: tl.constexpr):
    return tl.join(join4(a, c, e, g), join4(b, d, f, h)).reshape(ROWS, 8)


@triton.jit
def _split4(x, ROWS: tl.constexpr):
    even, odd = x.reshape(ROWS, 2, 2).split()
    a, c = even.split()
    b, d = odd.split()
    return a, b, c, d


@triton.jit
def _split8(x, ROWS: tl.constexpr):
    even, odd = x.reshape(ROWS, 4, 2).split()
    a, c, e, g = _split4(even, ROWS)
    b, d, f, h = _split4(odd, ROWS)
    return a, b, c, d, e, f, g, h
