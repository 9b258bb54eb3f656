"""The same pictures on the GPU: they are decoded there by DALI, and elsewhere finished there."""

import numpy as np
import pytest
import torch

from fasttricks import Augment, Mixup
from fasttricks.kernels.policy import TrivialAugment
from tests.pipelines.agreement import NAMES, assert_same, collect, expected_picture

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_pixels_are_the_references(name, train, pictures, open_loader):
    """nvJPEG's inverse DCT and upsampling differ from libjpeg-turbo's by a few levels at edges."""
    with open_loader(name, pictures, work="decode", train=train, device="cuda") as loader:
        images, _ = next(iter(loader))
        assert images.device.type == "cuda"
        assert images.is_contiguous(memory_format=torch.channels_last)
        for image, index in zip(images.cpu(), loader.indices(0, 0), strict=True):
            want = expected_picture(loader, pictures, 0, int(index))
            error = np.abs(image.permute(1, 2, 0).numpy() - want)
            assert error.mean() <= (1.0 if name == "dali" else 0.30)
            assert error.max() <= (32 if name == "dali" else 1 + 1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_finished_pictures_are_those_of_the_cpu(name, dtype, pictures, open_loader):
    with open_loader(name, pictures, dtype=dtype, device="cuda") as loader:
        there, targets = next(iter(loader))
    with open_loader(name, pictures, dtype=dtype) as loader:
        here, expected = next(iter(loader))
    assert there.dtype == dtype
    assert torch.equal(targets.cpu(), expected)
    close = (there.cpu().float() - here.float()).abs()
    assert close.mean() <= (0.03 if name == "dali" else 0.01)


@pytest.mark.parametrize("name", NAMES)
def test_policies_and_mixes_are_those_of_the_cpu(name, pictures, open_loader):
    """Where pixels are a level apart, a policy may put them further apart; few are."""
    policy = Augment(policy=TrivialAugment())
    how = {"mix": Mixup(0.5), "mix_group": 8, "augment": policy, "views": 2}
    with open_loader(name, pictures, device="cuda", **how) as loader:
        there, targets = next(iter(loader))
    with open_loader(name, pictures, **how) as loader:
        here, expected = next(iter(loader))
    for part, whole in zip(targets, expected, strict=True):
        assert torch.equal(part.cpu(), whole)
    assert (there.cpu() - here).abs().mean() <= (0.3 if name == "dali" else 0.05)


@pytest.mark.parametrize("name", NAMES)
def test_batches_stay_as_they_were_given(name, pictures, open_loader):
    """Work that is queued on the caller's stream must see the batch that it was given, however far
    the loader runs ahead (a hardware decoder may write after the stream has moved on)."""
    with open_loader(name, pictures, batch_size=4, device="cuda") as loader:
        calm = collect(loader)
        loader.set_epoch(0)
        busy, weights = [], torch.randn(4096, 4096, device="cuda")
        for images, targets in loader:
            for _ in range(10):
                weights = torch.nn.functional.normalize(weights @ weights)
            busy.append((images.clone(), targets.clone()))
        torch.cuda.synchronize()
    assert_same(calm, busy)
