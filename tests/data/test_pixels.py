"""The shared PIL path: the same pixels as PIL, and nothing of PIL's temper gets out."""

import io
import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from fasttricks.data.pixels import check_header, decode, decode_rgb, opened, ppm, quiet, scaled
from fasttricks.errors import DataError
from tests.data.jpeg_surgery import APP2, with_first
from tests.pictures import encode, jpeg, smooth_picture


def reference(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "P", "1", "RGBA", "LA"])
def test_same_as_pil(mode):
    image = Image.fromarray(smooth_picture(21, 34, 0)).convert(mode)
    data = encode(image, "JPEG" if mode == "CMYK" else "PNG")
    pixels = decode_rgb(data)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (21, 34, 3))
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    np.testing.assert_array_equal(pixels, reference(data))


def test_orientation_is_reported_and_not_applied():
    tags = Image.Exif()
    tags[0x0112] = 8
    pixels = smooth_picture(20, 30, 0)
    picture = decode(encode(pixels, "PNG", exif=tags))
    assert picture.orientation == 8
    np.testing.assert_array_equal(picture.pixels, pixels)


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_rgb(data)[0, 0].tolist() == [255, 0, 0]


def test_progressive_and_components():
    assert decode(jpeg(progressive=True)).progressive
    assert not decode(jpeg()).progressive
    assert decode(jpeg(channels=1)).components == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello", "not recognise"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not recognise"),
        (jpeg()[:-100], "truncated"),
    ],
)
def test_undecodable(data, words):
    with pytest.raises(DataError, match=words):
        decode_rgb(data)


def test_header_check_does_not_look_at_pixels():
    check_header(jpeg()[:-100])
    with pytest.raises(DataError):
        check_header(jpeg()[:100])


def test_very_large_pictures():
    """8000 x 8000 decodes; far above PIL's limit is refused; the limit itself stays as it is."""
    limit = Image.MAX_IMAGE_PIXELS
    pixels = decode_rgb(encode(Image.new("L", (8000, 8000), 77), quality=90))
    assert pixels.shape == (8000, 8000, 3)
    assert np.abs(pixels[::500, ::500].astype(int) - 77).max() <= 1
    with pytest.raises(DataError, match="exceeds limit"):
        decode_rgb(b"P6 20000 20000 255\n")
    assert limit == Image.MAX_IMAGE_PIXELS


NOISY = with_first(jpeg(), APP2, b"MPF\0junk")


def test_the_noisy_file_is_noisy():
    with pytest.warns(UserWarning, match="MPO"):
        reference(NOISY)


def test_no_warning_gets_out(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 120 * 160 - 1)  # would warn, too
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decode_rgb(NOISY)
        before = list(warnings.filters)
        with pytest.raises(DataError):
            decode_rgb(NOISY[:-100])
        assert warnings.filters == before
        with pytest.raises(UserWarning, match="ours"):
            warnings.warn("ours", stacklevel=1)


def test_no_warning_gets_out_of_threads():
    """Threads enter and leave in every order; the filters are back in the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before, failures = list(warnings.filters), []

        def work():
            try:
                for _ in range(40):
                    decode_rgb(NOISY)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert warnings.filters == before


def test_quiet_silences_only_pil():
    with quiet(), pytest.warns(UserWarning, match="ours"):
        warnings.warn("ours", stacklevel=1)


def test_errors_in_the_body_of_opened_are_data_errors():
    with pytest.raises(DataError, match="truncated"), opened(jpeg()[:-100]) as image:
        image.load()


def test_no_memory_is_no_fault_of_the_picture():
    with pytest.raises(MemoryError), opened(jpeg()):
        raise MemoryError


@pytest.mark.parametrize("size", [(1, 1), (3, 1000), (77, 5)])
def test_ppm(size):
    pixels = smooth_picture(*size, seed=3)
    data = ppm(pixels)
    assert (data.dtype, data.ndim) == (np.uint8, 1)
    np.testing.assert_array_equal(reference(data.tobytes()), pixels)
    mirrored = pixels[:, ::-1]
    np.testing.assert_array_equal(decode_rgb(ppm(mirrored)), mirrored)


def test_ppm_takes_only_rgb_bytes():
    for pixels in (np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2, 3), np.float32)):
        with pytest.raises(ValueError, match="uint8"):
            ppm(pixels)


@pytest.mark.parametrize(("scale", "shape"), [(0.5, (20, 30)), (0.01, (1, 1)), (2.0, (80, 122))])
def test_scaled_pictures_are_pils(scale, shape):
    pixels = smooth_picture(40, 61, 3)
    small = scaled(pixels, scale)
    assert small.shape == (*shape, 3)
    image = Image.fromarray(pixels).resize(shape[::-1], Image.Resampling.LANCZOS)
    assert np.array_equal(small, np.asarray(image))
