"""Keys: readable where they can be, unique always, one for WebDataset's way of cutting names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasttricks.pack.keys import ending_by_content, ending_of, unique_keys
from tests.pictures import encode, jpeg, smooth_picture


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (["n01440764/n01440764_10026.JPEG"], ["n01440764/n01440764_10026"]),
        (["a b/ü.jpg", "a-b/c_d.jpg"], ["a%20b/%C3%BC", "a-b/c_d"]),
        (["v1.2/x.y.jpg"], ["v1%2E2/x%2Ey"]),
        (["a.jpg", "a.png"], ["a", "a%2Epng"]),
        (["a.jpg", "a.png", "a.png.jpg"], ["a", "a%2Epng", "a%2Epng%2Ejpg"]),
        (["a.png.jpg", "a.jpg", "a.png"], ["a%2Epng", "a", "a%2Epng%2E2"]),
        (["a.jpg"] * 4, ["a", "a%2Ejpg", "a%2Ejpg%2E2", "a%2Ejpg%2E3"]),
        (["50%.jpg", "50%25.jpg"], ["50%25", "50%2525"]),
        (["../up.jpg", "~x.jpg"], ["%2E%2E/up", "%7Ex"]),
        (["no_ending", "d.e/no_ending"], ["no_ending", "d%2Ee/no_ending"]),
    ],
)
def test_keys(names, keys):
    assert list(unique_keys(name.encode() for name in names)) == keys


def test_bytes_that_are_no_text():
    assert list(unique_keys([b"\xff\x00/\xfe.jpg"])) == ["%FF%00/%FE"]


PARTS = st.lists(st.sampled_from([b"a", b"b", b".", b"/", b"2", b"%", b"E", b"jpg"]), max_size=6)


@given(st.lists(PARTS.map(b"".join), max_size=12))
def test_keys_are_unique_and_without_dots(names):
    keys = list(unique_keys(names))
    assert len(set(keys)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_/%-]*", key) for key in keys)


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        *((b"x.JPEG", "jpg"), (b"x.jpg", "jpg"), (b"x.jfif", "jpg"), (b"a.b/x.PNG", "png")),
        *((b"x.TIFF", "tif"), (b"a.b/x", ""), (b".hidden", ""), (b"x.a.webp", "webp")),
    ],
)
def test_endings(name, ending):
    assert ending_of(name) == ending


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_endings_by_content(format):
    data = encode(smooth_picture(8, 8, 0), format)
    assert ending_by_content(data) == {"JPEG": "jpg", "TIFF": "tif"}.get(format, format.lower())
    assert ending_by_content(b"") == ending_by_content(jpeg()[:2]) == "jpg"
