"""Rows of normal noise in float32, written so that LLVM makes vector code of the loop over pixels.

The same numbers as `plan.normals` of the same Philox blocks, within 2^-20: that function is for few
numbers in double precision, this one, four times as fast, for whole pictures. So there is no branch
and no call of a library here. The polynomials are those of Cephes' `logf`, `sinf` and `cosf`
(netlib.org/cephes, single precision).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.philox import Word

_F = np.float32
_I = np.int32
_U = np.uint32
_L = np.uint64
_MASK, _HALF = _L(0xFFFFFFFF), _L(32)
_MULTIPLY = (_L(0xD2511F53), _L(0xCD9E8D57))
_WEYL = (_L(0x9E3779B9), _L(0xBB67AE85))
_UNIT = _F(2.0**-32)
_EIGHTH_TURN, _QUARTER_TURN = _U(1 << 29), _U(1 << 30)
_RADIANS = _F(2 * math.pi * 2.0**-32)
_LOG2, _SQRT2 = _F(math.log(2)), _F(math.sqrt(2))


@kernel
def add_noise(
    block: int,
    counter: tuple[Word, Word, Word],
    key: Word,
    deviation: float,
    count: int,
    out: NDArray[np.float32],
) -> None:
    """Add `deviation` times a standard normal value to the first `count` numbers of each row.

    Args:
        block: Philox's first counter word for the first column; the next column has the next.
        counter: the other three.
        key: 64 bits.
        out: float32 [3, count or more], contiguous.
    """
    c1, c2, c3 = _L(counter[0]), _L(counter[1]), _L(counter[2])
    scale = _F(deviation)
    for x in range(count):
        x0, x1, x2, x3 = _L(block + x), c1, c2, c3
        k0, k1 = _L(key) & _MASK, _L(key) >> _HALF
        for _ in range(10):  # `kernels.philox`, which would stay a loop if it were called
            low, high = _MULTIPLY[0] * x0, _MULTIPLY[1] * x2
            x0, x1 = (high >> _HALF) ^ x1 ^ k0, high & _MASK
            x2, x3 = (low >> _HALF) ^ x3 ^ k1, low & _MASK
            k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
        radius0, radius1 = scale * _radius(_U(x0)), scale * _radius(_U(x2))
        sine0, cosine0 = _sine_cosine(_U(x1))
        _, cosine1 = _sine_cosine(_U(x3))
        out[0, x] += radius0 * cosine0
        out[1, x] += radius0 * sine0
        out[2, x] += radius1 * cosine1


@kernel
def _radius(word: _U) -> _F:
    """sqrt(-2 log(1 - word / 2**32)).

    The polynomial is for log(1 + x), x about 0: for small words x is the word itself, which 1 minus
    it would round off; else x is what remains of the number without its power of two.
    """
    small = word < _QUARTER_TURN
    rest = (_F(_U(~word)) + _F(1)) * _UNIT
    bits = _F(rest).view(_I)
    power = _F((bits >> _I(23)) - _I(127))
    mantissa = _I((bits & _I(0x7FFFFF)) | _I(0x3F800000)).view(_F)
    upper = mantissa > _SQRT2
    mantissa = mantissa * _F(0.5) if upper else mantissa
    power = power + _F(1) if upper else power
    x = -_F(word) * _UNIT if small else mantissa - _F(1)
    power = _F(0) if small else power
    y = _F(7.0376836292e-2) * x - _F(1.1514610310e-1)
    y = y * x + _F(1.1676998740e-1)
    y = y * x - _F(1.2420140846e-1)
    y = y * x + _F(1.4249322787e-1)
    y = y * x - _F(1.6668057665e-1)
    y = y * x + _F(2.0000714765e-1)
    y = y * x - _F(2.4999993993e-1)
    y = y * x + _F(3.3333331174e-1)
    square = x * x
    logarithm = x + (x * square * y - _F(0.5) * square) + power * _LOG2
    return np.sqrt(_F(-2) * logarithm)


@kernel
def _sine_cosine(word: _U) -> tuple[_F, _F]:
    """Sine and cosine of 2 pi word / 2**32, from what remains after quarter turns, +-pi / 4."""
    quarters = _U(_U(word + _EIGHTH_TURN) >> _U(30))
    angle = _F(_I(_U(word - _U(quarters << _U(30))))) * _RADIANS
    z = angle * angle
    sine = _F(8.3321608736e-3) - _F(1.9515295891e-4) * z
    sine = (sine * z - _F(1.6666654611e-1)) * z * angle + angle
    cosine = _F(2.443315711809948e-5) * z - _F(1.388731625493765e-3)
    cosine = (cosine * z + _F(4.166664568298827e-2)) * z * z - _F(0.5) * z + _F(1)
    odd = (quarters & _U(1)) != _U(0)
    turned_sine = cosine if odd else sine
    turned_cosine = sine if odd else cosine
    turned_sine = -turned_sine if (quarters & _U(2)) != _U(0) else turned_sine
    second_or_third = ((quarters + _U(1)) & _U(2)) != _U(0)
    return turned_sine, -turned_cosine if second_or_third else turned_cosine
