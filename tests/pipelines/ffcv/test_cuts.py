"""What FFCV's compiled code may cut: checked once, and only what its checksums vouch for."""

import numpy as np
import pytest

from fasttricks import Samples
from fasttricks.data.seek.build import build_index
from fasttricks.data.seek.file import SeekIndex
from fasttricks.kernels.jpeg.cut import cut_bound
from fasttricks.pipelines.beton.file import Beton
from fasttricks.pipelines.beton.pack import pack
from fasttricks.pipelines.decode.picture import workspace_bytes
from fasttricks.pipelines.ffcv.cuts import CUT, DAMAGED, STALE, UNKNOWN, WHOLE, Cuts
from tests.pictures import encode, jpeg, smooth_picture

FILES = [
    jpeg(90, 70),
    jpeg(200, 310, seed=1),
    jpeg(64, 64, progressive=True),
    encode(smooth_picture(40, 40, 1), "PNG"),
    b"no picture",
    jpeg(33, 47, seed=2, channels=1),
]
KNOWN = [CUT, CUT, WHOLE, WHOLE, WHOLE, CUT]


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cuts")
    beton = Beton(pack(Samples(FILES), folder / "x.beton", progress=False).path)
    return beton, build_index(beton, folder / "x.seek")


def test_each_picture_is_looked_up_once(packed, monkeypatch):
    beton, path = packed
    index, asked = SeekIndex.open(path, beton), []
    lookup = index.lookup
    monkeypatch.setattr(index, "lookup", lambda i, *stamp: asked.append(i) or lookup(i, *stamp))
    cuts = Cuts(beton, index)
    assert cuts.known.tolist() == [UNKNOWN] * 6
    assert cuts.check(np.array([2, 3])) == (0, 0)
    assert cuts.known.tolist() == [UNKNOWN, UNKNOWN, WHOLE, WHOLE, UNKNOWN, UNKNOWN]
    largest = cut_bound(index.frames[1:2][0]), workspace_bytes(index.frames[1:2][0])
    assert cuts.check(np.array([0, 1, 0, 5, 3, 4])) == largest
    assert cuts.known.tolist() == KNOWN
    assert cuts.check(np.arange(6)) == (0, 0)
    assert sorted(asked) == list(range(6))


def test_damaged_entries_are_decoded_whole(packed, tmp_path, capsys):
    beton, path = packed
    index = SeekIndex.open(path)
    content = bytearray(path.read_bytes())
    record = content.index(index.records[0].tobytes())
    content[record + 60] ^= 1  # in its frame
    content[len(content) - 1] ^= 1  # in the points of the last one that has some
    damaged = tmp_path / "damaged.seek"
    damaged.write_bytes(content)
    cuts = Cuts(beton, SeekIndex.open(damaged, beton))
    cuts.check(np.arange(6))
    assert cuts.known.tolist() == [DAMAGED, CUT, WHOLE, WHOLE, WHOLE, DAMAGED]
    assert cuts.counts(np.array([0, 1, 0, 2])) == {"stale": 0, "damaged": 2}
    assert "sample 0 (sample 0) has" in capsys.readouterr().err


def test_an_index_of_other_bytes_under_the_same_names(packed, tmp_path, capsys):
    beton, path = packed
    other = FILES.copy()
    other[1] = bytearray(other[1])
    other[1][-40] ^= 1  # as long as it was
    changed = Beton(pack(Samples([bytes(f) for f in other]), tmp_path / "y", progress=False).path)
    assert changed.sizes.tolist() == beton.sizes.tolist()
    cuts = Cuts(changed, SeekIndex.open(path, changed))
    cuts.check(np.arange(6))
    assert cuts.known.tolist() == [CUT, STALE, *KNOWN[2:]]
    assert cuts.counts(np.arange(6)) == {"stale": 1, "damaged": 0}
    assert "sample 1 (sample 1) has changed" in capsys.readouterr().err
