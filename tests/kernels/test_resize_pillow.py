import numpy as np
import pytest
from PIL import Image

from fasttricks.kernels import reference
from tests.kernels.resizing import SIZES, bound, run
from tests.pictures import smooth_picture


def like_pillow(picture, grid):
    """Whether bicubic differs from Pillow's only as the two definitions do.

    Pillow rounds to levels between its sums, so it is off by half a level times 1.3 and half of
    another, and by a little more, as pillow-simd's weights have 16 bits. It clips there, too.
    """
    given = Image.fromarray(picture).resize(grid[::-1], Image.Resampling.BICUBIC)
    ours = run(picture, grid, interpolation="bicubic")
    last, each = (
        reference.resize(picture, grid, interpolation="bicubic", clip=clip)
        for clip in ("last", "each")
    )
    slack = bound(picture.shape[:2], grid, "bicubic") + 0.5 + 0.65 + 0.25
    assert (abs(np.asarray(given, int) - ours) <= abs(last - each) + slack).all()
    return np.asarray(given, int) - ours


@pytest.mark.parametrize(("size", "grid"), SIZES)
def test_bicubic_is_pillows_but_for_where_it_clips(size, grid):
    difference = like_pillow(smooth_picture(*size, seed=2), grid)
    assert abs(difference).mean() < 0.25
    checkerboard = np.indices(size).sum(0)[..., None].repeat(3, 2) // 7 % 2 * 255
    like_pillow(checkerboard.astype(np.uint8), grid)


def test_bicubic_of_real_pictures_is_pillows(shared):
    for path in sorted(shared("imagenet-sample").glob("*/*"))[::60]:
        picture = np.asarray(Image.open(path).convert("RGB"))
        difference = like_pillow(picture, (224, 224))
        assert (abs(difference) > 1).mean() < 0.01
