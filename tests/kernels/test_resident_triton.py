import numpy as np
import pytest
import torch

from fasttricks import Augment
from fasttricks.kernels import reference
from fasttricks.kernels.augment import INTERPOLATIONS
from fasttricks.kernels.plan import plan_batch
from tests.kernels.interpreted import interpret
from tests.pictures import smooth_picture

SIDES = [(29, 40), (90, 33), (3, 2), (5, 60), (17, 17)]
LARGE = [*SIDES, (600, 500), (41, 90), (1500, 2000)]
GUARD = 7  # bytes before the first picture


def batch(all_sides, size, train, views=1, interpolation="bilinear"):
    """Pictures in one block, at odd addresses, and the plans of their views."""
    pictures = [smooth_picture(*sides, i) for i, sides in enumerate(all_sides)]
    block = np.concatenate([np.full(GUARD, 99, np.uint8), *(p.reshape(-1) for p in pictures)])
    offsets = GUARD + np.cumsum([0, *(p.size for p in pictures)][:-1])
    params = Augment(interpolation=interpolation).params(size=size, train=train)
    numbers = np.tile(np.arange(len(pictures)), views)
    which = np.repeat(np.arange(views), len(pictures))
    heights, widths = np.array(all_sides).T[:, numbers]
    plans, matrix = plan_batch(3, 0, numbers, which, heights, widths, params)
    given = {"pixels": block, "plans": plans, "matrix": matrix, "size": np.int64(size)}
    given |= {"offsets": offsets[numbers], "widths": widths}
    return given, [pictures[i] for i in numbers]


def exact(picture, plan, size):
    """Float64 [size, size, 3], the definition."""
    box = picture[
        plan["top"] : plan["top"] + plan["height"], plan["left"] : plan["left"] + plan["width"]
    ]
    grid = int(plan["grid_height"]), int(plan["grid_width"])
    window = int(plan["grid_top"]), int(plan["grid_left"]), size, size
    how = INTERPOLATIONS[plan["interpolation"]]
    made = reference.resize(box, grid, window, interpolation=how)
    return made[:, ::-1] if plan["flip"] else made


def interpreted(given, folder):
    pytest.importorskip("triton")
    np.savez(folder / "in.npz", **given)
    interpret("tests.kernels.resize_with_triton", folder / "in.npz", folder / "out.npz")
    return np.load(folder / "out.npz")


def check(made, given, pictures):
    """Pixels are the nearest level to a float32 sum, over rows of sums over columns: every term
    goes through as many additions as there are taps, and a few products. A cubic's terms are of
    both signs, their magnitudes sum to less than 1.3 on each axis; a weight has more roundings."""
    size = int(given["size"])
    for row, (picture, plan) in enumerate(zip(pictures, given["plans"], strict=True)):
        scales = plan["height"] / plan["grid_height"], plan["width"] / plan["grid_width"]
        cubic = plan["interpolation"] == 1
        taps = sum((4 if cubic else 2) * max(1, scale) + 1 for scale in scales)
        roundings = 1.3**2 * (taps + 30) if cubic else taps + 6
        bound = 0.5 + 255 * roundings * 2.0**-23  # the sum of weights is as inexact
        assert abs(made["uint8"][row] - exact(picture, plan, size)).max() <= bound
    matrix = given["matrix"]
    want = reference.finish(made["uint8"], matrix, np.zeros(len(matrix), bool))
    terms = reference.finish(made["uint8"], abs(matrix), np.zeros(len(matrix), bool))
    want, terms = want.transpose(0, 2, 3, 1), terms.transpose(0, 2, 3, 1)
    assert (abs(made["float32"] - want) <= 4 * 2.0**-23 * terms).all()
    if "float16" in made:
        assert (abs(made["float16"] - want) <= 2.0**-10 * (terms + 2.0**-14)).all()


@pytest.mark.parametrize(
    ("size", "train", "interpolation"),
    [
        (17, True, "bilinear"),
        (11, False, "bilinear"),
        (17, True, "bicubic"),
        (11, False, "bicubic"),
    ],
)
def test_pixels_and_finish_are_the_references(size, train, interpolation, tmp_path):
    given, pictures = batch(SIDES, size, train, interpolation=interpolation)
    made = interpreted(given, tmp_path)
    check(made, given, pictures)
    # The bound tells one plan, order of channels or direction from another.
    row = next(i for i, plan in enumerate(given["plans"]) if min(plan["height"], plan["width"]) > 9)
    want, got = exact(pictures[row], given["plans"][row], size), made["uint8"][row]
    for wrong in (want[:, ::-1], want[..., ::-1], want[::-1]):
        assert abs(got - wrong).max() > 5


@pytest.mark.gpu
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize(("size", "train"), [(224, True), (41, True), (224, False), (1, False)])
def test_on_the_device(size, train, interpolation):
    from fasttricks.kernels import resident_triton

    given, pictures = batch(LARGE, size, train, views=3, interpolation=interpolation)
    how = INTERPOLATIONS.index(interpolation)
    rows = resident_triton.describe(given["plans"], given["offsets"], given["widths"]).cuda()
    pixels, matrix = (torch.from_numpy(given[name]).cuda() for name in ("pixels", "matrix"))
    made = {}
    for name in ("uint8", "float32", "float16"):
        out = torch.empty((len(rows), size, size, 3), dtype=getattr(torch, name), device="cuda")
        resident_triton.make(pixels, rows, None if name == "uint8" else matrix, out, how)
        made[name] = out.cpu().numpy()
    check(made, given, pictures)
