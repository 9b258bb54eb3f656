"""Throw damaged JPEGs, and damaged indexes of good ones, at the kernels that cut and decode boxes.

    python -m fasttricks.bench.fuzz_cut [--count 1000000] [--seed 0] [--data PICTURES]

The kernels are compiled with `NUMBA_BOUNDSCHECK=1`, so that access outside any array is an error,
and work in arrays of the smallest size that they ask for, with guard bytes around. What must hold:
nothing is raised, no guard byte changes, no call takes long, and where a damaged file can still be
cut or decoded, the pixels are those of the whole file, which shows that its data were read as
libjpeg reads them. The first failure ends the run and is written to a file.
"""

from __future__ import annotations

import faulthandler
import io
import json
import os
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro
from PIL import Image

from fasttricks.cache import cache_dir

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GUARD = 64
_LONGEST_S = 20.0  # for one file; a hundred times what any takes
_LARGEST = 30_000  # bytes of a file that is worth damaging
_COMPARED = 0.1  # share of cuts whose pixels are compared


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to run."""

    count: int = 1_000_000
    """Damaged files and indexes."""
    seed: int = 0
    data: Path | None = None
    """Small JPEG files in this folder are damaged too."""
    failure: Path = Path("fuzz-failure.jpg")
    """Where the file goes that something failed on."""


def main(config: Config) -> dict[str, int]:
    """Run, and give what happened how often.

    Raises:
        Exception: whatever a kernel raised; AssertionError if something does not hold.
    """
    check_that_bounds_are_checked()
    faulthandler.enable()  # a crash says where
    warnings.simplefilter("ignore")  # PIL's, about damaged metadata
    rng = random.Random(config.seed)
    files = [*made_files(), *(small_files(config.data) if config.data else [])]
    attempt(random.Random(0), files[0], damage_index=False)  # compiles
    counts: Counter[str] = Counter()
    begin = time.monotonic()
    for number in range(config.count):
        data = rng.choice(files)
        damage_index = rng.random() < 0.3
        if not damage_index:
            data = damaged(rng, data)
        faulthandler.dump_traceback_later(_LONGEST_S, exit=True)
        try:
            counts.update(attempt(rng, data, damage_index))
        except BaseException:
            config.failure.write_bytes(data)
            print(f"number {number} of seed {config.seed} failed: {config.failure}", flush=True)
            raise
        if number % 10_000 == 9_999:
            rate = (number + 1) / (time.monotonic() - begin)
            print(f"{number + 1} done, {rate:.0f} a second, {dict(counts)}", flush=True)
    faulthandler.cancel_dump_traceback_later()
    # Only where a damaged Huffman table has no room for the codes that a cut needs.
    assert counts["without a code"] <= 0.01 * counts["cut"] + 10, "too many boxes were refused"
    return dict(counts)


def check_that_bounds_are_checked() -> None:
    """Raise RuntimeError if kernels do not notice an index outside its array."""
    from fasttricks.kernels.jpeg.bits import unstuff

    try:
        unstuff(np.zeros(20, np.uint8), 0, 20, np.zeros(30, np.uint8)[:5], 0)
    except IndexError:
        return
    raise RuntimeError("kernels are not compiled with NUMBA_BOUNDSCHECK=1; run this as a program")


def made_files() -> list[bytes]:
    """Small pictures in all the ways that PIL can write."""
    rng = np.random.default_rng(0)
    files = []
    options: list[dict[str, Any]] = [
        {"subsampling": 0},
        {"subsampling": 1},
        {"subsampling": 2},
        {"optimize": True, "quality": 30},
        {"restart_marker_blocks": 2},
        {"restart_marker_rows": 1, "subsampling": 0},
        {"progressive": True},
    ]
    for option in options:
        for mode in ("RGB", "L", "CMYK"):
            height, width = (int(x) for x in rng.integers(1, 70, 2))
            shape = (height // 5 + 1, width // 5 + 1, len(Image.new(mode, (1, 1)).getbands()))
            coarse = rng.integers(0, 256, shape).astype(np.uint8)
            picture = Image.fromarray(coarse.squeeze(2) if mode == "L" else coarse, mode)
            out = io.BytesIO()
            picture.resize((width, height)).save(out, "JPEG", **{"quality": 85, **option})
            files.append(out.getvalue())
    return files


def small_files(folder: Path) -> list[bytes]:
    """The JPEG files in a folder that are small."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    return [p.read_bytes() for p in paths if 20 <= p.stat().st_size <= _LARGEST]


def damaged(rng: random.Random, data: bytes) -> bytes:
    """A few bytes flipped, cut out, put in, or copied about; or the end cut off."""
    out = bytearray(data)
    header = max(data.find(b"\xff\xda"), 2)
    for _ in range(rng.choice((1, 1, 2, 4, 12))):
        low, high = (0, header + 14) if rng.random() < 0.4 else (header, len(out))
        at = min(rng.randrange(low, max(high, low + 1)), len(out) - 1)
        action = rng.randrange(7)
        if action == 0:
            out[at] = rng.choice((0, 1, 0x11, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)))
        elif action == 1:
            out[at] ^= 1 << rng.randrange(8)
        elif action == 2:
            out[at : at + 2] = bytes((0xFF, rng.choice((0, 0xD0, 0xD7, 0xD9, 0xDA, 0xFF, 0xC4))))
        elif action == 3:
            del out[at : at + rng.choice((1, 2, 5, 100))]
        elif action == 4:
            out[at:at] = rng.randbytes(rng.choice((1, 2, 8, 60)))
        elif action == 5:
            other, size = rng.randrange(len(out)), rng.choice((2, 16, 120))
            out[at : at + size] = out[other : other + size]
        else:
            out[at : at + 60] = b"\xff" * rng.choice((1, 2, 60))
        if len(out) < 8:
            break
    if rng.random() < 0.05:
        del out[rng.randrange(len(out)) :]
    return bytes(out)


