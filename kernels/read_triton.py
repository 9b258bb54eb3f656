"""How Triton kernels read a picture: from its bytes to finished red, green and blue.

With GROUP 1, pixel by pixel from any place, a load of one byte for each channel. With GROUP 4 or 8,
that many neighbours of a row at once, in three words of GROUP bytes, which hold 3 * GROUP channels:
a ninth of the loads, and the rest of the kernel then has a pixel's neighbours in the same thread.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def finished(
    pixels,
    matrix,
    flip,
    source,
    y,
    x,
    down,
    across,
    mask,
    height,
    width,
    stride,
    line,
    SHIFTED: tl.constexpr,
    GROUP: tl.constexpr,
):
    """Red, green, blue of a source's finished pixels (y + down, x + across), anything where
    `mask` is not set.

    Args:
        y, x: int32 [n]; of the first of each GROUP, if more than 1.
        mask: bool [n]; None for all of them.
        SHIFTED: whether down and across may be anything but 0.

    Returns:
        Three float32 [n], or [n, GROUP].
    """
    mirrored = tl.load(flip + source) != 0
    picture = pixels + source * stride
    row = (y + down) * line
    column = tl.where(mirrored, width - GROUP - across - x, x + across)
    start = row + 3 * column
    if GROUP == 1:
        r = tl.load(picture + start, mask=mask).to(tl.float32)
        g = tl.load(picture + (start + 1), mask=mask).to(tl.float32)
        b = tl.load(picture + (start + 2), mask=mask).to(tl.float32)
    else:
        if SHIFTED:
            if (down != 0) | (across != 0):
                end = (height - 1) * line + 3 * width
                w0, w1, w2 = _words_anywhere(picture, start, end, mask, GROUP)
            else:  # mixup and CutMix
                w0, w1, w2 = _words(picture, start, mask, GROUP)
        else:
            w0, w1, w2 = _words(picture, start, mask, GROUP)
        if mirrored:
            r, g, b = _unpacked(w0, w1, w2, True, GROUP)
        else:
            r, g, b = _unpacked(w0, w1, w2, False, GROUP)
    own = matrix + source * 12
    return dot(own, r, g, b), dot(own + 4, r, g, b), dot(own + 8, r, g, b)


@triton.jit
def dot(row, r, g, b):
    """A row of a matrix [3, 4] times (r, g, b, 1)."""
    total = tl.fma(b, tl.load(row + 2), tl.load(row + 3))
    return tl.fma(r, tl.load(row), tl.fma(g, tl.load(row + 1), total))


@triton.jit
def _words(picture, start, mask, GROUP: tl.constexpr):
    """Three words of GROUP bytes each, from byte `start` of a picture on, a multiple of GROUP."""
    return (
        _word(picture + start, mask, GROUP),
        _word(picture + (start + GROUP), mask, GROUP),
        _word(picture + (start + 2 * GROUP), mask, GROUP),
    )


@triton.jit
def _words_anywhere(picture, start, end, mask, GROUP: tl.constexpr):
    """The same from any byte of a picture of `end` bytes, or some before it, made of four words.

    None is read where the picture has no bytes: what would be there is not needed.
    """
    off = start & (GROUP - 1)
    begin, last = start - off, end - GROUP
    w0 = _word(picture + _inside(begin, last), mask, GROUP)
    w1 = _word(picture + _inside(begin + GROUP, last), mask, GROUP)
    w2 = _word(picture + _inside(begin + 2 * GROUP, last), mask, GROUP)
    w3 = _word(picture + _inside(begin + 3 * GROUP, last), mask & (off != 0), GROUP)
    bits = (8 * off).to(w0.dtype)
    return _funnel(w0, w1, bits, GROUP), _funnel(w1, w2, bits, GROUP), _funnel(w2, w3, bits, GROUP)


@triton.jit
def _inside(at, last):
    return tl.minimum(tl.maximum(at, 0), last)


@triton.jit
def _word(address, mask, GROUP: tl.constexpr):
    kind: tl.constexpr = tl.uint64 if GROUP == 8 else tl.uint32
    return tl.load(address.to(tl.pointer_type(kind), bitcast=True), mask=mask)


@triton.jit
def _funnel(low, high, bits, GROUP: tl.constexpr):
    """The word that begins `bits` bits into `low`; twice, as no word can be shifted out at once."""
    return (low >> bits) | ((high << 1) << (8 * GROUP - 1 - bits))


@triton.jit
def _unpacked(w0, w1, w2, REVERSED: tl.constexpr, GROUP: tl.constexpr):
    """Red, green, blue, float32 [n, GROUP] each, from left to right or REVERSED."""
    return (
        _channel(w0, w1, w2, 0, REVERSED, GROUP),
        _channel(w0, w1, w2, 1, REVERSED, GROUP),
        _channel(w0, w1, w2, 2, REVERSED, GROUP),
    )


@triton.jit
def _channel(w0, w1, w2, CHANNEL: tl.constexpr, REVERSED: tl.constexpr, GROUP: tl.constexpr):
    FIRST: tl.constexpr = CHANNEL + (3 * (GROUP - 1) if REVERSED else 0)
    STEP: tl.constexpr = -3 if REVERSED else 3
    channel = _spaced(w0, w1, w2, FIRST, STEP, GROUP)
    if GROUP == 8:
        channel = eight(channel, _spaced(w0, w1, w2, FIRST + 4 * STEP, STEP, GROUP))
    return channel


@triton.jit
def _spaced(w0, w1, w2, FIRST: tl.constexpr, STEP: tl.constexpr, GROUP: tl.constexpr):
    """Every STEP-th byte from the FIRST on, float32 [n, 4]."""
    return four(
        _byte(w0, w1, w2, FIRST, GROUP),
        _byte(w0, w1, w2, FIRST + STEP, GROUP),
        _byte(w0, w1, w2, FIRST + 2 * STEP, GROUP),
        _byte(w0, w1, w2, FIRST + 3 * STEP, GROUP),
    )


@triton.jit
def join4(a, b, c, d):
    """Four [..., n] as [..., n, 2, 2], which is [..., n, 4] in the order given."""
    return tl.join(tl.join(a, c), tl.join(b, d))


@triton.jit
def four(a, b, c, d):
    """Four [n] side by side, [n, 4]: each thread renames what it has."""
    return join4(a, b, c, d).reshape(a.shape[0], 4)


@triton.jit
def eight(first, later):
    """Two [n, 4] side by side, [n, 8]: each thread renames what it has."""
    return tl.join(first, later).permute(0, 2, 1).reshape(first.shape[0], 8)


@triton.jit
def _byte(w0, w1, w2, NUMBER: tl.constexpr, GROUP: tl.constexpr):
    if NUMBER < GROUP:
        word = w0
    elif NUMBER < 2 * GROUP:
        word = w1
    else:
        word = w2
    half = (word >> (32 * (NUMBER % GROUP // 4))).to(tl.uint32)  # registers have 32 bits
    return ((half >> (8 * (NUMBER % 4))) & 255).to(tl.float32)
