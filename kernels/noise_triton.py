"""Normal noise for pixels in Triton kernels: the numbers of `plan.normals`, within 2^-20.

`tl.sin` and `tl.cos` are made for any number: with them the kernel has twice the instructions. Here
are the polynomials of `kernels.noise`, for an angle that is known to be less than a turn.

Neighbours of a group are made one after the other and joined as in `read_triton`, so they are in
the threads and registers where the picture's are. Made as one [n, GROUP] tensor they would have to
be brought there through shared memory, and all threads would need half as many registers again.
"""

from __future__ import annotations

import triton
import triton.language as tl

from fasttricks.kernels.read_triton import eight, four


@triton.jit
def noise(key, counter, pixel, GROUP: tl.constexpr):
    """Three standard normal values for each pixel, see `kernels.mix.description.MIX`.

    Args:
        key: pointer to two words of int32.
        counter: pointer to three.
        pixel: int32 [n], Philox's first counter word; of the first of each GROUP, if more than 1.

    Returns:
        Three float32 [n], or [n, GROUP].
    """
    if GROUP == 1:
        a, b, c = _normals(key, counter, pixel)
    else:
        a, b, c = _four(key, counter, pixel)
        if GROUP == 8:
            a1, b1, c1 = _four(key, counter, pixel + 4)
            a, b, c = eight(a, a1), eight(b, b1), eight(c, c1)
    return a, b, c


@triton.jit
def _four(key, counter, pixel):
    """Of four neighbours, [n, 4] each."""
    a0, b0, c0 = _normals(key, counter, pixel)
    a1, b1, c1 = _normals(key, counter, pixel + 1)
    a2, b2, c2 = _normals(key, counter, pixel + 2)
    a3, b3, c3 = _normals(key, counter, pixel + 3)
    return four(a0, a1, a2, a3), four(b0, b1, b2, b3), four(c0, c1, c2, c3)


@triton.jit
def _normals(key, counter, pixel):
    low = tl.load(key).to(tl.uint32, bitcast=True).to(tl.uint64)
    high = tl.load(key + 1).to(tl.uint32, bitcast=True).to(tl.uint64)
    zero = tl.zeros_like(pixel)
    c1 = (zero + tl.load(counter)).to(tl.uint32, bitcast=True)
    c2 = (zero + tl.load(counter + 1)).to(tl.uint32, bitcast=True)
    c3 = (zero + tl.load(counter + 2)).to(tl.uint32, bitcast=True)
    w0, w1, w2, w3 = tl.philox(high << 32 | low, pixel.to(tl.uint32), c1, c2, c3)
    radius0, radius1 = _radius(w0), _radius(w2)
    sine0, cosine0 = _sine_cosine(w1)
    _, cosine1 = _sine_cosine(w3)
    return radius0 * cosine0, radius0 * sine0, radius1 * cosine1


@triton.jit
def _radius(word):
    """sqrt(-2 log(1 - word / 2**32)); a series where 1 minus a small number would lose digits."""
    unit = word.to(tl.float32) * 2.0**-32
    series = unit * (1.0 + unit * (1 / 2 + unit * (1 / 3 + unit * (1 / 4))))
    rest = ((word ^ 0xFFFFFFFF).to(tl.float32) + 1.0) * 2.0**-32
    return tl.sqrt(2.0 * tl.where(unit < 1 / 64, series, -tl.log(rest)))


@triton.jit
def _sine_cosine(word):
    """Of 2 pi word / 2**32, from what remains after quarter turns, +-pi / 4."""
    quarters = (word + (1 << 29)) >> 30
    rest = (word - (quarters << 30)).to(tl.int32, bitcast=True)
    angle = rest.to(tl.float32) * (6.283185307179586 * 2.0**-32)
    z = angle * angle
    sine = 8.3321608736e-3 - 1.9515295891e-4 * z
    sine = (sine * z - 1.6666654611e-1) * z * angle + angle
    cosine = 2.443315711809948e-5 * z - 1.388731625493765e-3
    cosine = (cosine * z + 4.166664568298827e-2) * z * z - 0.5 * z + 1.0
    odd = (quarters & 1) != 0
    turned_sine, turned_cosine = tl.where(odd, cosine, sine), tl.where(odd, sine, cosine)
    return (
        tl.where((quarters & 2) != 0, -turned_sine, turned_sine),
        tl.where(((quarters + 1) & 2) != 0, -turned_cosine, turned_cosine),
    )
