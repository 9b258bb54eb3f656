import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, JpegImagePlugin

from fasttricks.data import synthetic
from fasttricks.data.imagenet_like import Spec, draw_spec
from fasttricks.data.synthetic import MANIFEST, encode_synthetic, make_synthetic
from fasttricks.errors import DataError


def contents(root):
    paths = sorted(path for path in root.rglob("*.jpg"))
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).digest() for p in paths}


@pytest.fixture
def tiny(monkeypatch):
    """Counts the files encoded, and makes encoding nearly free."""
    calls = []

    def encode(seed, index):
        calls.append(index)
        return b"%d %d" % (seed, index)

    monkeypatch.setattr(synthetic, "encode_synthetic", encode)
    return calls


# ------------------------------------------------------------------------------------ the files


def test_files_are_what_their_specs_say():
    for index in range(24):
        spec = draw_spec(0, index)
        with Image.open(io.BytesIO(encode_synthetic(0, index))) as picture:
            assert picture.size == (spec.width, spec.height)
            assert picture.mode == ("L" if spec.layout == "grey" else "RGB")
            sampling = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2, "grey": -1}[spec.layout]
            if spec.layout != "grey":
                assert JpegImagePlugin.get_sampling(picture) == sampling
            picture.load()


@pytest.mark.parametrize("layout", ["4:4:4", "4:2:2", "4:2:0", "grey"])
def test_layouts_and_colours_survive(layout, monkeypatch):
    spec = Spec(width=61, height=43, layout=layout, quality=100, busyness=3.0)
    monkeypatch.setattr(synthetic, "draw_spec", lambda seed, index: spec)
    with Image.open(io.BytesIO(encode_synthetic(0, 5))) as picture:
        picture.draft("YCbCr" if layout != "grey" else "L", None)
        decoded = np.asarray(picture.convert("YCbCr"))[..., 0].astype(int)
    rng = np.random.default_rng((synthetic._SCENE_STREAM, 0, 5))
    luma = synthetic.draw_scene(rng, 43, 61, 3, 3.0)[..., 0]
    assert np.abs(decoded - luma).max() <= 3  # quality 100: rounding of DCT and pixels only


def test_busy_pictures_do_not_overflow_the_encoder(monkeypatch):
    """At quality < 95 PIL gives libjpeg one byte a pixel; more than that failed."""
    spec = Spec(width=400, height=300, layout="4:4:4", quality=94, busyness=400.0)
    monkeypatch.setattr(synthetic, "draw_spec", lambda seed, index: spec)
    before = ImageFile.MAXBLOCK
    assert len(encode_synthetic(0, 0)) > 400 * 300
    assert before == ImageFile.MAXBLOCK


def bytes_per_pixel(count, encode=encode_synthetic):
    specs = [draw_spec(0, index) for index in range(count)]
    return np.array([len(encode(0, i)) / (s.width * s.height) for i, s in enumerate(specs)])


def test_bytes_per_pixel_as_in_imagenet(shared, monkeypatch):
    paths = sorted(shared("imagenet-sample").glob("*/*.JPEG"))
    real = []
    for path in paths:
        with Image.open(path) as picture:
            real.append(path.stat().st_size / (picture.width * picture.height))
    made = bytes_per_pixel(120)
    band = 3 * (np.var(real) / len(real) + made.var() / len(made)) ** 0.5
    assert abs(made.mean() - np.mean(real)) < band

    def noise(rng, height, width, channels, busyness):
        return (
            rng.normal(128, 2 * busyness, (height, width, channels)).clip(0, 255).astype(np.uint8)
        )

    monkeypatch.setattr(synthetic, "draw_scene", noise)
    assert abs(bytes_per_pixel(40).mean() - np.mean(real)) > 2 * band  # so noise would not pass


# ------------------------------------------------------------------------------------ the folder


def test_same_files_whatever_the_workers_and_the_count(tmp_path):
    one = make_synthetic(tmp_path / "one", count=24, classes=5, workers=1)
    three = make_synthetic(tmp_path / "three", count=24, classes=5, workers=3)
    assert contents(one) == contents(three)
    assert sorted(p.name for p in one.iterdir()) == [
        *(f"class_{c:03d}" for c in range(5)),
        MANIFEST,
    ]
    assert [p.name for p in sorted((one / "class_003").iterdir())] == [
        f"img_{i:06d}.jpg" for i in range(3, 24, 5)
    ]
    few = make_synthetic(tmp_path / "few", count=7, classes=5, workers=1)
    assert contents(few).items() <= contents(one).items()
    other = make_synthetic(tmp_path / "other", count=7, classes=5, workers=1, seed=1)
    assert not set(contents(other).values()) & set(contents(one).values())


def test_made_once_in_the_cache(tmp_path, monkeypatch, tiny):
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path))
    root = make_synthetic(count=9, classes=2, seed=4, workers=1)
    assert root == tmp_path / "synthetic" / f"v{synthetic.FORMAT}-n9-c2-s4"
    assert sorted(tiny) == list(range(9))
    assert make_synthetic(count=9, classes=2, seed=4) == root
    assert len(tiny) == 9
    assert make_synthetic(count=9, classes=2, seed=5, workers=1) != root
    assert len(tiny) == 18


