"""The mean of each map: its value in any layout, and the layout of its gradient."""

from __future__ import annotations

import pytest
import torch

from fasttricks.models.pooling import mean_of_maps


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("shape", [(2, 5, 7, 3), (1, 4, 1, 1), (3, 1, 2, 9)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_it_is_the_mean(shape, layout, dtype):
    x = torch.randn(shape).to(dtype).to(memory_format=layout)
    got = mean_of_maps(x)
    assert got.dtype == dtype
    expected = x.double().mean((2, 3))
    torch.testing.assert_close(got.double(), expected, rtol=torch.finfo(dtype).eps, atol=1e-6)


def test_the_gradient_lies_as_the_maps_do():
    x = torch.randn(2, 5, 4, 3).to(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(2, 5)
    (gradient,) = torch.autograd.grad((mean_of_maps(x) * weight).sum(), x)
    assert gradient.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(gradient, (weight / 12)[:, :, None, None].expand(2, 5, 4, 3))


def test_the_usual_means_lose_the_layout():
    """Why this file exists: if torch changes, it may go."""
    x = torch.randn(2, 5, 4, 3).to(memory_format=torch.channels_last).requires_grad_()
    for usual in (x.mean((2, 3)), torch.nn.functional.adaptive_avg_pool2d(x, 1)):
        (gradient,) = torch.autograd.grad(usual.sum(), x)
        assert not gradient.is_contiguous(memory_format=torch.channels_last)
