"""The compiled decoder of one sample, without FFCV: plans, memory, and what it refuses."""

import numpy as np
import pytest

from fasttricks.data.pixels import decode_rgb
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.plan import plan_batch
from tests.pictures import jpeg, smooth_picture

pytest.importorskip("fasttricks.pipelines.turbojpeg", reason="libturbojpeg is not installed")

from fasttricks.pipelines.beton_file import JPG, OTHER, RAW, STORED
from fasttricks.pipelines.ffcv_decode import Workspace, _carry_out, draw, stored_bytes

SIDES = [(61, 83), (120, 40), (200, 301)]


def stored(mode, sides):
    return np.array([(mode, width, height, 0) for height, width in sides], STORED)


def run(workspace, index, mode, data, sides, size, worker=0, view=0):
    """(result, picture): the picture is 7 everywhere where it was not written."""
    data = np.frombuffer(data, np.uint8)
    out = np.full((size, size, 3), 7, np.uint8)
    place = data.ctypes.data, data.size, *sides, out.ctypes.data
    address = np.uint64(workspace.address)
    return _carry_out(address, worker, index, view, mode, *place), out


def planned(pixels, seed, epoch, index, view, params):
    plans, _ = plan_batch(seed, epoch, [index], [view], *([n] for n in pixels.shape[:2]), params)
    out = np.empty((params.size, params.size, 3), np.uint8)
    draw(pixels, plans[0], out)
    return out


@pytest.mark.parametrize("train", [True, False])
def test_the_record_in_memory_says_what_the_parameters_say(train):
    """Seed, epoch, size and ranges reach compiled code, which was compiled once."""
    workspace = Workspace(2, stored(JPG, SIDES), views=2)
    augments = [Augment(), Augment(area=(0.3, 0.4), aspect=(0.5, 1.9), flip=0.9, crop_ratio=0.6)]
    compiled = len(_carry_out.signatures)
    for number, augment in enumerate(2 * augments):
        seed, epoch, size = 2**64 - 1 - number, 3 * number, (40, 57, 33, 90)[number]
        params = augment.params(size=size, train=train)
        workspace.set(seed, epoch, params)
        for index, sides in enumerate(SIDES):
            data = jpeg(*sides, seed=index)
            done, out = run(workspace, index, JPG, data, sides, size, worker=index % 2, view=1)
            assert done == 1
            assert np.array_equal(out, planned(decode_rgb(data), seed, epoch, index, 1, params))
    assert len(_carry_out.signatures) == compiled == 1


def test_raw_pixels_are_taken_as_they_are():
    workspace, pixels = Workspace(1, stored(RAW, SIDES), views=1), smooth_picture(61, 83, 0)
    params = Augment().params(size=40, train=True)
    workspace.set(1, 2, params)
    done, out = run(workspace, 5, RAW, pixels.tobytes(), (61, 83), 40)
    assert done == 1
    assert np.array_equal(out, planned(pixels, 1, 2, 5, 0, params))


@pytest.mark.parametrize(
    ("mode", "data", "sides"),
    [
        (OTHER, jpeg(61, 83), (61, 83)),
        (JPG, b"not a picture", (61, 83)),
        (JPG, jpeg(61, 83)[:700], (61, 83)),
        (JPG, jpeg(61, 83), (61_000, 83_000)),  # more than there is memory for
        (RAW, bytes(3 * 61 * 83 - 1), (61, 83)),
        (RAW, bytes(3 * 61 * 83), (61, 84)),
    ],
)
def test_what_is_left_to_pil(mode, data, sides):
    workspace = Workspace(1, stored(JPG, SIDES), views=1)
    workspace.set(0, 0, Augment().params(size=40, train=True))
    done, out = run(workspace, 0, mode, data, sides, 40)
    assert done == 0
    assert (out == 7).all()


def test_stored_bytes():
    data = np.arange(100, dtype=np.uint8)
    storage = data, np.array([3, 20, 50], np.uint64), np.array([4, 30, 1], np.uint64)
    for pointer, size in ((3, 4), (20, 30), (50, 1)):
        got = stored_bytes(np.uint64(pointer), storage)
        assert got.tolist() == list(range(pointer, pointer + size))