def attempt(rng: random.Random, data: bytes, damage_index: bool) -> list[str]:
    """Index one file and cut boxes out of it; what happened."""
    from fasttricks.kernels.jpeg.cut import cut, cut_bound, workspace_bytes
    from fasttricks.kernels.jpeg.decode import decode, workspace_bound
    from fasttricks.kernels.jpeg.planes import SPILL
    from fasttricks.kernels.jpeg.seek import FRAME, SEEK, inspect, seek_points

    array = np.frombuffer(data, np.uint8)
    frames, points = Guarded(FRAME, 1), Guarded(SEEK, 0)
    frame = frames.array[0]
    count = inspect(array, rng.choice((1, 256, 768, 10**9)), frame)
    assert count <= 4 * len(data) + 1, "more points than there can be"
    if count:
        points = Guarded(SEEK, count)
        count = 0 if seek_points(array, frame, points.array) else count
    if not count:
        frames.check()
        points.check()
        return [f"status {frame['status']}"]
    height, width = int(frame["height"]), int(frame["width"])
    out, workspace = Guarded("u1", cut_bound(frame)), Guarded("u1", workspace_bytes(frame))
    pixels, room = Guarded("u1", 3 * height * width + SPILL), Guarded("u1", workspace_bound(frame))
    happened = ["indexed"]
    if damage_index:
        spoil(rng, frame, points.array)
    stored = np.frombuffer(points.array.tobytes(), SEEK)
    for _ in range(3):
        box = random_box(rng, height, width)
        size, *part = cut(array, frame, stored, *box, out.array, workspace.array)
        happened.append("cut" if size else "refused" if damage_index else "without a code")
        if size and not damage_index and rng.random() < _COMPARED:
            happened.append(compare(data, in_colour(out.array[:size].tobytes()), box, part))
        done = decode(array, frame, stored, *box, pixels.array, room.array)
        happened.append("decoded" if done else "not decoded")
        if done and not damage_index and rng.random() < _COMPARED:
            h, w = box[2:]
            happened.append(compare(data, pixels.array[: 3 * h * w].reshape(h, w, 3), box, box))
    for guarded in (frames, points, out, workspace, pixels, room):
        guarded.check()
    return happened


class Guarded:
    """An array of any content with guard bytes around it."""

    def __init__(self, dtype: Any, count: int) -> None:
        size = np.dtype(dtype).itemsize * count
        self._memory = np.full(size + 2 * _GUARD, 0xC3, np.uint8)
        self.array: NDArray[Any] = self._memory[_GUARD : _GUARD + size].view(dtype)

    def check(self) -> None:
        """Assert that the guard bytes are as they were."""
        before, behind = self._memory[:_GUARD], self._memory[-_GUARD:]
        assert set(before.tolist() + behind.tolist()) == {0xC3}, "a guard byte has changed"


def spoil(rng: random.Random, frame: Any, points: NDArray[Any]) -> None:
    """Damage an index: members of the frame, or points."""
    if rng.random() < 0.3:
        name = rng.choice(frame.dtype.names)
        most = np.iinfo(frame[name].dtype).max
        frame[name] = rng.choice((0, 1, most, rng.randrange(most), int(frame[name]) ^ 1))
    for _ in range(rng.choice((1, 1, 3, 20))):
        at = rng.randrange(len(points))
        state = int(points["state"][at])
        points["state"][at] = rng.choice(
            (
                0,
                2**64 - 1,
                rng.randrange(2**64),
                state ^ 1 << rng.randrange(64),
                max(state - rng.randrange(1, 100), 0),
                int(points["state"][rng.randrange(len(points))]),
            )
        )


def random_box(rng: random.Random, height: int, width: int) -> tuple[int, int, int, int]:
    """Any box inside the picture."""
    h, w = rng.randint(1, height), rng.randint(1, width)
    return rng.randint(0, height - h), rng.randint(0, width - w), h, w


def in_colour(data: bytes) -> NDArray[np.uint8]:
    """The pixels as PIL decodes them."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def compare(data: bytes, pixels: NDArray[np.uint8], box: Sequence[int], part: Sequence[int]) -> str:
    """Whether the pixels of a part, which holds a box, are those of the file, if PIL decodes it."""
    try:
        whole = in_colour(data)
    except Exception:  # PIL raises errors of many kinds
        return "whole not decodable"
    (top, left, h, w), (top0, left0, height0, width0) = box, part
    assert pixels.shape[:2] == (height0, width0), "the part has another size"
    here = pixels[top - top0 :, left - left0 :][:h, :w]
    assert np.array_equal(here, whole[top : top + h, left : left + w]), "pixels differ"
    return "compared"


def checked_environment() -> dict[str, str]:
    """Environment variables for a process whose kernels check bounds.

    numba reads them when it is imported. Its cache does not tell such code from other code, so it
    gets a folder of its own.
    """
    own_cache = str(cache_dir() / "boundscheck")
    return {**os.environ, "NUMBA_BOUNDSCHECK": "1", "FASTTRICKS_CACHE": own_cache}


if __name__ == "__main__":
    if os.environ.get("NUMBA_BOUNDSCHECK") != "1":
        arguments = [sys.executable, "-m", "fasttricks.bench.fuzz_cut", *sys.argv[1:]]
        os.execve(sys.executable, arguments, checked_environment())
    print(json.dumps(main(tyro.cli(Config, description=__doc__)), sort_keys=True))
