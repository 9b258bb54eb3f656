import threading

import numba
import numpy as np
import pytest

from fasttricks.kernels.ops import reference as ops_reference
from fasttricks.kernels.ops.apply import apply_ops, apply_rows, ops_bytes
from fasttricks.kernels.steps import STEP, STEPS, Op
from tests.kernels.ops.checks import REAL, SHAPES, agrees, numbers, ops_of, pictures, run


@pytest.mark.parametrize("op", REAL)
def test_every_operation_is_that_of_the_reference(op):
    rng = np.random.default_rng()
    for shape in SHAPES:
        for picture in pictures(shape, rng):
            values = numbers(op, rng)
            assert agrees(run(picture, (op, values)), op, picture, values), (shape, values)


# What is done, and what it is mistaken for: neighbours in sign, level, order or definition.
MISTAKES = [
    (Op.SHEAR_X, (0.2, 0, 0), Op.SHEAR_X, (-0.2, 0, 0)),
    (Op.SHEAR_X, (0.2, 0, 0), Op.SHEAR_Y, (0.2, 0, 0)),
    (Op.SHEAR_Y, (0.2, 0, 0), Op.SHEAR_Y, (0.2, 1, 0)),
    (Op.TRANSLATE_X, (5, 0, 0), Op.TRANSLATE_X, (6, 0, 0)),
    (Op.TRANSLATE_X, (5, 0, 0), Op.TRANSLATE_X, (-5, 0, 0)),
    (Op.TRANSLATE_Y, (5, 0, 0), Op.TRANSLATE_X, (5, 0, 0)),
    (Op.ROTATE, (27, 0, 0), Op.ROTATE, (-27, 0, 0)),
    (Op.ROTATE, (27, 0, 0), Op.ROTATE, (27, 128, 0)),
    (Op.AUTO_CONTRAST, (0, 0, 0), Op.EQUALIZE, (0, 0, 0)),
    (Op.INVERT, (0, 0, 0), Op.SOLARIZE, (1, 0, 0)),
    (Op.SOLARIZE, (128, 0, 0), Op.SOLARIZE, (129, 0, 0)),
    (Op.SOLARIZE, (128, 0, 0), Op.SOLARIZE, (127, 0, 0)),
    (Op.POSTERIZE, (3, 0, 0), Op.POSTERIZE, (4, 0, 0)),
    (Op.CONTRAST, (1.5, 0, 0), Op.CONTRAST, (0.5, 0, 0)),
    (Op.CONTRAST, (1.5, 196, 0), Op.FADE, (1.5, 196, 0)),
    (Op.COLOR, (0.5, 0, 0), Op.JITTER_SATURATION, (0.5, 0, 0)),
    (Op.BRIGHTNESS, (1.05, 0, 0), Op.JITTER_BRIGHTNESS, (1.05, 0, 0)),
    (Op.SHARPNESS, (1.5, 0, 0), Op.SHARPNESS, (0.5, 0, 0)),
    (Op.FADE, (1.5, 196, 0), Op.FADE, (1.5, 195, 0)),
    (Op.JITTER_CONTRAST, (1.2, 0, 0), Op.CONTRAST, (1.2, 0, 0)),
    (Op.JITTER_HSV, (1.2, 0.8, 1), Op.JITTER_HSV, (1.2, 1, 0.8)),
    (Op.JITTER_HSV, (1.2, 0.8, 1), Op.JITTER_HSV, (0.8, 0.8, 1)),
]


@pytest.mark.parametrize(("op", "values", "wrong_op", "wrong"), MISTAKES)
def test_a_wrong_operation_is_found(op, values, wrong_op, wrong):
    picture = np.random.default_rng(3).integers(0, 256, (40, 31, 3), dtype=np.uint8)
    assert agrees(run(picture, (op, values)), op, picture, values)
    assert not agrees(run(picture, (wrong_op, wrong)), op, picture, values)


@pytest.mark.parametrize("op", [Op.COLOR, Op.JITTER_SATURATION, Op.JITTER_HSV, Op.JITTER_CONTRAST])
def test_swapped_channels_are_found(op):
    picture = np.random.default_rng(4).integers(20, 230, (40, 31, 3), dtype=np.uint8)
    values = (0.6, 0.8, 1.1)
    swapped = run(picture[..., ::-1], (op, values))[..., ::-1]
    assert not agrees(swapped, op, picture, values)


