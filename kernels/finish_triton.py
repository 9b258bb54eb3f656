"""Flip, colour, normalise and mix on a GPU: one Triton kernel, each pixel written once.

A program makes BLOCK consecutive pixels of one picture. Red, green and blue are three loads of
every third byte, whose lines come from memory once. Before they are written, the numbers change
places, so that a pixel's channels (and a fourth, masked) lie in neighbouring threads: written as
they were made, every third number at a time, each sector would be written three times.

Only formats and the kind of mix are compiled in; sizes, strides and addresses are arguments.
Offsets in a picture have 32 bits, those of pictures 64.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
import triton
import triton.language as tl

from fasttricks.kernels.mix import MIX, PATCH, word

BLOCK, WARPS = 512, 2
"""Pixels of a program, and its warps: 8 pixels a thread share what is worked out per program."""

_WORDS = tl.constexpr(MIX.itemsize // 4)
_KEY = tl.constexpr(word(MIX, "key"))
_COUNTER = tl.constexpr(word(MIX, "counter"))
_PATCHES = tl.constexpr(word(MIX, "patches"))
_PATCH = tl.constexpr(PATCH.itemsize // 4)
_SOURCE = tl.constexpr(word(PATCH, "source"))
_FROM_TOP = tl.constexpr(word(PATCH, "from_top"))
_FROM_LEFT = tl.constexpr(word(PATCH, "from_left"))
_WEIGHT = tl.constexpr(word(PATCH, "weight"))
_VALUE = tl.constexpr(word(PATCH, "value"))
_NOISE = tl.constexpr(word(PATCH, "noise"))


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
        words: int32 [B_out, WORDS], see `kernels.mix`; without, B_out is B_in.
        noise: False promises that no patch has noise: the code for it is left out.
    """
    _, height, width, _ = out.shape
    line = pixels.stride(1)
    if height * (line + 3 * width) >= 2**31:
        raise ValueError(f"finish: Triton takes pictures below 1 GiB; got {height} x {width}")
    blocks = triton.cdiv(height * width, BLOCK)
    matrix, flip = matrix.contiguous(), flip.contiguous().view(torch.uint8)
    words_, mixed = (pixels, False) if words is None else (words.contiguous(), True)
    with _device(pixels):
        _kernel[(blocks * len(out),)](
            *(pixels, matrix, flip, words_, out),
            *(blocks, height * width, width, *reciprocal(width)),
            *(pixels.stride(0), line),
            MIXED=mixed,
            NOISE=mixed and noise,
            BLOCK=BLOCK,
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


def _device(tensor: torch.Tensor) -> AbstractContextManager[object]:
    """Triton launches on the current device, which need not be the tensor's."""
    return torch.cuda.device(tensor.device) if tensor.is_cuda else nullcontext()


@triton.jit(
    do_not_specialize=["blocks", "area", "width", "magic", "shift", "stride", "line"],
    do_not_specialize_on_alignment=["pixels", "matrix", "flip", "words", "out"],
)
def _kernel(
    pixels,
    matrix,
    flip,
    words,
    out,
    blocks,
    area,
    width,
    magic,
    shift,
    stride,
    line,
    MIXED: tl.constexpr,
    NOISE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    program = tl.program_id(0)
    sample = program // blocks
    first = (program - sample * blocks) * BLOCK
    sample = sample.to(tl.int64)
    pixel = tl.minimum(first + tl.arange(0, BLOCK), area - 1)  # the last ones several times
    quotient = tl.umulhi((2 * pixel + 1).to(tl.uint32), magic.to(tl.uint32, bitcast=True))
    y = (quotient >> shift).to(tl.int32)
    if MIXED:
        mix = words + sample * _WORDS
        red, green, blue = _mixed(pixels, matrix, flip, mix, pixel, y, width, stride, line, NOISE)
    else:
        red, green, blue = _finished(
            pixels, matrix, flip, sample, pixel, y, 0, 0, None, width, stride, line
        )
    kind = out.dtype.element_ty
    red, green, blue = red.to(kind), green.to(kind), blue.to(kind)
    channels = tl.join(tl.join(red, blue), tl.join(green, blue)).reshape(BLOCK, 4)
    position, channel = tl.arange(0, BLOCK)[:, None], tl.arange(0, 4)[None, :]
    at = out + (sample * area + first) * 3 + (position * 3 + channel)
    if first + BLOCK <= area:  # a comparison less for each number
        tl.store(at, channels, mask=channel < 3)
    else:
        tl.store(at, channels, mask=(position < area - first) & (channel < 3))


@triton.jit
def _mixed(
    pixels,
    matrix,
    flip,
    mix,
    pixel,
    y,
    width,
    stride,
    line,
    NOISE: tl.constexpr,
):
    """Red, green, blue of an output's pixels."""
    own, count = tl.load(mix).to(tl.int64), tl.load(mix + 1)
    x = pixel - y * width
    chosen = tl.zeros_like(pixel) - 1
    share = tl.zeros_like(pixel).to(tl.float32) + 1.0  # of the own picture
    for i in range(count):
        patch = mix + _PATCHES + i * _PATCH
        down, across = y - tl.load(patch), x - tl.load(patch + 1)
        inside = (down >= 0) & (down < tl.load(patch + 2))
        inside = inside & (across >= 0) & (across < tl.load(patch + 3))
        chosen = tl.where(inside, i, chosen)
        share = tl.where(inside, 1 - _float(patch + _WEIGHT), share)
    red, green, blue = _finished(
        pixels, matrix, flip, own, pixel, y, 0, 0, share != 0, width, stride, line
    )
    red, green, blue = red * share, green * share, blue * share
    for i in range(count):
        patch = mix + _PATCHES + i * _PATCH
        mask, source = chosen == i, tl.load(patch + _SOURCE).to(tl.int64)
        if source < 0:
            red2 = tl.zeros_like(red) + _float(patch + _VALUE)
            green2 = tl.zeros_like(red) + _float(patch + _VALUE + 1)
            blue2 = tl.zeros_like(red) + _float(patch + _VALUE + 2)
            if NOISE:
                deviation = _float(patch + _NOISE)
                if deviation > 0:
                    normal0, normal1, normal2 = _normals(mix, pixel)
                    red2 += deviation * normal0
                    green2 += deviation * normal1
                    blue2 += deviation * normal2
        else:
            down = tl.load(patch + _FROM_TOP) - tl.load(patch)
            across = tl.load(patch + _FROM_LEFT) - tl.load(patch + 1)
            red2, green2, blue2 = _finished(
                *(pixels, matrix, flip, source, pixel, y, down, across, mask, width, stride, line)
            )
        weight = tl.where(mask, _float(patch + _WEIGHT), 0.0)
        red = tl.fma(weight, red2, red)
        green = tl.fma(weight, green2, green)
        blue = tl.fma(weight, blue2, blue)
    return red, green, blue


@triton.jit
def _finished(
    pixels,
    matrix,
    flip,
    source,
    pixel,
    y,
    down,
    across,
    mask,
    width,
    stride,
    line,
):
    """Red, green, blue of a source's finished pixels (y + down, x + across), where `mask` is set.

    With x = pixel - y * width, the place of a pixel is affine in `pixel` and `y`, mirrored or not.
    """
    mirrored = tl.load(flip + source) != 0
    step = tl.where(mirrored, -3, 3)
    begin = down * line + step * across + tl.where(mirrored, 3 * (width - 1), 0)
    at = pixels + source * stride + (pixel * step + (y * (line - step * width) + begin))
    r = tl.load(at, mask=mask).to(tl.float32)
    g = tl.load(at + 1, mask=mask).to(tl.float32)
    b = tl.load(at + 2, mask=mask).to(tl.float32)
    row = matrix + source * 12
    return _dot(row, r, g, b), _dot(row + 4, r, g, b), _dot(row + 8, r, g, b)


@triton.jit
def _dot(row, r, g, b):
    total = tl.fma(b, tl.load(row + 2), tl.load(row + 3))
    return tl.fma(r, tl.load(row), tl.fma(g, tl.load(row + 1), total))


@triton.jit
def _float(word):
    """The float32 in an int32 word."""
    return tl.load(word).to(tl.float32, bitcast=True)


@triton.jit
def _normals(mix, pixel):
    """Three standard normal values for each pixel, see `kernels.mix.MIX`."""
    key0 = tl.load(mix + _KEY).to(tl.uint32, bitcast=True).to(tl.uint64)
    key1 = tl.load(mix + _KEY + 1).to(tl.uint32, bitcast=True).to(tl.uint64)
    zero = tl.zeros_like(pixel)
    c1 = (zero + tl.load(mix + _COUNTER)).to(tl.uint32, bitcast=True)
    c2 = (zero + tl.load(mix + _COUNTER + 1)).to(tl.uint32, bitcast=True)
    c3 = (zero + tl.load(mix + _COUNTER + 2)).to(tl.uint32, bitcast=True)
    w0, w1, w2, w3 = tl.philox(key1 << 32 | key0, pixel.to(tl.uint32), c1, c2, c3)
    radius0, radius1 = _radius(w0), _radius(w2)
    angle0, angle1 = _angle(w1), _angle(w3)
    return radius0 * tl.cos(angle0), radius0 * tl.sin(angle0), radius1 * tl.cos(angle1)


@triton.jit
def _radius(word):
    """sqrt(-2 log(1 - word / 2**32)); a series where 1 minus a small number would lose digits."""
    unit = word.to(tl.float32) * 2.0**-32
    series = unit * (1.0 + unit * (1 / 2 + unit * (1 / 3 + unit * (1 / 4))))
    rest = ((~word).to(tl.float32) + 1.0) * 2.0**-32
    return tl.sqrt(2.0 * tl.where(unit < 1 / 64, series, -tl.log(rest)))


@triton.jit
def _angle(word):
    """2 pi word / 2**32, less 2 pi in the upper half: small angles are more exact."""
    return word.to(tl.int32, bitcast=True).to(tl.float32) * (6.283185307179586 * 2.0**-32)
