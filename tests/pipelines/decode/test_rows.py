"""Which files our own kernel decodes, and which libjpeg-turbo; the pixels are the same."""

import numpy as np
import pytest

from fasttricks.kernels.jpeg.seek import FRAME
from fasttricks.kernels.plan import SAMPLE
from fasttricks.pipelines.decode import rows, simple
from fasttricks.pipelines.decode.picture import JPEG, TASK, UINT8, Memory, Work, enough
from tests.kernels.jpeg.cuts import as_array, indexed
from tests.kernels.jpeg.writer import LAYOUTS, write
from tests.pictures import jpeg

SIZE = 24
ORDINARY = [
    *({}, {"subsampling": 0}, {"subsampling": 1}, {"channels": 1}, {"optimize": True}),
    *({"restart_marker_blocks": 4}, {"restart_marker_rows": 1, "subsampling": 0}),
]
OTHERS = [write(140, 67, LAYOUTS[name], seed=3).data for name in ("4:1:1", "4:4:0")]


def work_of(files, index=True, exact=1):
    """A Work that crops each of the files in the middle, and what must outlive it."""
    count = len(files)
    tasks, frames = np.zeros(count, TASK), np.zeros(count, FRAME)
    plans, kept = np.zeros(count, SAMPLE), []
    for row, data in enumerate(files):
        array, (frame, points) = as_array(data), indexed(data)
        height, width = int(frame["height"]), int(frame["width"])
        found = (points.ctypes.data, len(points)) if index else (0, 0)
        tasks[row] = (array.ctypes.data, array.size, JPEG, height, width, *found)
        frames[row] = frame
        box = (height // 5, width // 4, height // 2, width // 2)
        plans[row] = (*box, SIZE, SIZE, 0, 0, row % 2, 0)
        kept += [array, points]
    work = Work(
        tasks=tasks,
        frames=frames,
        plans=plans,
        matrices=np.zeros((count, 3, 4), np.float32),
        ops=None,
        slots=np.arange(count),
        out=np.zeros((count, SIZE, SIZE, 3), np.uint8),
        form=UINT8,
        exact=exact,
        done=np.zeros(count, np.int64),
    )
    return work, kept


NO_DECODER = Memory(0, *[np.empty(0, np.uint8)] * 5)
"""libturbojpeg fails on this handle whatever it is asked."""


def pictures(options):
    return [jpeg(90 + 7 * n, 130 - 9 * n, seed=n, **it) for n, it in enumerate(options)]


def test_ordinary_files_are_decoded_by_our_kernel_and_others_are_not():
    work, _kept = work_of(pictures(ORDINARY) + OTHERS)
    rows.make_rows(work, enough(NO_DECODER, work))
    assert work.done.tolist() == [1] * len(ORDINARY) + [0] * len(OTHERS)


@pytest.mark.parametrize("kind", [{"index": False}, {"exact": 0}])
def test_files_without_an_index_and_shrunken_ones_are_not(kind):
    work, _kept = work_of([jpeg(400, 500, seed=n) for n in range(3)], **kind)
    rows.make_rows(work, enough(NO_DECODER, work))
    assert not work.done.any()


@pytest.mark.parametrize("decoder", [rows, simple], ids=["libturbojpeg", "simplejpeg"])
def test_the_pixels_are_those_of_the_library(decoder):
    files = pictures(ORDINARY) + OTHERS
    ours, _kept = work_of(files)
    theirs, _kept_too = work_of(files, index=False)
    for work in (ours, theirs):
        decoder.Worker().make(work)
        assert work.done.all()
    np.testing.assert_array_equal(ours.out, theirs.out)
    assert len(np.unique(ours.out)) > 100


def test_damage_behind_the_index_is_left_to_the_library():
    data = bytearray(jpeg(200, 220, subsampling=0, quality=95))
    scan = data.index(b"\xff\xda")
    work, kept = work_of([bytes(data)])
    rng = np.random.default_rng(1)
    left = 0
    for _ in range(30):
        changed = kept[0].copy()
        changed[rng.integers(scan + 20, len(changed) - 2, 40)] = rng.integers(0, 255, 40)
        work.tasks["data"] = changed.ctypes.data
        work.done[:] = 0
        rows.make_rows(work, enough(NO_DECODER, work))
        left += not work.done.any()
    assert left > 20
