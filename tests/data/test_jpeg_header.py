"""The walk over a JPEG's markers: what it reports, and that hostile bytes cannot lead it astray."""

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasttricks.data.jpeg_frame import (
    CUT_SHORT,
    NO_END,
    NO_PICTURE,
    NOT_JPEG,
    ODD_MARKER,
    ODD_PROCESS,
    ODD_RESTARTS,
    PLAIN,
    REASONS,
    STRAY_BYTES,
)
from fasttricks.data.jpeg_header import _find_marker, walk
from tests.data.jpeg_surgery import (
    APP1,
    APP13,
    COM,
    exif,
    mutated,
    patched,
    scan_start,
    segment,
    with_first,
)
from tests.pictures import jpeg

REPOSITORY = Path(__file__).resolve().parents[2]


def examine(data):
    return walk(np.frombuffer(bytes(data), np.uint8))


def fault(data):
    return examine(data)[0]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"channels": 1},
        {"progressive": True},
        {"progressive": True, "channels": 1},
        {"subsampling": 0},
        {"subsampling": 1},
        {"optimize": True},
        {"quality": 100},
        {"quality": 1},
        {"restart_marker_blocks": 3},
        {"restart_marker_rows": 1, "progressive": True},
        {"comment": b"a comment"},
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [(1, 1), (8, 16), (33, 65), (120, 161)])
def test_ordinary_files(options, size):
    components, progressive = options.get("channels", 3), options.get("progressive", False)
    found = examine(jpeg(*size, **options))
    assert found == (PLAIN, 0, *size, components, progressive, 1)


def test_no_prefix_of_a_file_passes():
    for options in ({}, {"progressive": True}, {"restart_marker_blocks": 1}):
        whole = jpeg(24, 40, **options)
        faults = {fault(whole[:n]) for n in range(len(whole))}
        assert PLAIN not in faults
        assert faults <= {NOT_JPEG, CUT_SHORT, NO_END}


def test_the_end_of_a_thumbnail_is_not_the_end():
    thumbnail = jpeg(8, 8)
    assert thumbnail.endswith(b"\xff\xd9")
    whole = with_first(jpeg(64, 64), APP1, b"Exif\0\0MM\0*" + thumbnail)
    assert fault(whole) == PLAIN
    for cut in (1, 2, 3, 100):
        assert fault(whole[:-cut]) == NO_END


def test_what_follows_the_end_does_not_matter():
    for tail in (b"\0", b"\xff", b"\xff\xd8\xff" + bytes(1000), jpeg(8, 8)):
        assert fault(jpeg() + tail) == PLAIN


def test_bytes_between_segments():
    whole, comment = jpeg(), segment(COM, b"x")
    assert fault(whole[:2] + b"\xff\xff\xff" + whole[2:]) == PLAIN  # fill bytes
    assert fault(whole[:-2] + b"\xff\xff" + whole[-2:]) == PLAIN
    assert fault(with_first(whole, COM, b"x")) == PLAIN
    assert fault(whole[:2] + comment + b"x" + whole[2:]) == STRAY_BYTES
    assert fault(b"\xff\xd8\xff\xd9") == NO_PICTURE
    assert fault(whole[:2] + b"\xff\x01" + whole[2:]) == ODD_MARKER
    assert fault(whole[:2] + b"\xff\xd0" + whole[2:]) == ODD_MARKER
    assert fault(whole[:2] + segment(0xDC, b"\0\1") + whole[2:]) == ODD_MARKER  # DNL
    assert fault(whole[:2] + segment(0xCC, b"") + whole[2:]) == ODD_PROCESS  # DAC


def test_lengths_that_cannot_be():
    whole = jpeg()
    for length in (0, 1, 0xFFFF):
        damaged = whole[:2] + b"\xff\xfe" + length.to_bytes(2, "big") + whole[2:]
        assert fault(damaged) == CUT_SHORT


def test_markers_that_damage_has_made():
    whole = jpeg(200, 300)
    start = scan_start(whole)
    for marker in (b"\xff\x01", b"\xff\xc4", b"\xff\xd8", b"\xff\xda", b"\xff\xd3", b"\xff\xff\0"):
        for offset in (0, 1, 126, 127, 128, 129, 255, 256, 1000, len(whole) - start - 6):
            pos = start + offset
            if whole[pos - 1] != 0xFF and 0xFF not in whole[pos : pos + 4]:
                assert fault(patched(whole, pos, marker)) != PLAIN, (marker, offset)


