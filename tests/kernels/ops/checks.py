"""Pictures and numbers for steps, and what their results are held against."""

import numpy as np

from fasttricks.kernels.ops import reference as ops_reference
from fasttricks.kernels.ops.apply import apply_ops, ops_bytes
from fasttricks.kernels.steps import STEP, STEPS, Op

SHAPES = [(33, 21), (1, 1), (2, 9), (64, 65), (3, 2), (1, 40), (50, 3), (17, 48)]
REAL = [op for op in Op if op != Op.IDENTITY]

INTEGER = {Op.INVERT, Op.EQUALIZE, Op.SOLARIZE, Op.POSTERIZE}
# Float32 values of at most 2^10 (a share of up to 2 of 255, and the rest of the other) go through
# at most 6 roundings of half an ulp, 2^-15 each, before they are cut off.
ROUNDING = 6 * 2.0**-15
# Hue has a relative error of 6 roundings, 2^-24 each, times at most 6 sixths, times chroma.
HUE_ROUNDING = ROUNDING + 6 * 2.0**-24 * 6 * 2 * 255
# Coordinates have 32 bits after the point, three roundings of half of that, times 100 pixels.
COORDINATE = 2 * 100 * 2.0**-32


def pictures(shape, rng):
    """Noise, dark noise, one level, and two levels."""
    noise = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    yield noise
    yield noise // np.uint8(rng.integers(2, 100)) + np.uint8(rng.integers(0, 100))
    yield np.full_like(noise, rng.integers(0, 256))
    yield np.where(noise > 99, np.uint8(200), np.uint8(30))


def numbers(op, rng):
    """Random (amount, second, third) as float32 has them."""
    amount = {
        Op.TRANSLATE_X: rng.uniform(-40, 40),
        Op.TRANSLATE_Y: rng.uniform(-40, 40),
        Op.SHEAR_X: rng.uniform(-1, 1),
        Op.SHEAR_Y: rng.uniform(-1, 1),
        Op.ROTATE: rng.uniform(-180, 180),
        Op.SOLARIZE: rng.choice([rng.uniform(0, 256), rng.integers(0, 257)]),
        Op.POSTERIZE: rng.integers(0, 9),
    }.get(op, rng.uniform(0, 2))
    second = rng.uniform(0.4, 1.8) if op == Op.JITTER_HSV else float(rng.integers(0, 256))
    return tuple(float(np.float32(x)) for x in (amount, second, rng.uniform(0.4, 1.8)))


def ops_of(*steps):
    """A row of STEPs from (op, (amount, second, third)) pairs."""
    row = np.zeros(STEPS, STEP)
    for k, (op, values) in enumerate(steps):
        row[k] = (op, *values)
    return row


def run(picture, *steps):
    """A copy of `picture` to which numba did the steps."""
    result = np.ascontiguousarray(picture).copy()
    apply_ops(result, ops_of(*steps), np.empty(ops_bytes(*picture.shape[:2]), np.uint8))
    return result


def agrees(result, op, picture, values):
    """Whether each byte is the reference's, or exact arithmetic is so close that both may be."""
    if op in ops_reference.GEOMETRIC:
        where = ops_reference.source(op, values[0], picture.shape[:2])
        clear = np.all([abs(x - np.round(x)) > COORDINATE for x in where], axis=0)
        return np.array_equal(
            result[clear], ops_reference.apply(op, picture, values)[clear]
        ) and clear.mean() > (0.5 if picture.size > 1000 else -1)
    exact = ops_reference.exact(op, picture, values)
    slack = 0.0 if op in INTEGER else HUE_ROUNDING if op == Op.JITTER_HSV else ROUNDING
    half = 0.5 if op in ops_reference.ROUNDED else 0.0
    low, high = (np.floor(np.clip(exact + d, 0, 255) + half) for d in (-slack, slack))
    return bool(((low <= result) & (result <= high)).all())
