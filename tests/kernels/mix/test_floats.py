import numpy as np
import pytest
import torch

from fasttricks.kernels import reference
from fasttricks.kernels.mix import description as mix
from fasttricks.kernels.mix import floats
from fasttricks.kernels.mix.floats import layout, mix_floats
from fasttricks.kernels.mix.kinds import RICAP, CutMix, Cutout, Mixup, OneOf, RandomErasing
from fasttricks.kernels.mix.plan import Place, plan_mix
from tests.kernels.finish_checks import fresh
from tests.kernels.mix.floats_checks import DTYPES, LAYOUTS, SHAPES, check, images_and_mixes

KINDS = [
    (Mixup(),),
    (Mixup(pairing="halves"), RandomErasing(0.5)),
    (Mixup(pairing="two-batches"),),
    (CutMix(), RandomErasing(1.0, fill="channel")),
    (RICAP(per="sample"),),
    (OneOf(Mixup(), CutMix(), RICAP(), probability=0.8),),
    (Cutout(4, 2),),
]


def drawn(kind, shape, seed=0):
    place = Place(seed=seed, epoch=0, first=0, batch=0, group=shape[0])
    return plan_mix(kind, place, shape[0], 1, *shape[2:]).mixes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_reference(shape, layout, dtype):
    images, mixes = images_and_mixes(shape, 11, fresh(), dtype, layout)
    check(mix_floats(images, mixes), images, mixes)


@pytest.mark.parametrize(("small", "together"), [(0, 0), (1000, 300), (1000, 1 << 18)])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_what_is_drawn_equals_the_reference(kind, small, together, monkeypatch):
    """However many small pictures are blended together, none or some."""
    monkeypatch.setattr(floats, "SMALL", small)
    monkeypatch.setattr(floats, "TOGETHER", together)
    shape, seed = (7, 3, 5, 8), fresh()
    images, _ = images_and_mixes(shape, 1, seed, torch.float16, "NHWC")
    mixes = drawn(kind, shape, seed)
    mix.check(mixes, *shape[:1], *shape[2:])
    check(mix_floats(images, mixes), images, mixes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("wrong", ["source", "weight", "top", "from_left", "value", "noise"])
def test_the_check_rejects_a_wrong_mix(wrong, dtype):
    images, mixes = images_and_mixes((4, 3, 9, 14), 15, 3, dtype)
    check(mix_floats(images, mixes), images, mixes)
    other = mixes.copy()
    patches = other["patches"]
    patches[wrong] = {
        "source": np.where(patches["source"] < 0, -1, (patches["source"] + 1) % 4),
        "weight": 1 - patches["weight"],
        "top": np.maximum(patches["top"] - 1, 0),
        "from_left": np.maximum(patches["from_left"] - 1, 0),
        "value": patches["value"][..., ::-1],
        "noise": 0,
    }[wrong]
    with pytest.raises(AssertionError):
        check(mix_floats(images, other), images, mixes)


def test_the_check_rejects_half_precision_arithmetic():
    """What `lam * x + (1 - lam) * x[partner]` does, with lam in the pictures' dtype."""
    images, _ = images_and_mixes((7, 3, 5, 8), 1, 3, torch.float16)
    mixes = drawn(KINDS[0], images.shape)
    weight = torch.from_numpy(mixes["patches"]["weight"][:, 0].copy()).half()[:, None, None, None]
    partner = torch.from_numpy(mixes["patches"]["source"][:, 0].copy()).long()
    with pytest.raises(AssertionError):
        check((1 - weight) * images + weight * images[partner], images, mixes)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("wanted", [False, True], ids=["plain", "with gradients"])
def test_memory_format_is_kept_and_inputs_are_left_alone(memory, wanted):
    images, mixes = images_and_mixes((4, 3, 9, 14), 5, 1)
    images = images.to(memory_format=memory).requires_grad_(wanted)
    before = images.detach().clone()
    result = mix_floats(images, mixes)
    assert result.is_contiguous(memory_format=memory)
    result.detach().fill_(7)
    mix_floats(images, mix.plain([0, 1])).detach().fill_(7)
    assert torch.equal(images.detach(), before)


def test_any_other_layout_gives_a_contiguous_result():
    images, mixes = images_and_mixes((4, 3, 9, 14), 5, 1, layout="strided")
    assert layout(images) == torch.contiguous_format
    assert mix_floats(images, mixes).is_contiguous()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(4, 3, 9, 14), (1, 3, 1, 1), (2, 5, 3, 4)])
