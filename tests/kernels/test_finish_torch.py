import numpy as np
import pytest
import torch

from fasttricks.kernels import finish_torch, reference
from fasttricks.kernels.mix import description as mix
from fasttricks.kernels.mix.by_torch import mix_interleaved
from tests.kernels.finish_checks import DTYPES, check, fresh, mixed_batch


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mixed", [False, True])
def test_equals_the_reference(mixed, dtype):
    seed = fresh()
    inputs = mixed_batch((4, 9, 17), 7, seed)
    inputs = inputs if mixed else inputs._replace(mixes=None)
    out = torch.empty((7 if mixed else 4, 9, 17, 3), dtype=dtype)
    finish_torch.finish(*inputs[:3], out, inputs.words)
    check(out.permute(0, 3, 1, 2), inputs)


def test_asks_for_no_value_on_the_host():
    """Tensors without data: whatever had to look at one to go on would fail."""
    inputs = mixed_batch((4, 9, 17), 7)
    tensors = [tensor.to("meta") for tensor in (*inputs[:3], inputs.words)]
    out = torch.empty((7, 9, 17, 3), device="meta")
    finish_torch.finish(*tensors[:3], out, tensors[3])


def test_mixes_of_more_than_2_31_elements():
    """Memory that is neither written nor read takes none: only the first and last are touched."""
    count = 2**31 // (64 * 64 * 3) + 2
    pictures = torch.empty((count, 64, 64, 3))
    assert pictures.numel() > 2**31
    two = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 64, 64, 3)).astype(np.float32))
    pictures[0], pictures[-1] = two
    mixes = mix.plain([0, count - 1])
    mixes["count"] = 1
    patches = mixes["patches"][:, 0]
    patches["height"], patches["width"], patches["weight"] = 64, 64, 0.25
    patches["source"] = count - 1, 0
    found = mix_interleaved(pictures, torch.from_numpy(mix.words(mixes)), noise=False)
    mixes["own"], mixes["patches"]["source"][:, 0] = [0, 1], [1, 0]
    exact = reference.mix(two.permute(0, 3, 1, 2).double().numpy(), mixes)
    assert abs(found.permute(0, 3, 1, 2).numpy() - exact).max() < 8 * 2.0**-23
