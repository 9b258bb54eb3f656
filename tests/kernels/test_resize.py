import threading

import numba
import numpy as np
import pytest

from fasttricks.kernels import reference
from fasttricks.kernels.resize import resize, scratch_bytes, support
from tests.pictures import smooth_picture

GUARD = 77


def run(box, grid, window=None, *, flip=0, part=None):
    """`resize` with exactly the scratch it asks for, dirty and guarded, and a guarded strided dst.

    part: (top, left, bottom, right) of the box that is handed over; default all.
    """
    height, width = box.shape[:2]
    top, left, out_h, out_w = window or (0, 0, *grid)
    t, le, b, r = part or (0, 0, height, width)
    size = scratch_bytes(height, width, out_h, out_w)
    memory = np.random.default_rng(0).integers(0, 256, size + 33).astype(np.uint8)
    canvas = np.full((out_h + 2, out_w + 3, 3), GUARD, np.uint8)
    dst = canvas[1:-1, 1:-2]
    after = memory[size + 1 :].copy()
    resize(box[t:b, le:r], t, le, height, width, *grid, top, left, flip, dst, memory[1 : size + 1])
    np.testing.assert_array_equal(memory[size + 1 :], after)
    result = dst.copy()
    dst[:] = GUARD
    assert (canvas == GUARD).all()
    return result


def check(pixels, exact):
    """The project's bound for uint8 against the unrounded definition (docs/design.md, parity).

    A correct kernel is off by its last rounding: 0.5 at most, 0.25 on average, without bias.
    """
    error = pixels - exact
    assert abs(error).max() <= 1.0 + 1e-3
    assert abs(error).mean() <= 0.30
    assert abs(error.mean()) < 0.02 + 2 / error.size  # a few pixels round to one side by chance


SIZES = [
    ((290, 300), (224, 224)),
    ((80, 100), (224, 224)),
    ((401, 468), (160, 176)),
    ((61, 67), (61, 67)),
    ((700, 45), (33, 48)),
    ((45, 900), (48, 33)),
    ((1200, 1601), (64, 65)),
]


@pytest.mark.parametrize(("size", "grid"), SIZES)
@pytest.mark.parametrize("kind", ["noise", "smooth"])
def test_equals_the_reference(size, grid, kind):
    rng = np.random.default_rng(list(size))
    box = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
    if kind == "smooth":
        box = smooth_picture(*size, seed=1)
    exact = reference.resize(box, grid)
    check(run(box, grid), exact)
    # Tighter than the contract: one rounding, and 8 bits after the point before it.
    taps = sum(2 * max(s / g, 1) for s, g in zip(size, grid, strict=True))
    assert abs(run(box, grid) - exact).max() <= 0.5 + (taps / 2 + 2) / 256


@pytest.mark.parametrize("trial", range(60))
def test_random_boxes_windows_parts_and_flips(trial):
    """Odd shapes down to one pixel, and only the part of the box that the window needs."""
    rng = np.random.default_rng(trial)
    height, width = (int(x) for x in np.exp(rng.uniform(0, 6, 2)))
    grid = tuple(int(x) for x in np.exp(rng.uniform(0, 4.7, 2)))
    out = [int(rng.integers(1, g + 1)) for g in grid]
    top, left = (int(rng.integers(0, g - o + 1)) for g, o in zip(grid, out, strict=True))
    flip = int(rng.integers(0, 2))
    box = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    (t, b), (le, r) = support(top, out[0], height, grid[0]), support(left, out[1], width, grid[1])
    window = (top, left, *out)
    result = run(box, grid, window, flip=flip, part=(t, le, b, r))
    exact = reference.resize(box, grid, window)
    error = result - (exact[:, ::-1] if flip else exact)
    assert abs(error).max() <= 0.75
    # A larger part gives the same pixels: what lies outside the support weighs nothing.
    np.testing.assert_array_equal(result, run(box, grid, window, flip=flip))


@pytest.mark.parametrize("trial", range(20))
def test_fractional_boxes(trial):
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
    resize(part, *origin, *size, *grid, 0, 0, 0, result, scratch)
    down, across = (
        reference.filter_matrix(side, g, box=(b, s))
        for side, g, b, s in zip(sides, grid, begin, size, strict=True)
    )
    exact = np.einsum("yh,hwc,xw->yxc", down, picture.astype(float), across)
    assert abs(result - exact).max() <= 0.75


@pytest.mark.parametrize("value", [0, 1, 127, 254, 255])
@pytest.mark.parametrize("size", [(3, 500), (37, 41), (9000, 12)])
def test_flat_pictures_stay_as_they_are(value, size):
    result = run(np.full((*size, 3), value, np.uint8), (40, 50))
    assert (result == value).all()


def test_same_size_changes_nothing():
    box = np.random.default_rng(0).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    np.testing.assert_array_equal(run(box, (50, 70)), box)


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


@pytest.mark.parametrize(("in_size", "out_size"), [(300, 224), (80, 224), (900, 7), (5, 5), (1, 9)])
def test_support_is_where_the_filter_weighs(in_size, out_size):
    matrix = reference.filter_matrix(in_size, out_size)
    for first in range(out_size):
        for count in {1, min(3, out_size - first), out_size - first}:
            weighs = np.flatnonzero(matrix[first : first + count].max(axis=0) > 1e-9)
            low, high = support(first, count, in_size, out_size)
            # A pixel exactly at the triangle's foot may be counted in or out.
            assert low <= weighs[0] <= low + 1
            assert high - 1 <= weighs[-1] + 1 <= high
            assert 0 <= low < high <= in_size


@numba.njit(nogil=True)
def from_numba(box, plans, out, scratch):
    for n in range(plans.size):
        p = plans[n]
        resize(box[p.top :, p.left :][: p.height, : p.width], 0, 0, p.height, p.width,
               p.grid, p.grid, 0, 0, p.flip, out[n], scratch)  # fmt: skip


def test_called_from_numba_and_from_threads():
    box = smooth_picture(150, 160, seed=5)
    names = ["top", "left", "height", "width", "grid", "flip"]
    plans = np.zeros(8, [(name, np.int32) for name in names]).view(np.recarray)
    rng = np.random.default_rng(6)
    for n in range(8):
        height, width = rng.integers(20, 140, 2)
        plans[n] = (rng.integers(0, 10), rng.integers(0, 20), height, width, 48, n % 2)
    results = np.zeros((4, 8, 48, 48, 3), np.uint8)

    def work(t):
        scratch = np.empty(scratch_bytes(150, 160, 48, 48), np.uint8)
        from_numba(box, plans, results[t], scratch)

    threads = [threading.Thread(target=work, args=(t,)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n, (top, left, height, width, _, flip) in enumerate(plans.tolist()):
        exact = reference.resize(box[top : top + height, left : left + width], (48, 48))
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
