import numpy as np
import pytest
import torch

from fasttricks.kernels.ops.batch import apply_by_torch
from tests.kernels.ops.checks import REAL, SHAPES, numbers, ops_of, pictures, run


@pytest.mark.parametrize("op", REAL)
def test_gives_the_bytes_of_the_cpu_kernels(op):
    """Each picture of the batch with its own numbers."""
    rng = np.random.default_rng()
    for shape in SHAPES:
        batch = np.array(list(pictures(shape, rng)))
        values = [numbers(op, rng) for _ in batch]
        made = torch.from_numpy(batch.copy())
        apply_by_torch(made, np.array([ops_of((op, v)) for v in values]))
        expected = np.array([run(p, (op, v)) for p, v in zip(batch, values, strict=True)])
        assert np.array_equal(made.numpy(), expected), (shape, values)


@pytest.mark.gpu
@pytest.mark.parametrize("op", REAL)
def test_gives_the_bytes_of_the_cpu_kernels_on_cuda(op):
    rng = np.random.default_rng()
    for shape in [*SHAPES, (224, 224)]:
        batch = np.array(list(pictures(shape, rng)))
        values = [numbers(op, rng) for _ in batch]
        made = torch.from_numpy(batch).cuda()
        apply_by_torch(made, np.array([ops_of((op, v)) for v in values]))
        expected = np.array([run(p, (op, v)) for p, v in zip(batch, values, strict=True)])
        assert np.array_equal(made.cpu().numpy(), expected), (shape, values)
