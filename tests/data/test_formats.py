import pytest

from fasttricks.data.formats import format_of, misnamed
from tests.pictures import encode, jpeg, smooth_picture

RGB = smooth_picture(8, 9, 0)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_formats_are_told_by_their_beginning(name):
    assert format_of(encode(RGB, name)) == name


@pytest.mark.parametrize("data", [b"", b"P", b"P9\n", b"text", b"RIFF1234WAVE", jpeg(8, 8)[1:]])
def test_anything_else_has_none(data):
    assert format_of(data) == ""


@pytest.mark.parametrize(
    ("name", "format", "expected"),
    [
        ("a/b.jpg", "PNG", "PNG named .jpg"),
        ("a/b.JPEG", "PPM", "PPM named .jpeg"),
        ("b.png", "JPEG", "JPEG named .png"),
        ("b.jpeg", "JPEG", ""),
        ("b.TIF", "TIFF", ""),
        ("b.pgm", "PPM", ""),
        ("sample 3", "PNG", ""),
    ],
)
def test_misnamed(name, format, expected):
    assert misnamed(name, encode(RGB, format)) == expected


def test_what_is_no_picture_is_not_called_misnamed():
    assert misnamed("a.jpg", b"text") == ""