def test_fewer_files_than_classes(tmp_path, tiny):
    root = make_synthetic(tmp_path / "set", count=3, classes=10, workers=1)
    assert len([p for p in root.iterdir() if p.is_dir()]) == 3


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_interrupted_leaves_nothing(tmp_path, monkeypatch, stop):
    def encode(seed, index):
        if index == 5:
            raise stop
        return b"x"

    monkeypatch.setattr(synthetic, "encode_synthetic", encode)
    with pytest.raises(DataError if stop is OSError else stop):
        make_synthetic(tmp_path / "set", count=9, workers=1)
    assert list(tmp_path.iterdir()) == []


def test_two_at_the_same_time(tmp_path, monkeypatch):
    """The second starts and ends while the first is half way; the second's files stay."""
    root, nested = tmp_path / "set", []

    def encode(seed, index):
        if index == 5 and not nested:
            nested.append(index)
            make_synthetic(root, count=9, workers=1)
            nested.append(os.stat(root).st_ino)
        return b"x"

    monkeypatch.setattr(synthetic, "encode_synthetic", encode)
    assert make_synthetic(root, count=9, workers=1) == root
    assert nested == [5, os.stat(root).st_ino]
    assert len(contents(root)) == 9
    assert list(tmp_path.iterdir()) == [root]


def test_other_folders_are_not_taken_nor_touched(tmp_path, tiny):
    root = make_synthetic(tmp_path / "set", count=4, classes=2, workers=1)
    with pytest.raises(DataError, match="other synthetic pictures"):
        make_synthetic(root, count=5, classes=2, workers=1)
    (root / "class_001" / "img_000003.jpg").unlink()
    with pytest.raises(DataError, match="3 of its 4"):
        make_synthetic(root, count=4, classes=2, workers=1)
    (root / MANIFEST).unlink()  # what a copy cut short looks like
    with pytest.raises(DataError, match="not a set of synthetic"):
        make_synthetic(root, count=4, classes=2, workers=1)
    assert len(contents(root)) == 3


def test_old_format_is_not_reused(tmp_path, monkeypatch, tiny):
    root = make_synthetic(tmp_path / "set", count=4, workers=1)
    assert json.loads((root / MANIFEST).read_text())["format"] == synthetic.FORMAT
    monkeypatch.setattr(synthetic, "FORMAT", synthetic.FORMAT + 1)
    with pytest.raises(DataError, match="other synthetic pictures"):
        make_synthetic(root, count=4, workers=1)


def test_empty_folder_is_filled(tmp_path, tiny):
    (tmp_path / "set").mkdir()
    assert len(contents(make_synthetic(tmp_path / "set", count=4, workers=1))) == 4


def test_unusable_path_is_one_clear_error(tmp_path, tiny):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write"):
        make_synthetic(tmp_path / "file" / "set", count=4, workers=1)
    with pytest.raises(DataError, match="not a set"):
        make_synthetic(tmp_path / "file", count=4, workers=1)


@pytest.mark.parametrize("bad", [{"count": 0}, {"classes": 0}, {"seed": -1}, {"workers": 0}])
def test_bad_numbers(tmp_path, bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        make_synthetic(tmp_path / "set", **bad)


# --------------------------------------------------------------------------------- the processes


def start(root, count):
    code = (
        "from pathlib import Path; from fasttricks.data.synthetic import make_synthetic; "
        f"make_synthetic(Path({str(root)!r}), count={count}, workers=2)"
    )
    repository = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=repository, start_new_session=True, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not any(root.parent.glob(".set.*.tmp/class_*/*.jpg")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def group_is_gone(group, patience_s=20.0):
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_half_way(tmp_path, how):
    """Ctrl-C goes to the whole group and cleans up; kill -9 of the parent leaves no workers."""
    root = tmp_path / "set"
    process = start(root, count=100_000)
    (os.killpg if how is signal.SIGINT else os.kill)(process.pid, how)
    assert process.wait(30) != 0
    assert group_is_gone(process.pid)
    # One traceback from the parent's Ctrl-C, none from workers.
    assert process.stderr.read().count(b"Traceback") == (1 if how is signal.SIGINT else 0)
    process.stderr.close()
    assert not root.exists()
    if how is signal.SIGINT:
        assert list(tmp_path.iterdir()) == []
    shutil.rmtree(tmp_path)


def test_worker_killed_is_an_error_not_a_hang(tmp_path):
    root = tmp_path / "set"
    process = start(root, count=100_000)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [c for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]
    assert len(workers) == 2
    os.kill(int(workers[0]), signal.SIGKILL)
    assert process.wait(30) == 1
    assert b"a worker that writes synthetic pictures died" in process.stderr.read()
    process.stderr.close()
    assert list(tmp_path.iterdir()) == []


def test_error_in_a_worker_names_the_cause(tmp_path, monkeypatch):
    root = tmp_path / "set"
    real_mkdir = Path.mkdir

    def mkdir(self, *args, **options):  # one class folder is missing
        if self.name != "class_001":
            real_mkdir(self, *args, **options)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(DataError, match=r"No such file.*class_001"):
        make_synthetic(root, count=8, classes=4, workers=2)
    assert list(tmp_path.iterdir()) == []


def test_import_is_light():
    code = (
        "import sys, fasttricks.data.synthetic; print(*sorted({'torch', 'numba'} & {*sys.modules}))"
    )
    repository = Path(__file__).resolve().parents[2]
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []
