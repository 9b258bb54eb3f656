import math

import numpy as np
import pytest
import torch

from fasttricks.kernels import reference
from tests.pictures import smooth_picture

SHAPES = [((29, 31), (22, 24)), ((9, 12), (31, 25)), ((57, 40), (7, 40)), ((1, 3), (4, 5))]


def triangle_resize(row, out_size):
    """The definition once more, one number at a time, for a list of numbers."""
    scale = len(row) / out_size
    reach = max(scale, 1.0)
    result = []
    for i in range(out_size):
        centre = (i + 0.5) * scale
        weights = [max(0.0, 1 - abs(x + 0.5 - centre) / reach) for x in range(len(row))]
        total = math.fsum(weights)
        result.append(math.fsum(w * v for w, v in zip(weights, row, strict=True)) / total)
    return result


@pytest.mark.parametrize("sizes", [(29, 22), (9, 31), (57, 7), (1, 4), (224, 224), (300, 223)])
def test_filter_matrix_is_the_definition(sizes):
    row = np.random.default_rng(0).uniform(0, 255, sizes[0])
    expected = triangle_resize(row.tolist(), sizes[1])
    np.testing.assert_allclose(reference.filter_matrix(*sizes) @ row, expected, rtol=1e-12)


@pytest.mark.parametrize(("shape", "grid"), SHAPES)
def test_resize_is_torchs_antialiased_bilinear(shape, grid):
    box = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    planes = torch.from_numpy(box).permute(2, 0, 1)[None].double()
    expected = torch.nn.functional.interpolate(planes, grid, mode="bilinear", antialias=True)
    result = reference.resize(box, grid)
    np.testing.assert_allclose(result, expected[0].permute(1, 2, 0), atol=1e-9)


def test_clamp_repeats_the_edge_pixel():
    """With a whole scale, clamping is resizing a picture that was extended by one output pixel."""
    scale = 5
    box = smooth_picture(8 * scale, 6 * scale, seed=2)
    extended = np.pad(box, ((scale, scale), (scale, scale), (0, 0)), mode="edge")
    expected = reference.resize(extended, (10, 8))[1:-1, 1:-1]
    result = reference.resize(box, (8, 6), edge="clamp")
    np.testing.assert_allclose(result, expected, atol=1e-9)


def test_edge_rules_differ_at_the_rim_only():
    box = smooth_picture(90, 120, seed=3)
    renormalised = reference.resize(box, (30, 40))
    difference = abs(renormalised - reference.resize(box, (30, 40), edge="clamp"))
    assert difference.max() > 1
    assert difference[1:-1, 1:-1].max() < 1e-9


def test_window_is_a_part_of_the_grid():
    box = smooth_picture(50, 40, seed=4)
    whole = reference.resize(box, (30, 28))
    part = reference.resize(box, (30, 28), (3, 5, 20, 17))
    np.testing.assert_allclose(part, whole[3:23, 5:22], atol=1e-9)


def test_unknown_edge_rule():
    with pytest.raises(ValueError, match="renormalise, clamp; got 'wrap'"):
        reference.filter_matrix(5, 4, "wrap")


def test_finish_is_a_matrix_per_pixel():
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 256, (2, 3, 5, 3), dtype=np.uint8)
    matrix = rng.normal(size=(2, 3, 4)).astype(np.float32)
    result = reference.finish(pixels, matrix, np.array([0, 1]))
    assert result.shape == (2, 3, 3, 5)
    for n, c, y, x in np.ndindex(*result.shape):
        rgb = pixels[n, y, 4 - x if n == 1 else x].astype(float)
        assert result[n, c, y, x] == pytest.approx(
            float(matrix[n, c, :3].astype(float) @ rgb + matrix[n, c, 3]), abs=1e-9
        )
