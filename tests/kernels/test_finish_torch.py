import pytest
import torch

from fasttricks.kernels import finish_torch
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
