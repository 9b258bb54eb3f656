import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from fasttricks.models.blur import LARGEST_FILTER, BlurPool, binomial_filter
from tests.models import part_checks

SIZES = range(1, LARGEST_FILTER + 1)
PASCAL = {
    1: [1], 2: [1, 1], 3: [1, 2, 1], 4: [1, 3, 3, 1], 5: [1, 4, 6, 4, 1],
    6: [1, 5, 10, 10, 5, 1], 7: [1, 6, 15, 20, 15, 6, 1],
}  # fmt: skip


def reference(x_BCHW, filter_size, stride):
    """Pixel by pixel in float64; NumPy's reflection also mirrors more than once."""
    row = np.array(PASCAL[filter_size], np.float64)
    weights = np.outer(row, row) / row.sum() ** 2
    before = (filter_size - 1) // 2
    after = filter_size - 1 - before
    sides = ((0, 0), (0, 0), (before, after), (before, after))
    padded = np.pad(x_BCHW.double().numpy(), sides, mode="reflect")
    height, width = x_BCHW.shape[2:]
    out = np.empty((*x_BCHW.shape[:2], -(-height // stride), -(-width // stride)))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            rows = slice(i * stride, i * stride + filter_size)
            columns = slice(j * stride, j * stride + filter_size)
            out[:, :, i, j] = (padded[:, :, rows, columns] * weights).sum((2, 3))
    return torch.from_numpy(out)


def agrees(blur, x, filter_size, stride):
    expected = reference(x, filter_size, stride)
    got = blur(x).double()
    # float32, at most 49 products of sum 1.
    return got.shape == expected.shape and torch.allclose(got, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("filter_size", SIZES)
@pytest.mark.parametrize(
    ("height", "width"), [(9, 12), (8, 7), (3, 2), (2, 1), (1, 1), (1, 9), (4, 3)]
)
def test_equals_the_definition_at_any_size(filter_size, height, width):
    x = part_checks.channels_last(2, 3, height, width)
    for stride in (1, 2, 3):
        assert agrees(BlurPool(3, filter_size, stride), x, filter_size, stride)


class ZeroPadded(nn.Module):
    """What it must not be: nothing around the map."""

    def __init__(self, channels, filter_size, stride):
        super().__init__()
        self.kernel = binomial_filter(filter_size).expand(channels, 1, -1, -1)
        self.stride, self.channels = stride, channels

    def forward(self, x):
        pad = self.kernel.shape[-1] // 2
        return functional.conv2d(x, self.kernel, None, self.stride, pad, groups=self.channels)


class OnePixelOff(BlurPool):
    """What it must not be: windows that start a pixel late."""

    def forward(self, x):
        return super().forward(x.roll(-1, 3))


@pytest.mark.parametrize("wrong", [ZeroPadded, OnePixelOff])
def test_the_comparison_fails_a_wrong_blur(wrong):
    x = part_checks.channels_last(2, 3, 9, 12)
    assert agrees(BlurPool(3, 3, 2), x, 3, 2)
    assert not agrees(wrong(3, 3, 2), x, 3, 2)


@pytest.mark.parametrize("size", SIZES)
def test_filter_sums_to_one_and_is_exact_in_half_precision(size):
    kernel = binomial_filter(size)
    assert kernel.shape == (size, size)
    assert kernel.sum() == 1
    row = torch.tensor(PASCAL[size], dtype=torch.float32)
    torch.testing.assert_close(kernel, torch.outer(row, row) / row.sum() ** 2, rtol=0, atol=0)
    for dtype in (torch.bfloat16, torch.float16):
        assert torch.equal(kernel.to(dtype).float(), kernel)


@pytest.mark.parametrize("filter_size", SIZES)
def test_constants_pass_unchanged_up_to_the_edges(filter_size):
    constant = torch.full((1, 2, 7, 10), 3.0)
    out = BlurPool(2, filter_size)(constant)
    torch.testing.assert_close(out, torch.full_like(out, 3.0))


def test_with_zeros_outside_constants_would_fade_at_the_edges():
    constant = torch.full((1, 2, 7, 10), 3.0)
    assert ZeroPadded(2, 3, 2)(constant)[0, 0, 0, 0] == 3 * 9 / 16


@pytest.mark.parametrize("filter_size", [2, 3, 4, 5, 6, 7])
def test_the_finest_checkerboard_vanishes(filter_size):
    board = (-1.0) ** (torch.arange(12)[:, None] + torch.arange(14))
    out = BlurPool(1, filter_size)(board[None, None])
    inside = out[..., 2:-2, 2:-2]
    torch.testing.assert_close(inside, torch.zeros_like(inside), rtol=0, atol=1e-6)
    assert BlurPool(1, 1)(board[None, None]).min() == 1  # a plain stride sees a constant instead


@pytest.mark.parametrize("filter_size", [3, 5, 7])
def test_a_shift_changes_less_than_with_a_plain_stride(filter_size):
    x = torch.relu(part_checks.channels_last(4, 8, 32, 32))
    moved = x.roll(1, 3)

    def change(pool):
        return (pool(x) - pool(moved))[..., 4:-4].square().mean() / pool(x).var()

    assert change(BlurPool(8, filter_size)) < 0.6 * change(BlurPool(8, 1))


def test_nothing_is_learned_and_nothing_is_saved():
    blur = BlurPool(4)
    assert not list(blur.parameters())
    assert not blur.state_dict()
    assert [name for name, _ in blur.named_buffers()] == ["kernel"]


@pytest.mark.parametrize("filter_size", [2, 3, 6])
@pytest.mark.parametrize("size", [8, 7])
def test_gradient_is_that_of_the_definition(filter_size, size):
    x = torch.randn(1, 2, size, size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(BlurPool(2, filter_size).double(), x)


@pytest.mark.parametrize("filter_size", [1, 2, 3, 5])
def test_layout_dtype_compile_export_and_meta(filter_size):
    blur = BlurPool(8, filter_size)
    x = part_checks.channels_last(2, 8, 6, 9)
    part_checks.check_layout(blur, x)
    part_checks.check_autocast(blur, x.shape)
    part_checks.check_compiles(blur, x)
    part_checks.check_exports(blur, x)
    part_checks.check_meta(lambda: BlurPool(8, filter_size), x)


class LayoutChanging(BlurPool):
    """What it must not do: work in the other layout."""

    def forward(self, x):
        return super().forward(x.contiguous()).contiguous(memory_format=torch.channels_last)


def test_the_layout_check_fails_a_module_that_changes_it():
    with pytest.raises(AssertionError):
        part_checks.check_layout(LayoutChanging(8), part_checks.channels_last(2, 8, 6, 9))


def test_one_graph_serves_all_sizes():
    torch.compiler.reset()
    blur = torch.compile(BlurPool(4, 3), fullgraph=True, backend="eager", dynamic=True)
    for size in (8, 9, 14, 21):
        x = part_checks.channels_last(2, 4, size, size)
        torch.testing.assert_close(blur(x), BlurPool(4, 3)(x))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [({"filter_size": 8}, "filter_size=8.*1 to 7"), ({"stride": 0}, "stride=0")],
)
def test_wrong_arguments_are_named(arguments, says):
    with pytest.raises(ValueError, match=says):
        BlurPool(4, **arguments)
