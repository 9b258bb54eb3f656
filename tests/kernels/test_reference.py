import math

import numpy as np
import pytest
import torch
from PIL import Image

from fasttricks.kernels import plan, plan_reference, reference
from fasttricks.kernels.mix import description as mix
from tests.kernels.finish_checks import random_mixes
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


@pytest.mark.parametrize(("begin", "size"), [(3, 17), (0, 31), (5, 26)])
def test_a_box_of_whole_pixels_is_a_crop(begin, size):
    boxed = reference.filter_matrix(31, 12, box=(begin, size))
    np.testing.assert_allclose(
        boxed[:, begin : begin + size], reference.filter_matrix(size, 12), atol=1e-12
    )
    assert boxed.sum() == pytest.approx(12)


@pytest.mark.parametrize("begin", [3.125, 3.5, 3.875])
def test_a_fractional_box_begins_between_pixels(begin):
    """On a straight line the filter gives the value at its centre, wherever that is; not at the
    rim, where it is cut off."""
    size, out = 20.25, 8
    values = reference.filter_matrix(31, out, box=(begin, size)) @ (np.arange(31) + 0.5)
    centres = begin + (np.arange(out) + 0.5) * size / out
    # A triangle sampled at whole distances has its centre of mass within 1 / (4 * reach) of 0.
    assert abs(values - centres)[1:-1].max() < out / size / 4
    shifted = reference.filter_matrix(31, out, box=(begin + 1, size)) @ (np.arange(31) + 0.5)
    np.testing.assert_allclose(shifted - values, 1)


def test_pixels_outside_a_fractional_box_weigh_nothing():
    boxed = reference.filter_matrix(31, 8, box=(3.6, 20.0))
    assert np.flatnonzero(boxed.any(axis=0)).tolist() == list(range(4, 24))


@pytest.mark.parametrize("interpolation", reference.FILTERS)
@pytest.mark.parametrize(("shape", "grid"), SHAPES)
def test_resize_is_torchs_antialiased(shape, grid, interpolation):
    box = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    planes = torch.from_numpy(box).permute(2, 0, 1)[None].double()
    expected = torch.nn.functional.interpolate(planes, grid, mode=interpolation, antialias=True)
    result = reference.resize(box, grid, interpolation=interpolation)
    np.testing.assert_allclose(result, expected[0].permute(1, 2, 0).clip(0, 255), atol=1e-9)


def test_a_cubic_overshoots_and_is_clipped_last_or_after_each_axis():
    """Two stripes enlarged twice: 9/8 of white across, then half of that and half of -1/8 down."""
    stripes = np.array([[0, 255, 255, 0], [255, 0, 0, 255]])[[0, 1, 0, 1]]
    box = stripes.astype(np.uint8)[..., None].repeat(3, 2)
    last, each = (
        reference.resize(box, (8, 8), interpolation="bicubic", clip=clip)
        for clip in reference.CLIPS
    )
    across = reference.filter_matrix(4, 8, interpolation="bicubic")
    narrow = box[..., 0] @ across.T
    assert narrow.max() > 275
    assert narrow.min() < -20
    down = reference.filter_matrix(4, 8, interpolation="bicubic")
    np.testing.assert_allclose(last[..., 0], (down @ narrow).clip(0, 255), atol=1e-9)
    np.testing.assert_allclose(each[..., 0], (down @ narrow.clip(0, 255)).clip(0, 255), atol=1e-9)
    assert abs(last - each).max() > 10


def test_clip_each_is_pillows():
    """Pillow rounds to levels after the first axis, too, whence 0.65 more."""
    rng = np.random.default_rng(6)
    for shape, grid in (((60, 80), (47, 50)), ((30, 20), (61, 50)), ((90, 95), (20, 31))):
        box = (rng.integers(0, 2, (*shape, 3)) * 255).astype(np.uint8)
        given = Image.fromarray(box).resize(grid[::-1], Image.Resampling.BICUBIC)
        last, each = (
            reference.resize(box, grid, interpolation="bicubic", clip=clip)
            for clip in reference.CLIPS
        )
        assert abs(np.asarray(given) - each).max() <= 0.5 + 0.65 + 0.25  # its weights have 16 bits
        assert abs(np.asarray(given) - last).max() > 5


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


