"""libturbojpeg called from numba code gives PIL's pixels."""

import ctypes
import io
import threading

import numpy as np
import pytest
from PIL import Image

from fasttricks.data.pixels import decode_rgb
from fasttricks.errors import DataError
from tests.pictures import jpeg, smooth_picture

try:
    from fasttricks.pipelines.decode import turbojpeg
except ImportError as error:
    pytest.skip(str(error), allow_module_level=True)

FAST_DCT = 2048


@pytest.mark.parametrize("sides", [(1, 1), (7, 33), (64, 48), (121, 163)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"channels": 1},
        {"progressive": True},
        {"subsampling": 0},
        {"subsampling": 1},
        {"quality": 15},
        {"quality": 100},
        {"restart_marker_blocks": 2},
    ],
    ids=str,
)
def test_decodes_to_pils_pixels(sides, options):
    data = jpeg(*sides, seed=3, **options)
    assert np.array_equal(turbojpeg.decode(data, *sides), decode_rgb(data))


def test_the_fast_dct_would_be_noticed():
    data = jpeg(121, 163, seed=3)
    pixels, handles = np.empty((121, 163, 3), np.uint8), turbojpeg.Handles(1)
    turbojpeg.library.tjDecompress2(
        ctypes.c_void_p(int(handles.addresses[0])),
        data,
        ctypes.c_ulong(len(data)),
        ctypes.c_void_p(pixels.ctypes.data),
        *(163, 0, 121, 0, FAST_DCT),
    )
    difference = pixels.astype(int) - decode_rgb(data)
    assert 0 < np.abs(difference).max() < 12


@pytest.mark.parametrize("cut", [0.05, 0.5, 0.95])
def test_a_file_cut_short_is_an_error(cut):
    data = jpeg(60, 80)
    with pytest.raises(DataError, match="libturbojpeg: "):
        turbojpeg.decode(data[: int(cut * len(data))], 60, 80)
    with pytest.raises(DataError, match="Not a JPEG file"):
        turbojpeg.decode(b"something else", 60, 80)


def test_a_picture_larger_than_said_stays_within_its_memory():
    data, handles = np.frombuffer(jpeg(64, 64), np.uint8), turbojpeg.Handles(1)
    memory = np.full(3 * 64 * 64, 7, np.uint8)
    turbojpeg.decompress(
        int(handles.addresses[0]), data.ctypes.data, data.size, memory.ctypes.data, 32, 32
    )
    assert (memory[3 * 32 * 32 :] == 7).all()


def test_threads_decode_at_once():
    files = [jpeg(90 + i, 110 - i, seed=i) for i in range(8)]
    expected = [decode_rgb(data) for data in files]
    handles, wrong = turbojpeg.Handles(4), []

    def work(worker):
        for _ in range(10):
            for data, want in zip(files, expected, strict=True):
                encoded, got = np.frombuffer(data, np.uint8), np.zeros_like(want)
                addresses = encoded.ctypes.data, encoded.size, got.ctypes.data
                turbojpeg.decompress(int(handles.addresses[worker]), *addresses, *want.shape[:2])
                if not np.array_equal(got, want):
                    wrong.append(worker)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_encodes_as_pil_does():
    pixels = smooth_picture(75, 93, 4)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    data = turbojpeg.encode(pixels, 90)
    assert np.array_equal(decode_rgb(data), decode_rgb(out.getvalue()))
    assert len(turbojpeg.encode(pixels, 30)) < len(data)
    assert np.array_equal(
        decode_rgb(turbojpeg.encode(pixels[::2, ::2], 90)),
        decode_rgb(turbojpeg.encode(pixels[::2, ::2].copy(), 90)),
    )


def test_what_cannot_be_encoded_is_an_error():
    with pytest.raises(DataError, match="libturbojpeg: "):
        turbojpeg.encode(np.zeros((1, 70_000, 3), np.uint8), 90)


def test_handles_are_freed_once():
    handles = turbojpeg.Handles(2)
    assert len(set(handles.addresses.tolist())) == 2
    handles.close()
    handles.close()


def test_stored_size_is_the_headers():
    for options in ({}, {"progressive": True}, {"channels": 1}):
        assert turbojpeg.stored_size(jpeg(31, 45, **options)) == (31, 45)
    for wrong in (b"", b"no JPEG", jpeg(31, 45)[:100]):
        with pytest.raises(DataError, match="libturbojpeg"):
            turbojpeg.stored_size(wrong)
