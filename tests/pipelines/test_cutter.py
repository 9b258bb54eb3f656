import os
import pickle

import numpy as np
import pytest

from fasttricks import Augment, Samples
from fasttricks.data.pixels import decode_rgb
from fasttricks.kernels.plan import plan_batch
from fasttricks.pipelines.cutter import Cutter, needed
from fasttricks.pipelines.fetch import Fetcher
from tests.pictures import encode, jpeg, smooth_picture

KINDS = [{}, {"channels": 1}, {"subsampling": 0}, {"subsampling": 1}, {"optimize": True}]


@pytest.fixture(scope="module")
def samples():
    sizes = np.random.default_rng(3).integers(20, 160, (20, 2)).tolist()
    return Samples([jpeg(*sides, seed=i, **KINDS[i % 5]) for i, sides in enumerate(sizes)])


@pytest.mark.parametrize("train", [True, False])
def test_a_cut_holds_what_the_plan_needs_bit_for_bit(samples, train):
    cutter, fetch = Cutter(samples, True), Fetcher(samples, "raise")
    params = Augment().params(size=32, train=train)
    for index in range(len(samples)):
        found, whole = fetch(index), decode_rgb(samples.read(index))
        height, width, _ = whole.shape
        plan = plan_batch(5, 0, [index], [0], [height], [width], params)[0][0]
        top, left, h, w = needed(plan, 32)
        box = cutter.decode(found, top, left, h, w)
        assert np.array_equal(box, whole[top : top + h, left : left + w])
        part = cutter.cut(found, top, left, h, w)
        assert part is not None
        pixels = decode_rgb(part.data)
        assert pixels.shape == (part.height, part.width, 3)
        below, right = part.top + part.height, part.left + part.width
        assert np.array_equal(
            pixels[top - part.top :][:h, left - part.left :][:, :w],
            whole[top : top + h, left : left + w],
        )
        assert part.top <= top
        assert part.left <= left
        assert below >= top + h
        assert right >= left + w


def test_what_cannot_be_cut_is_left_whole():
    progressive = jpeg(80, 90, progressive=True)
    png = encode(smooth_picture(40, 40, 1), "PNG")
    samples = Samples([progressive, png, jpeg(80, 90)])
    cutter, fetch = Cutter(samples, True), Fetcher(samples, "raise")
    assert cutter.cut(fetch(0), 10, 10, 20, 20) is None
    assert cutter.cut(fetch(1), 10, 10, 20, 20) is None
    assert cutter.decode(fetch(0), 10, 10, 20, 20) is None
    assert cutter.cut(fetch(2), 10, 10, 20, 20) is not None
    assert Cutter(samples, False).cut(fetch(2), 10, 10, 20, 20) is None


def test_a_changed_file_is_left_whole(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    paths = [tmp_path / f"{i}.jpg" for i in range(2)]
    for i, path in enumerate(paths):
        path.write_bytes(jpeg(64, 64, seed=i))
    samples = Samples(paths)
    cutter, fetch = Cutter(samples, True), Fetcher(samples, "raise")
    paths[0].write_bytes(jpeg(64, 64, seed=7))
    os.utime(paths[0], ns=(1, 1))
    assert cutter.cut(fetch(0), 0, 0, 8, 8) is None
    assert cutter.cut(fetch(1), 0, 0, 8, 8) is not None
    assert "has changed" in capsys.readouterr().err


def test_a_pickled_cutter_cuts_the_same(samples):
    cutter, fetch = Cutter(samples, True), Fetcher(samples, "raise")
    again = pickle.loads(pickle.dumps(cutter))
    first, second = (c.cut(fetch(2), 3, 3, 9, 9) for c in (cutter, again))
    assert first.data.tobytes() == second.data.tobytes()
    assert first[1:] == second[1:]


def test_repeats_share_the_index(samples):
    cutter, fetch = Cutter(samples.repeat(3), True), Fetcher(samples.repeat(3), "raise")
    first, second = (cutter.cut(fetch(i), 0, 0, 8, 8) for i in (2, 2 + 2 * len(samples)))
    assert first.data.tobytes() == second.data.tobytes()