def test_restart_markers_are_counted_in_order():
    whole = jpeg(64, 64, restart_marker_blocks=1)  # 16 MCUs of 16 x 16
    at = [i for i in range(scan_start(whole), len(whole) - 1) if whole[i : i + 2] == b"\xff\xd2"]
    assert len(at) == 2
    assert fault(whole) == PLAIN
    assert fault(patched(whole, at[0] + 1, 0xD3)) == ODD_RESTARTS
    assert fault(whole[: at[0]] + whole[at[0] + 2 :]) == ODD_RESTARTS
    assert fault(whole[:-2] + b"\xff\xd7" + whole[-2:]) == ODD_RESTARTS
    assert fault(whole[: at[1]] + whole[-2:]) == ODD_RESTARTS
    assert fault(jpeg(64, 64)[:-2] + b"\xff\xd0\xff\xd9") == ODD_RESTARTS


def test_search_for_markers_against_a_plain_loop():
    rng = np.random.default_rng(0)
    for _ in range(400):
        size = int(rng.choice((0, 1, 2, 127, 128, 129, 130, 255, 256, 257, 258, 300, 515)))
        data = rng.choice(np.array([0, 7, 255], np.uint8), size, p=(0.6, 0.38, 0.02))
        start = int(rng.integers(0, size + 1))
        hits = (
            i for i in range(start, size) if data[i] == 255 and (i + 1 == size or data[i + 1] != 0)
        )
        data.flags.writeable = False
        assert _find_marker(data, start) == next(hits, size)


BASES = [jpeg(40, 56), jpeg(40, 56, progressive=True), jpeg(17, 33, restart_marker_blocks=2)]


@st.composite
def damaged_files(draw):
    data = bytearray(draw(st.sampled_from(BASES)))
    for _ in range(draw(st.integers(1, 5))):
        pos = draw(st.integers(0, len(data)))
        cut = draw(st.integers(0, 20))
        data[pos : pos + cut] = draw(
            st.binary(max_size=20) | st.just(b"\xff") | st.just(b"\xff\xc4")
        )
    return bytes(data)


@settings(deadline=None, max_examples=300)
@given(data=damaged_files() | st.binary(max_size=200).map(lambda tail: b"\xff\xd8\xff" + tail))
def test_nothing_outside_the_file_is_read(data):
    """What lies around the buffer in memory must not change the answer."""
    found = examine(data)
    assert found[0] in REASONS
    for filler in (0x00, 0xFF, 0xD9):
        around = np.full(len(data) + 600, filler, np.uint8)
        around[300:-300] = np.frombuffer(data, np.uint8)
        around.flags.writeable = False
        assert walk(around[300:-300]) == found


def hostile_files():
    """Files that end within or right behind each thing that is read, and thousands damaged."""
    for base in (BASES[0], jpeg(90, 90, progressive=True)):
        yield from (base[:n] for n in range(len(base)))
    scan = BASES[0][: scan_start(BASES[0])]
    yield from (scan + bytes(n) + b"\xff" for n in range(300))
    photoshop = b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\2ab" + b"8BIM\4\4\3abc\0\0\0\1x\0"
    for offset in range(4, 40):
        body = exif([(0x0112, 3, 1, b"\6\0\0\0"), (0x011A, 5, 1, bytes(4))], offset=offset)
        yield from (b"\xff\xd8" + segment(APP1, body[:n]) for n in range(len(body)))
    yield from (b"\xff\xd8" + segment(APP13, photoshop[:n]) for n in range(len(photoshop)))
    rng = random.Random(0)
    for i in range(8000):
        yield mutated(rng, BASES[i % len(BASES)])
        yield b"\xff\xd8\xff" + rng.randbytes(i % 99)


def test_every_index_is_inside_the_file(tmp_path):
    """The walk over hostile files with numba's own bounds checks compiled in."""
    script = """
import numpy as np
from fasttricks.data.jpeg_header import walk
from fasttricks.kernels.jit import kernel
from tests.data.test_jpeg_header import hostile_files

@kernel
def behind_the_end(data):
    return data[len(data)]

try:
    behind_the_end(np.zeros(3, np.uint8))
    raise SystemExit("bounds are not checked, so this test shows nothing")
except IndexError:
    pass
for data in hostile_files():
    walk(np.frombuffer(data, np.uint8))
"""
    file = tmp_path / "check.py"  # numba caches only what has a file
    file.write_text(script)
    environment = {
        **os.environ,
        "NUMBA_BOUNDSCHECK": "1",
        "FASTTRICKS_CACHE": str(tmp_path),
        "PYTHONPATH": str(REPOSITORY),
    }
    done = subprocess.run(
        [sys.executable, str(file)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