def test_unknown_rules():
    with pytest.raises(ValueError, match="renormalise, clamp; got 'wrap'"):
        reference.filter_matrix(5, 4, "wrap")
    with pytest.raises(ValueError, match="last, each; got 'first'"):
        reference.resize(np.zeros((2, 2, 3), np.uint8), (4, 4), clip="first")


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


def pixel_by_definition(images, one, c, y, x):
    """One number of `reference.mix`, looked for from the other end."""
    own = images[one["own"], c, y, x]
    for patch in one["patches"][: one["count"]][::-1]:
        down, across = y - patch["top"], x - patch["left"]
        if not (0 <= down < patch["height"] and 0 <= across < patch["width"]):
            continue
        if patch["source"] == mix.CONSTANT:
            words = plan_reference.philox(
                (y * images.shape[3] + x, *map(int, one["counter"])),
                int(one["key"][0]) + 2**32 * int(one["key"][1]),
            )
            normal = plan.normals(*(np.uint64(word) for word in words))[c]
            value = float(patch["value"][c]) + float(patch["noise"]) * normal
        else:
            value = images[
                patch["source"], c, patch["from_top"] + down, patch["from_left"] + across
            ]
        return float(patch["weight"]) * value + (1 - float(patch["weight"])) * own
    return own


def test_mix_is_the_definition():
    rng = np.random.default_rng()
    images = rng.normal(size=(3, 3, 6, 7))
    mixes = random_mixes(20, 3, 6, 7, rng)
    result = reference.mix(images, mixes)
    assert result.shape == (20, 3, 6, 7)
    for n, c, y, x in np.ndindex(*result.shape):
        expected = pixel_by_definition(images, mixes[n], c, y, x)
        assert result[n, c, y, x] == pytest.approx(expected, abs=1e-12)


def test_finish_mixes_finished_pictures():
    """Mixup of two pictures, one of them flipped, with a matrix each."""
    rng = np.random.default_rng(6)
    pixels = rng.integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    matrix, flip = rng.normal(size=(2, 3, 4)).astype(np.float32), np.array([0, 1])
    mixes = mix.plain([0])
    mixes["count"] = 1
    patch = mixes["patches"][0, 0]
    patch["height"], patch["width"], patch["source"], patch["weight"] = 4, 5, 1, 0.25
    first, second = reference.finish(pixels, matrix, flip)
    result = reference.finish(pixels, matrix, flip, mixes)
    np.testing.assert_allclose(result, [0.25 * second + 0.75 * first], rtol=1e-12)


def test_other_channels_have_blocks_of_their_own():
    """Seven channels: their noise is that of pictures below one another, three channels each."""
    mixes = mix.plain([0])
    mixes["count"], mixes["key"], mixes["counter"] = 1, [1, 2], [3, 4, 5]
    patch = mixes["patches"][0, 0]
    patch["height"], patch["width"], patch["source"], patch["weight"] = 2, 3, mix.CONSTANT, 1
    patch["value"], patch["noise"] = [7, 8, 9], 1
    seven = reference.mix(np.zeros((1, 7, 2, 3)), mixes)[0]
    patch["height"] = 6
    tall = reference.mix(np.zeros((1, 3, 6, 3)), mixes)[0] - np.array([0, 1, 2])[:, None, None]
    np.testing.assert_allclose(seven[:6], np.concatenate([tall[:, :2], tall[:, 2:4]]), atol=1e-12)
    np.testing.assert_allclose(seven[6], tall[0, 4:], atol=1e-12)
