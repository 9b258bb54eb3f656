"""Packing: what stands in the file afterwards, and that an interrupted run leaves nothing."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from PIL import Image

from fasttricks.data import Samples, scan_folder
from fasttricks.data.pixels import decode_rgb
from fasttricks.errors import BadSampleError, DataError, UnknownNameError
from fasttricks.pipelines.beton import file as beton_file
from fasttricks.pipelines.beton.file import Beton
from fasttricks.pipelines.beton.pack import pack
from tests.pictures import encode, jpeg, smooth_picture

pytest.importorskip("fasttricks.pipelines.decode.turbojpeg", reason="libturbojpeg is not installed")


def mixed(tmp_path):
    """Plain, odd and bad files: [jpeg, png, cut short, cmyk, missing, progressive]."""
    cmyk = Image.fromarray(smooth_picture(30, 41, 5, channels=4), "CMYK")
    whole = jpeg(90, 120, seed=1)
    contents = {
        "a.jpg": jpeg(61, 83, seed=0),
        "b.jpg": encode(smooth_picture(50, 60, 2), "PNG"),
        "c.jpg": whole[: len(whole) // 2],
        "d.jpg": encode(cmyk, quality=90),
        "f.jpg": jpeg(40, 30, seed=3, progressive=True),
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    return Samples([tmp_path / f"{letter}.jpg" for letter in "abcdef"], np.arange(6) * 10)


def test_source_keeps_every_byte(tmp_path):
    samples = mixed(tmp_path)
    report = pack(samples, tmp_path / "x.beton", progress=False)
    beton = Beton(report.path)
    for index in (0, 1, 3, 5):
        assert beton.read(index) == samples.read(index)
        height, width, _ = decode_rgb(samples.read(index)).shape
        assert (beton.stored["height"][index], beton.stored["width"][index]) == (height, width)
    modes = [beton_file.JPG, beton_file.OTHER, beton_file.BAD, beton_file.OTHER]
    assert beton.stored["mode"].tolist() == [*modes, beton_file.BAD, beton_file.JPG]
    assert (report.samples, report.odd) == (6, 2)
    assert report.size_bytes == report.path.stat().st_size


@pytest.mark.parametrize("mode", beton_file.MODES)
def test_bad_files_stay_as_entries_with_their_cause(mode, tmp_path):
    samples = mixed(tmp_path)
    report = pack(samples, tmp_path / "x.beton", mode=mode, progress=False)
    assert [error.index for error in report.bad] == [2, 4]
    assert "6 samples" in str(report)
    assert "2 odd, 2 bad\n  bad: sample 2 (" in str(report)
    beton = Beton(report.path)
    assert len(beton) == 6
    assert beton.targets.tolist() == samples.targets.tolist()
    assert [beton.name(i) for i in range(6)] == [samples.name(i) for i in range(6)]
    assert sorted(beton.bad) == [2, 4]
    with pytest.raises(BadSampleError, match=r"c\.jpg.*cannot decode") as error:
        beton.read(2)
    assert error.value.index == 2
    with pytest.raises(BadSampleError, match=r"e\.jpg.*cannot be read: No such file"):
        beton.read(4)


def test_raw_keeps_pils_pixels(tmp_path):
    samples = mixed(tmp_path)
    beton = Beton(pack(samples, tmp_path / "x.beton", mode="raw", progress=False).path)
    for index in (0, 1, 3, 5):
        assert np.array_equal(decode_rgb(beton.read(index)), decode_rgb(samples.read(index)))


def test_jpg_is_pils_encoding_of_pils_pixels(tmp_path):
    samples = mixed(tmp_path)
    beton = Beton(pack(samples, tmp_path / "x.beton", mode="jpg", quality=80, progress=False).path)
    for index in (0, 1, 3, 5):
        out = io.BytesIO()
        Image.fromarray(decode_rgb(samples.read(index))).save(out, "JPEG", quality=80)
        assert np.array_equal(decode_rgb(beton.read(index)), decode_rgb(out.getvalue()))


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"max_size": 40}, [(40, 60), (60, 40), (20, 30)]),
        ({"max_side": 40}, [(27, 40), (40, 27), (20, 30)]),
        ({"max_size": 40, "max_side": 50}, [(33, 50), (50, 33), (20, 30)]),
        ({"max_size": 1000}, [(80, 120), (120, 80), (20, 30)]),
    ],
)
def test_sides_are_bounded(bounds, expected, tmp_path):
    pixels = [smooth_picture(*sides, 0) for sides in ((80, 120), (120, 80), (20, 30))]
    samples = Samples([encode(p, "PNG") for p in pixels])
    report = pack(samples, tmp_path / "x.beton", mode="raw", progress=False, **bounds)
    for index, (height, width) in enumerate(expected):
        got = decode_rgb(Beton(report.path).read(index))
        assert got.shape == (height, width, 3)
        want = Image.fromarray(pixels[index]).resize((width, height), Image.Resampling.LANCZOS)
        assert np.array_equal(got, np.asarray(want))


TARGETS = [
    np.array([3, 1, 2]),
    np.array([3, 1, 200], np.uint8),
    np.array([True, False, True]),
    np.array([2**64 - 1, 0, 5], np.uint64),
    np.array([0.5, -1.25, 3], np.float32),
    np.array([0.1, 0.2, 0.3]),
    np.arange(15, dtype=np.float32).reshape(3, 5) / 7,
    np.arange(6, dtype=">i4").reshape(3, 1, 2),
]


@pytest.mark.parametrize("targets", TARGETS, ids=lambda t: f"{t.dtype}{list(t.shape)}")
def test_targets_are_kept(targets, tmp_path):
    samples = Samples([jpeg(8, 9)] * 3, targets)
    beton = Beton(pack(samples, tmp_path / "x.beton", progress=False).path)
    assert np.array_equal(beton.targets, targets)
    assert beton.targets.dtype == targets.dtype.newbyteorder("=")


def test_classes_are_kept(tmp_path):
    samples = Samples([jpeg(8, 9)] * 3, [1, 0, 1], classes=["x", "ü"])
    assert Beton(pack(samples, tmp_path / "x.beton", progress=False).path).classes == ["x", "ü"]


def test_a_folder(picture_folder, tmp_path):
    beton = Beton(pack(picture_folder, tmp_path / "x.beton", progress=False).path)
    samples = scan_folder(picture_folder)
    assert beton.classes == samples.classes
    assert [beton.read(i) for i in range(len(beton))] == [
        samples.read(i) for i in range(len(samples))
    ]


def test_thread_counts_change_nothing(picture_folder, tmp_path):
    for workers in (1, 4):
        pack(picture_folder, tmp_path / f"{workers}", mode="jpg", workers=workers, progress=False)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "4").read_bytes()


def test_what_cannot_be_asked_for(tmp_path):
    samples, dst = Samples([jpeg(8, 8)]), tmp_path / "x.beton"
    with pytest.raises(UnknownNameError, match="source, jpg, raw"):
        pack(samples, dst, mode="png")
    for bad in ({"max_size": 8}, {"max_side": 8}):
        with pytest.raises(ValueError, match="as they are"):
            pack(samples, dst, **bad)
    for bad in ({"max_size": 0, "mode": "raw"}, {"quality": 0}, {"quality": 101}, {"workers": 0}):
        with pytest.raises(ValueError, match=r"must"):
            pack(samples, dst, **bad)
    with pytest.raises(DataError, match="does not exist"):
        pack(tmp_path / "nowhere", dst)
    with pytest.raises(DataError, match="nowhere does not exist"):
        pack(samples, tmp_path / "nowhere" / "x.beton")
    with pytest.raises(DataError, match="is a folder"):
        pack(samples, tmp_path)
    wide = Samples([encode(np.zeros((1, 70_000, 3), np.uint8), "PNG")])
    with pytest.raises(DataError, match="70000 x 1: FFCV keeps sides up to 65535"):
        pack(wide, dst, mode="raw")
    assert os.listdir(tmp_path) == []


class Interrupted(Samples):
    """Samples whose reading is broken off, as by Ctrl-C."""

    def read(self, index):
        if index == 20:
            raise KeyboardInterrupt
        return super().read(index)


def test_an_interrupted_run_leaves_nothing(tmp_path):
    samples, dst = Interrupted([jpeg(20, 20, seed=i) for i in range(30)]), tmp_path / "x.beton"
    with pytest.raises(KeyboardInterrupt):
        pack(samples, dst, progress=False, workers=2)
    assert os.listdir(tmp_path) == []
    dst.write_bytes(b"what was there")
    with pytest.raises(KeyboardInterrupt):
        pack(samples, dst, progress=False, workers=2)
    assert dst.read_bytes() == b"what was there"
    assert os.listdir(tmp_path) == ["x.beton"]


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path):
    script = f"""
        import time
        from fasttricks.data import Samples
        from fasttricks.pipelines.beton.pack import pack

        class Slow(Samples):
            def read(self, index):
                time.sleep(60 if index else 0)
                return b"x"

        pack(Slow([b"x"] * 5), {str(tmp_path / "x.beton")!r}, workers=1, progress=False)
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    deadline = time.monotonic() + 60
    while not os.listdir(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".part")
    pack(Samples([jpeg(8, 8)]), tmp_path / "x.beton", progress=False)
    assert os.listdir(tmp_path) == ["x.beton"]


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"cannot write .*x\.beton: No space left on device"):
        pack(Samples([jpeg(8, 8)]), tmp_path / "x.beton", progress=False)
    assert os.listdir(tmp_path) == []
