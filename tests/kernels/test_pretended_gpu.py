"""What runs on tensors of a GPU as torch operations: the CPU's numbers, and nobody waits."""

import numpy as np
import pytest
import torch

from fasttricks.kernels.augment import Augment
from fasttricks.kernels.finish import finish
from fasttricks.kernels.mix.by_torch import mix_interleaved
from fasttricks.kernels.mix.description import words
from fasttricks.kernels.mix.kinds import RICAP, CutMix, Cutout, Mixup, RandomErasing
from fasttricks.kernels.mix.plan import Place, plan_mix
from fasttricks.kernels.mix.targets import mix
from fasttricks.kernels.ops.batch import apply_ops_batch
from fasttricks.kernels.plan_ops import plan_ops_batch
from fasttricks.kernels.policy import TrivialAugment
from tests.pretend_cuda import pretend_cuda

MIXES = (Mixup(0.5), CutMix(), RICAP(), (Mixup(), Cutout(8)), RandomErasing(1.0))


def pictures(count=6, side=12):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(
        0, 256, (count, side, side, 3), dtype=torch.uint8, generator=generator
    ), torch.arange(count) % 3


def seeded():
    return torch.Generator().manual_seed(5)


def mix_floats(images, words, noise=True):
    """In place of the Triton kernel, with what it needs of its arguments."""
    assert images.device == words.device
    assert words.is_contiguous()
    return mix_interleaved(images.permute(0, 2, 3, 1), words, noise).permute(0, 3, 1, 2)


@pytest.mark.parametrize("how", MIXES, ids=str)
def test_mixing_a_batch(how, monkeypatch):
    kernel = pytest.importorskip("fasttricks.kernels.mix.floats_triton")
    monkeypatch.setattr(kernel, "mix", mix_floats)
    pixels, labels = pictures()
    images = pixels.permute(0, 3, 1, 2).float()
    expected, targets = mix(images, labels, how, seeded())
    if isinstance(targets, tuple):
        targets = targets.soft(3, 0.1)
    with pretend_cuda() as order:
        here, generator = (images.to("cuda"), labels.to("cuda")), seeded()
        with order.nobody_waits():
            mixed, found = mix(*here, how, generator)
            if isinstance(found, tuple):
                found = found.soft(3, 0.1)
        assert mixed.is_cuda
        assert found.is_cuda
        assert torch.equal(found.cpu(), targets)
        torch.testing.assert_close(mixed.cpu(), expected, rtol=1e-5, atol=1e-3)


def test_a_generator_of_a_gpu_is_refused():
    class Elsewhere(torch.Generator):
        device = torch.device("cuda", 0)

    with pytest.raises(ValueError, match="generator must be on the CPU"):
        mix(torch.ones(2, 3, 4, 4), torch.arange(2), Mixup(), Elsewhere())


@pytest.mark.parametrize("color", ["none", "hsv-literal", "reference"])
def test_ops(color):
    pixels, _ = pictures(count=16)
    params = Augment(color=color, policy=TrivialAugment()).ops(size=12, train=True)
    ops = plan_ops_batch(0, 0, range(16), [0] * 16, params)
    expected = apply_ops_batch(pixels.clone(), ops)
    with pretend_cuda() as order:
        there = pixels.to("cuda")
        with order.nobody_waits():
            apply_ops_batch(there, ops)
        assert torch.equal(there.cpu(), expected)


@pytest.mark.parametrize("how", [None, Mixup(0.5), RandomErasing(1.0)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_finishing(how, dtype):
    pixels, _ = pictures()
    matrix, flip = torch.from_numpy(np.random.default_rng(0).random((6, 3, 4), np.float32)), None
    flip, table = torch.arange(6) % 2 == 0, None
    if how is not None:
        place = Place(seed=0, epoch=0, first=0, batch=0, group=6)
        table = torch.from_numpy(words(plan_mix((how,), place, 6, 1, 12, 12).mixes))
    expected = finish(pixels, matrix, flip, dtype, mix=table)
    with pretend_cuda() as order:
        given = [pixels.to("cuda"), matrix.to("cuda"), flip.to("cuda")]
        table = None if table is None else table.to("cuda")
        with order.nobody_waits():
            found = finish(*given, dtype, mix=table, backend="torch")
        assert found.is_cuda
        tolerance = {"rtol": 1e-2, "atol": 1e-2} if dtype == torch.bfloat16 else {}
        torch.testing.assert_close(found.cpu(), expected, **tolerance)
