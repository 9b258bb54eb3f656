from itertools import pairwise

import numpy as np
import pytest

from fasttricks.kernels.finish_numba import (
    FLOAT16,
    FLOAT32,
    _whole_steps,
    finish,
    finish_mixed,
)
from fasttricks.kernels.mix import description as mix
from fasttricks.kernels.rgb import PIXELS, STREAM
from tests.kernels.finish_checks import batch, mixed_batch


def arrays(inputs):
    return [tensor.numpy() for tensor in inputs[:3]]


@pytest.mark.parametrize("mixed", [False, True])
def test_threads_may_take_ranges(mixed):
    inputs = mixed_batch((5, 9, 21), 5, seed=1)
    whole, part = np.zeros((2, 5, 9, 21, 3), np.float32)
    if mixed:
        finish_mixed(*arrays(inputs), inputs.mixes, whole, FLOAT32, 0, 5)
        finish_mixed(*arrays(inputs), inputs.mixes, part, FLOAT32, 1, 3)
    else:
        finish(*arrays(inputs), whole, FLOAT32, 0, 5)
        finish(*arrays(inputs), part, FLOAT32, 1, 3)
    assert whole.all(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(part[1:3], whole[1:3])
    assert not part[[0, 3, 4]].any()


def test_more_than_2_31_elements():
    """Memory that nothing is written to takes none: only the last samples are touched."""
    small = batch((1, 224, 224), seed=2)
    count = 2**31 // small.pixels.numel() + 2
    pixels = np.empty((count, 224, 224, 3), np.uint8)
    out = np.empty((count, 224, 224, 3), np.uint16)
    assert pixels.size > 2**31
    pixels[-1:] = small.pixels
    matrix = np.broadcast_to(small.matrix, (count, 3, 4)).copy()
    flip = np.ones(count, np.uint8)
    finish(pixels, matrix, flip, out, FLOAT16, count - 1, count)
    expected = np.empty((1, 224, 224, 3), np.uint16)
    finish(small.pixels.numpy(), matrix[:1], flip[:1], expected, FLOAT16, 0, 1)
    np.testing.assert_array_equal(out[-1], expected[0])
    out[-1] = 0
    mixes = mix.plain(np.zeros(count, int))
    mixes["own"][-1], mixes["count"] = count - 1, 1
    patch = mixes["patches"][-1, 0]
    patch["height"], patch["width"], patch["source"], patch["weight"] = 224, 224, count - 1, 0.25
    finish_mixed(pixels, matrix, flip, mixes, out, FLOAT16, count - 1, count)
    difference = out[-1].view(np.float16).astype(float) - expected[0].view(np.float16)
    assert abs(difference).max() < 2**-9 * abs(expected.view(np.float16)).max()


def placed(shape, begin):
    """float32 zeros that begin so many bytes behind a multiple of STREAM."""
    room = np.zeros(4 * int(np.prod(shape)) + 2 * STREAM, np.uint8)
    first = -room.ctypes.data % STREAM + begin
    return room[first : first + 4 * int(np.prod(shape))].view(np.float32).reshape(shape)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("width", [16, 48, 40])
def test_where_the_result_lies_changes_no_bit(width, mixed):
    """It goes past the caches if every row begins at a multiple of STREAM bytes."""
    inputs = mixed_batch((5, 6, width), 5, seed=width)
    made = []
    for begin in (0, 4, STREAM // 2):
        out = placed((5, 6, width, 3), begin)
        if mixed:
            finish_mixed(*arrays(inputs), inputs.mixes, out, FLOAT32, 0, 5)
        else:
            finish(*arrays(inputs), out, FLOAT32, 0, 5)
        made.append(out)
    assert made[0].any()
    for other in made[1:]:
        np.testing.assert_array_equal(made[0].view(np.uint32), other.view(np.uint32))


def test_nothing_beside_a_streamed_picture_is_written():
    inputs = batch((1, 6, 32), seed=4)
    canvas = placed((6, 32 + 2 * 16, 3), 0)
    out = canvas[None, :, 16:48]
    assert out.ctypes.data % STREAM == 0
    assert out.strides[1] % STREAM == 0
    finish(*arrays(inputs), out, FLOAT32, 0, 1)
    assert out.all()
    assert not canvas[:, :16].any()
    assert not canvas[:, 48:].any()


@pytest.mark.parametrize("left", [0, 1, 15, 16, 37])
def test_whole_steps_of_a_cell_are_a_cell_of_their_own(left):
    for right in range(left + 1, 100):
        ends = [left]
        while ends[-1] < right:
            ends.append(_whole_steps(ends[-1], right))
        assert ends[-1] == right
        pieces = list(pairwise(ends))
        whole = (-(-left // PIXELS) * PIXELS, right // PIXELS * PIXELS)
        assert (whole in pieces) == (whole[0] < whole[1])
        assert len(pieces) <= 3