def test_inverting_twice_changes_nothing_and_once_does():
    picture = next(pictures((20, 30), np.random.default_rng()))
    invert = (Op.INVERT, (0, 0, 0))
    assert np.array_equal(run(picture, invert, invert), picture)
    assert np.array_equal(run(picture, invert), 255 - picture)


@pytest.mark.parametrize("op", [Op.EQUALIZE, Op.AUTO_CONTRAST])
def test_a_flat_picture_stays_as_it_is(op):
    for level in (0, 1, 130, 255):
        picture = np.full((20, 30, 3), level, np.uint8)
        picture[..., 1] = 255 - level
        assert np.array_equal(run(picture, (op, (0, 0, 0))), picture)


def test_steps_are_done_in_order_and_end_at_the_first_identity():
    picture = next(pictures((20, 30), np.random.default_rng()))
    posterize, invert = (Op.POSTERIZE, (2, 0, 0)), (Op.INVERT, (0, 0, 0))
    idle = (Op.IDENTITY, (0, 0, 0))
    assert np.array_equal(run(picture, posterize, invert), 255 - (picture & 0xC0))
    assert np.array_equal(run(picture, invert, posterize), (255 - picture) & 0xC0)
    assert np.array_equal(run(picture, invert, idle, posterize), 255 - picture)
    assert np.array_equal(run(picture), picture)
    assert np.array_equal(run(picture, *[invert] * STEPS), picture)


def test_jitter_in_another_order_is_another_picture():
    picture = next(pictures((20, 30), np.random.default_rng()))
    steps = [(Op.JITTER_BRIGHTNESS, (1.4, 0, 0)), (Op.JITTER_CONTRAST, (0.6, 0, 0))]
    assert not np.array_equal(run(picture, *steps), run(picture, *steps[::-1]))


def test_a_range_of_a_batch_from_threads_touches_nothing_else():
    rng = np.random.default_rng()
    pixels = rng.integers(0, 256, (9, 40, 30, 3), dtype=np.uint8)
    ops = np.array([ops_of((op, numbers(op, rng))) for op in rng.choice(REAL, 9)])
    steps = [(Op(int(s["op"])), s.tolist()[1:]) for s in ops[:, 0]]
    expected = [run(picture, step) for picture, step in zip(pixels, steps, strict=True)]
    made = pixels.copy()
    parts = [slice(1, 4), slice(4, 8)]
    threads = [
        threading.Thread(
            target=apply_rows,
            args=(made[part], ops[part], np.empty(ops_bytes(40, 30), np.uint8)),
        )
        for part in parts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(made[1:8], np.array(expected[1:8]))
    assert np.array_equal(made[[0, 8]], pixels[[0, 8]])


def test_can_be_called_from_numba_code():
    @numba.njit
    def call(pixels, ops, scratch):
        for n in range(len(pixels)):
            apply_ops(pixels[n], ops[n], scratch)

    pixels = np.zeros((2, 4, 5, 3), np.uint8)
    call(pixels, np.array([ops_of((Op.INVERT, (0, 0, 0))), ops_of()]), np.empty(61, np.uint8))
    assert pixels[0].min() == 255
    assert pixels[1].max() == 0


def test_memory_that_does_not_fit_is_refused():
    picture = np.zeros((4, 5, 3), np.uint8)
    with pytest.raises(ValueError, match="scratch"):
        apply_ops(picture, ops_of(), np.empty(ops_bytes(4, 5) - 1, np.uint8))
    with pytest.raises(ValueError, match=r"\[H, W, 3\]"):
        apply_ops(np.zeros((4, 5, 4), np.uint8), ops_of(), np.empty(1000, np.uint8))


@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_an_empty_picture_stays_empty(shape):
    for op in REAL:
        assert run(np.zeros((*shape, 3), np.uint8), (op, (1, 1, 1))).shape == (*shape, 3)


def test_nothing_is_written_beyond_picture_and_scratch():
    rng = np.random.default_rng()
    for op in REAL:
        for height, width in SHAPES:
            size, need = 3 * height * width, ops_bytes(height, width)
            memory = np.full(size + need + 64, 77, np.uint8)
            picture = memory[:size].reshape(height, width, 3)
            picture[:] = rng.integers(0, 256, picture.shape)
            scratch = memory[size + 32 : size + 32 + need]
            apply_ops(picture, ops_of((op, numbers(op, rng))), scratch)
            assert (memory[size : size + 32] == 77).all(), op
            assert (memory[size + 32 + need :] == 77).all(), op


def test_dtype():
    assert ops_of().dtype == STEP
    assert set(REAL) == {*ops_reference.GEOMETRIC, *ops_reference._OPS}
