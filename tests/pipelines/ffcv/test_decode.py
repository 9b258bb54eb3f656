"""The compiled decoder of one sample, without FFCV: plans, memory, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from fasttricks import Samples
from fasttricks.data.pixels import decode_rgb
from fasttricks.data.seek.build import build_index
from fasttricks.data.seek.file import SeekIndex
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.plan import plan_batch
from tests.pictures import jpeg, smooth_picture

pytest.importorskip("fasttricks.pipelines.decode.turbojpeg", reason="libturbojpeg is not installed")

from fasttricks.pipelines.beton.file import JPG, OTHER, RAW, Beton
from fasttricks.pipelines.beton.pack import pack
from fasttricks.pipelines.cutter import needed
from fasttricks.pipelines.ffcv.cuts import CUT, DAMAGED, STALE, UNKNOWN, WHOLE, Cuts
from fasttricks.pipelines.ffcv.decode import Workspace, _carry_out, draw
from fasttricks.pipelines.ffcv.tables import ENTRY, Tables

SIDES = [(61, 83), (120, 40), (200, 301)]


def entries(mode, sides):
    return np.array([(mode, height, width, 0, 0, 0) for height, width in sides], ENTRY)


def run(workspace, index, mode, data, sides, size, worker=0, view=0, number=None):
    """(result, picture): the picture is 7 everywhere where it was not written."""
    number = index if number is None else number
    data = np.frombuffer(data, np.uint8)
    out = np.full((size, size, 3), 7, np.uint8)
    place = data.ctypes.data, data.size, *sides, out.ctypes.data
    address = np.uint64(workspace.address)
    return _carry_out(address, worker, index, number, view, mode, *place), out


def planned(pixels, seed, epoch, index, view, params):
    plans, _ = plan_batch(seed, epoch, [index], [view], *([n] for n in pixels.shape[:2]), params)
    out = np.empty((params.size, params.size, 3), np.uint8)
    draw(pixels, plans[0], out)
    return out


@pytest.mark.parametrize("train", [True, False])
def test_the_record_in_memory_says_what_the_parameters_say(train):
    """Seed, epoch, size and ranges reach compiled code, which was compiled once."""
    workspace = Workspace(2, views=2)
    augments = [Augment(), Augment(area=(0.3, 0.4), aspect=(0.5, 1.9), flip=0.9, crop_ratio=0.6)]
    augments[1] = replace(augments[1], interpolation="bicubic")
    compiled = len(_carry_out.signatures)
    for number, augment in enumerate(2 * augments):
        seed, epoch, size = 2**64 - 1 - number, 3 * number, (40, 57, 33, 90)[number]
        params = augment.params(size=size, train=train)
        workspace.set(seed, epoch, params)
        workspace.expect(entries(JPG, SIDES))
        for index, sides in enumerate(SIDES):
            data = jpeg(*sides, seed=index)
            done, out = run(workspace, index, JPG, data, sides, size, worker=index % 2, view=1)
            assert done == 1
            assert np.array_equal(out, planned(decode_rgb(data), seed, epoch, index, 1, params))
    assert len(_carry_out.signatures) == compiled == 1


def test_raw_pixels_are_taken_as_they_are():
    workspace, pixels = Workspace(1, views=1), smooth_picture(61, 83, 0)
    params = Augment().params(size=40, train=True)
    workspace.set(1, 2, params)
    workspace.expect(entries(RAW, [(61, 83)]))
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
        (RAW, bytes(3 * 900 * 1200), (900, 1200)),  # likewise, for resizing
    ],
    ids=["other", "text", "cut short", "too large", "few bytes", "other sides", "large and raw"],
)
def test_what_is_left_to_pil(mode, data, sides):
    workspace = Workspace(1, views=1)
    workspace.set(0, 0, Augment().params(size=40, train=True))
    workspace.expect(entries(JPG, SIDES))
    done, out = run(workspace, 0, mode, data, sides, 40)
    assert done == 0
    assert (out == 7).all()


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Tables of a `.beton` of every chroma layout, its index, and its pictures."""
    kinds = [{}, {"channels": 1}, {"subsampling": 0}, {"subsampling": 1}, {"optimize": True}]
    kinds += [{"restart_marker_blocks": 3}, {"progressive": True}]
    sides = np.random.default_rng(5).integers(90, 300, (len(kinds), 2)).tolist()
    files = [jpeg(*sides[i], seed=i, **kind) for i, kind in enumerate(kinds)]
    folder = tmp_path_factory.mktemp("decode")
    beton = Beton(pack(Samples(files), folder / "x.beton", progress=False).path)
    return Tables(beton), SeekIndex.open(build_index(beton, folder / "x.seek"), beton), files


def sides_of(tables, index):
    return int(tables.entries["height"][index]), int(tables.entries["width"][index])


@pytest.mark.parametrize("train", [True, False])
def test_cut_pictures_are_the_same(packed, train):
    tables, index, files = packed
    cuts = Cuts(tables.samples, index)
    workspace = Workspace(1, views=2, cuts=cuts)
    for epoch, size in enumerate((40, 57, 120)):
        params = Augment().params(size=size, train=train)
        workspace.set(3, epoch, params)
        for number, data in enumerate(files):
            one = np.array([number])
            workspace.expect(tables.entries[one], *cuts.check(one))
            sides, view = sides_of(tables, number), epoch % 2
            done, out = run(workspace, number, JPG, data, sides, size, view=view)
            assert done == 1
            assert np.array_equal(out, planned(decode_rgb(data), 3, epoch, number, view, params))
    assert (cuts.known == CUT).sum() == len(files) - 1  # all but the progressive one


def test_only_what_was_checked_is_cut(packed):
    """The data behind the crop are spoilt: who cuts does not see it."""
    tables, index, files = packed
    data = bytearray(files[0])
    data[-30:-2] = bytes(28)
    cuts = Cuts(tables.samples, index)
    workspace = Workspace(1, views=1, cuts=cuts)
    params = Augment(area=(0.08, 0.1), aspect=(1.0, 1.0)).params(size=40, train=True)
    workspace.set(0, 0, params)
    workspace.expect(tables.entries)

    def same(number, index=None):
        index, sides = number if index is None else index, sides_of(tables, 0)
        done, out = run(workspace, index, JPG, bytes(data), sides, 40, number=number)
        clean = planned(decode_rgb(files[0]), 0, 0, index, 0, params)
        return done == 1 and np.array_equal(out, clean)

    assert not same(0)
    needed = cuts.check(np.array([0]))
    assert not same(0)  # it may be cut, but there is no room for that
    workspace.expect(tables.entries, *needed)
    assert same(0)
    assert same(0, index=9)  # of a set in which it stands there, taken from this one
    for other in (UNKNOWN, WHOLE, STALE, DAMAGED):
        cuts.known[0] = other
        assert not same(0)
    workspace.expect(tables.entries, *cuts.check(np.arange(1, len(files))))
    assert cuts.known[1] == CUT
    assert not same(1)  # the seek points of another picture: refused, so decoded whole


def test_draw_takes_a_part_of_a_picture():
    pixels = smooth_picture(200, 301, 0)
    for train in (True, False):
        params = Augment().params(size=40, train=train)
        plan = plan_batch(0, 0, [0], [0], [200], [301], params)[0][0]
        top, left, height, width = needed(plan, 40)
        part, out = pixels[top : top + height, left : left + width], np.empty((40, 40, 3), np.uint8)
        draw(np.ascontiguousarray(part), plan, out, top, left)
        assert part.shape != pixels.shape
        assert np.array_equal(out, planned(pixels, 0, 0, 0, 0, params))
