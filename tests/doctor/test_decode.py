import numpy as np
import pytest

from fasttricks.data.probe import Kind, probe_and_decode
from fasttricks.doctor import decode
from fasttricks.doctor.decode import decode_whole, decoder_name
from fasttricks.errors import DataError
from tests.data.jpeg_surgery import scan_start
from tests.pictures import encode, jpeg, smooth_picture


def whole(data):
    return decode_whole(data, *probe_and_decode(data))


def doubtful():
    """A JPEG whose data stop early but go on with the right markers: PIL decodes it."""
    data = jpeg(64, 64, seed=3)
    return data[: scan_start(data) + 200].rstrip(b"\xff") + b"\xff\xd9"


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"channels": 1}])
def test_plain_jpegs_are_decoded_by_libturbojpeg(options, monkeypatch):
    pytest.importorskip("fasttricks.pipelines.decode.turbojpeg", exc_type=ImportError)
    monkeypatch.setattr(decode, "decode_rgb", None)  # not to be used
    assert whole(jpeg(33, 47, **options)) == (33, 47, "")
    assert decoder_name() == "libturbojpeg"


def test_odd_pictures_and_machines_without_libturbojpeg_take_pil(monkeypatch):
    odd = encode(smooth_picture(20, 31, 0), "PNG")
    assert whole(odd) == (20, 31, "")
    monkeypatch.setattr(decode, "turbojpeg", None)
    assert whole(jpeg(33, 47)) == (33, 47, "")
    assert decoder_name() == "PIL"


def test_what_libturbojpeg_warns_of_is_decoded_by_pil_and_told():
    pytest.importorskip("fasttricks.pipelines.decode.turbojpeg", exc_type=ImportError)
    data = doubtful()
    assert probe_and_decode(data)[0].kind == Kind.PLAIN
    height, width, complaint = whole(data)
    assert (height, width) == (64, 64)
    assert "premature end" in complaint


def test_bad_ones_say_why():
    with pytest.raises(DataError, match="end-of-image"):
        whole(jpeg(64, 64)[:-100])


def test_what_fails_in_both_decoders_says_why(monkeypatch):
    """The probe looks at markers only; a decoder may still find damage."""

    def refuse(data):
        raise DataError("PIL cannot decode it: no")

    monkeypatch.setattr(decode, "decode_rgb", refuse)
    monkeypatch.setattr(decode, "turbojpeg", None)
    with pytest.raises(DataError, match="PIL cannot decode it: no"):
        whole(jpeg(64, 64))


def test_pixels_that_are_there_are_not_decoded_again(monkeypatch):
    monkeypatch.setattr(decode, "decode_rgb", None)
    facts, _ = probe_and_decode(encode(smooth_picture(20, 31, 0), "PNG"))
    assert decode_whole(b"", facts, np.zeros((5, 6, 3), np.uint8)) == (5, 6, "")