def test_gradients_are_those_of_the_exact_mix(shape, layout, dtype):
    """Mixing is linear but for constants, so a pixel's gradient is what it adds to the result."""
    images, mixes = images_and_mixes(shape, 6, fresh(), dtype, layout)
    images.requires_grad_()
    result = mix_floats(images, mixes)
    check(result, images, mixes)
    weights = torch.randn(result.shape, dtype=torch.float64)
    (result.double() * weights).sum().backward()
    numbers = np.zeros(images.shape)
    begin = reference.mix(numbers, mixes)
    for place in zip(*np.unravel_index(np.arange(0, numbers.size, 37), numbers.shape), strict=True):
        numbers[place] = 1
        expected = float(((reference.mix(numbers, mixes) - begin) * weights.numpy()).sum())
        numbers[place] = 0
        assert float(images.grad[place]) == pytest.approx(expected, abs=1e-4)


def test_no_gradients_are_kept_where_none_are_wanted():
    images, mixes = images_and_mixes((4, 3, 9, 14), 6, 1)
    images.requires_grad_()
    with torch.no_grad():
        result = mix_floats(images, mixes)
    assert not result.requires_grad
    assert torch.equal(result, mix_floats(images.detach(), mixes))


def test_what_nobody_sees_is_not_looked_at():
    images, _ = images_and_mixes((3, 3, 8, 8), 1, 1)
    images[2] = torch.nan
    mixes = mix.plain([2, 0, 0])
    mixes["count"] = 1
    patches = mixes["patches"][:, 0]
    patches["height"], patches["width"], patches["source"] = 8, 8, [0, 2, 1]
    patches["weight"] = [1, 0, 0.5]
    result = mix_floats(images, mixes)
    assert torch.equal(result[:2], images[[0, 0]])
    assert torch.equal(result[2], torch.lerp(images[0], images[1], 0.5))


def test_empty_batches():
    assert mix_floats(torch.zeros(2, 3, 4, 5), mix.plain([])).shape == (0, 3, 4, 5)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(3, 9, 14), r"floats \[B, C, H, W\]; got .*\[3, 9"),
        (torch.zeros(1, 3, 9, 14).byte(), "got torch.uint8"),
    ],
)
def test_refused_pictures_are_named(images, message):
    with pytest.raises(ValueError, match=f"mix: .*{message}"):
        mix_floats(images, mix.plain([0]))


class OnCuda:
    """As much of a tensor on a GPU as is looked at before Triton is needed."""

    ndim, is_cuda, requires_grad = 4, True, False

    def is_floating_point(self):
        return True


def test_a_missing_triton_is_said(monkeypatch):
    monkeypatch.setattr(floats, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"mix: on CUDA it needs Triton.*: pip install triton"):
        mix_floats(OnCuda(), mix.plain([0]))


@pytest.mark.gpu
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradients_on_cuda(layout):
    images, mixes = images_and_mixes((4, 3, 9, 14), 6, fresh(), layout=layout)
    theirs = images.cuda().requires_grad_()
    result = mix_floats(theirs, mixes)
    check(result.cpu(), images, mixes)
    result.square().sum().backward()
    images.requires_grad_()
    mix_floats(images, mixes).square().sum().backward()
    torch.testing.assert_close(theirs.grad.cpu(), images.grad)
