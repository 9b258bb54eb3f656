import threading
import zlib

import numba
import numpy as np
import pytest

from fasttricks.kernels import reference
from fasttricks.kernels.augment import INTERPOLATIONS
from fasttricks.kernels.resize import resize, scratch_bytes, support
from tests.kernels.resizing import SIZES, bound, check, run
from tests.pictures import smooth_picture


@pytest.mark.parametrize(("size", "grid"), SIZES)
@pytest.mark.parametrize("kind", ["noise", "smooth", "black and white"])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_equals_the_reference(interpolation, size, grid, kind):
    rng = np.random.default_rng(list(size))
    box = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
    if kind == "smooth":
        box = smooth_picture(*size, seed=1)
    if kind == "black and white":  # a cubic overshoots to both sides, in both sums
        box = (box // 128) * np.uint8(255)
    exact = reference.resize(box, grid, interpolation=interpolation)
    result = run(box, grid, interpolation=interpolation)
    # Where products are nearly all 0, or nearly all alike, what is cut off them may not cancel.
    special = kind == "black and white" or max(size) > 16 * min(grid)
    check(result, exact, bias=0.05 if special else 0.02)
    # Tighter than the contract where there are few taps.
    assert abs(result - exact).max() <= bound(size, grid, interpolation)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("trial", range(60))
def test_random_boxes_windows_parts_and_flips(trial, interpolation):
    """Odd shapes down to one pixel, and only the part of the box that the window needs."""
    rng = np.random.default_rng(trial)
    height, width = (int(x) for x in np.exp(rng.uniform(0, 6, 2)))
    grid = tuple(int(x) for x in np.exp(rng.uniform(0, 4.7, 2)))
    out = [int(rng.integers(1, g + 1)) for g in grid]
    top, left = (int(rng.integers(0, g - o + 1)) for g, o in zip(grid, out, strict=True))
    flip = int(rng.integers(0, 2))
    box = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    how = INTERPOLATIONS.index(interpolation)
    t, b = support(top, out[0], height, grid[0], how)
    le, r = support(left, out[1], width, grid[1], how)
    window, same = (top, left, *out), {"flip": flip, "interpolation": interpolation}
    result = run(box, grid, window, part=(t, le, b, r), **same)
    exact = reference.resize(box, grid, window, interpolation=interpolation)
    error = result - (exact[:, ::-1] if flip else exact)
    most = bound((height, width), grid, interpolation)
    assert abs(error).max() <= (0.75 if interpolation == "bilinear" else most)
    # A larger part gives the same pixels: what lies outside the support weighs nothing. (Or next to
    # nothing: rows too short for vectors are summed with more bits.)
    whole = run(box, grid, window, **same)
    if interpolation == "bilinear" or 3 * (r - le) >= 32:
        np.testing.assert_array_equal(result, whole)
    else:
        assert abs(whole - result.astype(int)).max() <= 1


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("trial", range(20))
def test_fractional_boxes(trial, interpolation):
    """The box begins and ends inside of pixels; those whose centre is outside are not given."""
    rng = np.random.default_rng(trial)
    grid = tuple(int(x) for x in rng.integers(8, 60, 2))
    begin = rng.integers(0, 32, 2) / 8
    size = [int(rng.integers(8 * g, 24 * g)) / 8 for g in grid]
    sides = [int(np.ceil(b + s)) + 2 for b, s in zip(begin, size, strict=True)]
    picture = rng.integers(0, 256, (*sides, 3)).astype(np.uint8)
    first, last = np.ceil(begin - 0.5).astype(int), np.ceil(begin + size - 0.5).astype(int)
    part = picture[first[0] : last[0], first[1] : last[1]]
    result = np.empty((*grid, 3), np.uint8)
    scratch = np.empty(scratch_bytes(*size, *grid), np.uint8)
    origin = (float(f - b) for f, b in zip(first, begin, strict=True))
    number = INTERPOLATIONS.index(interpolation)
    resize(part, *origin, *size, *grid, 0, 0, 0, number, result, scratch)
    down, across = (
        reference.filter_matrix(side, g, box=(b, s), interpolation=interpolation)
        for side, g, b, s in zip(sides, grid, begin, size, strict=True)
    )
    exact = np.einsum("yh,hwc,xw->yxc", down, picture.astype(float), across).clip(0, 255)
    assert abs(result - exact).max() <= max(0.75, bound(size, grid, interpolation))


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("value", [0, 1, 127, 128, 254, 255])
@pytest.mark.parametrize("size", [(3, 500), (37, 41), (300, 290), (9000, 12)])
def test_flat_pictures_stay_as_they_are(value, size, interpolation):
    result = run(np.full((*size, 3), value, np.uint8), (40, 50), interpolation=interpolation)
    assert (result == value).all()


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize(("size", "grid"), [*SIZES, ((375, 1003), (70, 224)), ((33, 32), (32, 16))])
def test_asking_for_rows_ahead_changes_no_pixel(size, grid, interpolation):
    box = np.random.default_rng(list(size)).integers(0, 256, (*size, 3)).astype(np.uint8)
    warm, cold = (run(box, grid, interpolation=interpolation, cold=c) for c in (False, True))
    np.testing.assert_array_equal(cold, warm)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_same_size_changes_nothing(interpolation):
    box = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    np.testing.assert_array_equal(run(box, (50, 70), interpolation=interpolation), box)


def test_bilinear_pixels_are_those_of_every_version_so_far():
    """Bit for bit: seeds of older runs give the pictures that they gave."""
    box = np.random.default_rng(4).integers(0, 256, (290, 300, 3)).astype(np.uint8)
    larger, smaller = run(box[:80, :90], (224, 200)), run(box, (160, 176), flip=1)
    assert [zlib.crc32(pixels.tobytes()) for pixels in (larger, smaller)] == [1115187505, 751807530]


def truncated(box, grid):
    return np.floor(reference.resize(box, grid))


def without_half_pixel(box, grid):
    """Centres at i * scale instead of (i + 0.5) * scale - 0.5."""
    axes = []
    for size, out in zip(box.shape[:2], grid, strict=True):
        scale = size / out
        distance = np.arange(size) - np.arange(out)[:, None] * scale
        weights = np.maximum(0, 1 - abs(distance) / max(scale, 1))
        axes.append(weights / weights.sum(1, keepdims=True))
    return np.round(np.einsum("yh,hwc,xw->yxc", axes[0], box, axes[1]))


def without_antialias(box, grid):
    ys, xs = (
        np.clip((np.arange(g) + 0.5) * s / g - 0.5, 0, s - 1)
        for s, g in zip(box.shape[:2], grid, strict=True)
    )
    y, x = ys.astype(int), xs.astype(int)
    v, u = (ys - y)[:, None, None], (xs - x)[:, None]
    y1, x1 = np.minimum(y + 1, box.shape[0] - 1), np.minimum(x + 1, box.shape[1] - 1)
    top = box[y][:, x] * (1 - u) + box[y][:, x1] * u
    bottom = box[y1][:, x] * (1 - u) + box[y1][:, x1] * u
    return np.round(top * (1 - v) + bottom * v)


WRONG = {
    "truncated": truncated,
    "no half-pixel shift": without_half_pixel,
    "no antialias": without_antialias,
    "edge rule": lambda box, grid: np.round(reference.resize(box, grid, edge="clamp")),
    "not flipped": lambda box, grid: np.round(reference.resize(box, grid))[:, ::-1],
    "BGR": lambda box, grid: np.round(reference.resize(box, grid))[..., ::-1],
    "axes swapped": lambda box, grid: np.round(reference.resize(box, grid)).transpose(1, 0, 2),
    "one pixel off": lambda box, grid: np.roll(np.round(reference.resize(box, grid)), 1, axis=1),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_rejects_a_wrong_kernel(wrong):
    box, grid = smooth_picture(190, 200, seed=3), (64, 64)
    exact = reference.resize(box, grid)
    check(np.round(exact), exact)
    with pytest.raises(AssertionError):
        check(WRONG[wrong](box, grid), exact)


def other_cubic(a):
    """OpenCV's and, without antialias, torch's cubic is the one of a = -0.75."""
    return reference.Filter(2, lambda distances: reference.cubic(distances, a))


@pytest.mark.parametrize("wrong", [reference.FILTERS["bilinear"], other_cubic(-0.75)])
@pytest.mark.parametrize(("size", "grid"), SIZES[:3])
def test_the_check_rejects_another_filter(wrong, size, grid, monkeypatch):
    box = smooth_picture(*size, seed=3)
    exact = reference.resize(box, grid, interpolation="bicubic")
    check(run(box, grid, interpolation="bicubic"), exact)
    monkeypatch.setitem(reference.FILTERS, "bicubic", wrong)
    with pytest.raises(AssertionError):
        check(np.round(reference.resize(box, grid, interpolation="bicubic")), exact)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize(("in_size", "out_size"), [(300, 224), (80, 224), (900, 7), (5, 5), (1, 9)])
def test_support_is_where_the_filter_weighs(in_size, out_size, interpolation):
    matrix = abs(reference.filter_matrix(in_size, out_size, interpolation=interpolation))
    for first in range(out_size):
        for count in {1, min(3, out_size - first), out_size - first}:
            weighs = np.flatnonzero(matrix[first : first + count].max(axis=0) > 1e-9)
            low, high = support(
                first, count, in_size, out_size, INTERPOLATIONS.index(interpolation)
            )
            # A pixel exactly at the filter's foot may be counted in or out.
            assert low <= weighs[0] <= low + 1
            assert high - 1 <= weighs[-1] + 1 <= high
            assert 0 <= low < high <= in_size


@numba.njit(nogil=True)
def from_numba(box, plans, out, scratch):
    for n in range(plans.size):
        p = plans[n]
        resize(box[p.top :, p.left :][: p.height, : p.width], 0, 0, p.height, p.width,
               p.grid, p.grid, 0, 0, p.flip, p.how, out[n], scratch)  # fmt: skip


def test_called_from_numba_and_from_threads():
    box = smooth_picture(150, 160, seed=5)
    names = ["top", "left", "height", "width", "grid", "flip", "how"]
    plans = np.zeros(8, [(name, np.int32) for name in names]).view(np.recarray)
    rng = np.random.default_rng(6)
    for n in range(8):
        height, width = rng.integers(20, 140, 2)
        plans[n] = (rng.integers(0, 10), rng.integers(0, 20), height, width, 48, n % 2, n // 4)
    results = np.zeros((4, 8, 48, 48, 3), np.uint8)

    def work(t):
        scratch = np.empty(scratch_bytes(150, 160, 48, 48), np.uint8)
        from_numba(box, plans, results[t], scratch)

    threads = [threading.Thread(target=work, args=(t,)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n, (top, left, height, width, _, flip, how) in enumerate(plans.tolist()):
        part = box[top : top + height, left : left + width]
        exact = reference.resize(part, (48, 48), interpolation=INTERPOLATIONS[how])
        for t in range(4):
            check(results[t, n], exact[:, ::-1] if flip else exact)


def test_scratch_for_the_largest_box_serves_smaller_ones():
    rng = np.random.default_rng(7)
    for _ in range(300):
        largest, out = rng.integers(1, 3000, 2), rng.integers(1, 400, 2)
        smaller = [rng.integers(1, side + 1) for side in largest]
        assert scratch_bytes(*smaller, *out) <= scratch_bytes(*largest, *out)


ARGUMENTS = {
    "src": np.zeros((40, 50, 3), np.uint8),
    "origin_top": 0,
    "origin_left": 0,
    "height": 40,
    "width": 50,
    "grid_height": 20,
    "grid_width": 20,
    "grid_top": 0,
    "grid_left": 0,
    "flip": 0,
    "interpolation": 0,
    "dst": np.zeros((20, 20, 3), np.uint8),
    "scratch": np.zeros(scratch_bytes(40, 50, 20, 20), np.uint8),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scratch": np.zeros(1000, np.uint8)}, "scratch is smaller"),
        ({"src": np.zeros((40, 50, 4), np.uint8)[..., :3]}, "src must be"),
        ({"src": np.zeros((40, 50, 3), np.uint8)[:, ::-1]}, "src must be"),
        ({"dst": np.zeros((3, 20, 20), np.uint8).transpose(1, 2, 0)}, "dst must be"),
        ({"dst": np.zeros((0, 20, 3), np.uint8)}, "dst must be"),
        ({"height": 41}, "lacks rows"),
        ({"origin_top": 1}, "lacks rows"),
        ({"width": 60}, "lacks columns"),
        ({"origin_left": -1}, "lacks columns"),
        ({"grid_top": 1}, "leaves the grid"),
        ({"grid_left": -1}, "leaves the grid"),
    ],
)
def test_arguments_that_would_touch_foreign_memory_are_refused(change, message):
    resize(*ARGUMENTS.values())
    with pytest.raises(ValueError, match=message):
        resize(*{**ARGUMENTS, **change}.values())


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_a_window_does_not_depend_on_how_much_of_the_box_is_there(interpolation):
    """Bit for bit: else cutting a file would change its pixels."""
    box, grid, out = smooth_picture(85, 91, seed=8), (64, 67), (33, 20)
    how = INTERPOLATIONS.index(interpolation)
    whole = run(box, grid, interpolation=interpolation)
    for top, left in zip(range(32), range(32), strict=True):
        (t, b), (le, r) = (
            support(first, count, size, side, how)
            for first, count, size, side in zip((top, left), out, box.shape, grid, strict=False)
        )
        for more in range(3):
            part = max(0, t - more), max(0, le - more), b, r + more
            given = run(box, grid, (top, left, *out), part=part, interpolation=interpolation)
            np.testing.assert_array_equal(given, whole[top:, left:][: out[0], : out[1]])
