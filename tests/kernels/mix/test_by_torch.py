import numpy as np
import pytest
import torch

from fasttricks.kernels.mix import description as mix
from fasttricks.kernels.mix.by_torch import check_words, mix_interleaved
from tests.kernels.finish_checks import fresh
from tests.kernels.mix.floats_checks import check, images_and_mixes

DTYPES = [torch.float64, torch.float32]


def run(images, mixes, noise=True):
    words = torch.from_numpy(mix.words(mixes)).to(images.device)
    return mix_interleaved(images.permute(0, 2, 3, 1), words, noise).permute(0, 3, 1, 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 3, 9, 14), (2, 1, 1, 20), (3, 7, 13, 1), (1, 3, 1, 1)])
def test_equals_the_reference(shape, dtype):
    seed = fresh()
    images, mixes = images_and_mixes(shape, 11, seed, dtype)
    result = run(images, mixes)
    assert result.dtype == dtype
    check(result, images, mixes)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
def test_equals_the_reference_on_cuda(dtype):
    images, mixes = images_and_mixes((4, 3, 19, 14), 11, fresh(), dtype)
    check(run(images.cuda(), mixes).cpu(), images, mixes)


@pytest.mark.parametrize("wrong", ["source", "weight", "top", "value", "noise"])
def test_the_check_rejects_a_wrong_mix(wrong):
    images, mixes = images_and_mixes((4, 3, 9, 14), 15, seed=3)
    check(run(images, mixes), images, mixes)
    other = mixes.copy()
    patches = other["patches"]
    patches[wrong] = {
        "source": np.where(patches["source"] < 0, -1, (patches["source"] + 1) % 4),
        "weight": 1 - patches["weight"],
        "top": np.maximum(patches["top"] - 1, 0),
        "value": patches["value"][..., ::-1],
        "noise": 0,
    }[wrong]
    with pytest.raises(AssertionError):
        check(run(images, other), images, mixes)


def test_noise_may_be_left_out_by_promise():
    images, mixes = images_and_mixes((4, 3, 9, 14), 8, seed=1)
    mixes["patches"]["noise"] = 0
    assert torch.equal(run(images, mixes, noise=False), run(images, mixes))


def test_asks_for_no_value_on_the_host():
    """Tensors without data: whatever had to look at one to go on would fail."""
    images = torch.empty((4, 9, 14, 3), device="meta")
    words = torch.empty((5, mix.WORDS), dtype=torch.int32, device="meta")
    assert mix_interleaved(images, words, True).is_meta


def test_inputs_are_left_alone():
    images, mixes = images_and_mixes((4, 3, 9, 14), 5, seed=1)
    before = images.clone()
    run(images, mixes).fill_(7)
    run(images, mix.plain([0, 1])).fill_(7)
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (torch.zeros(2, 54).int(), r"int32 \[B, 55\].*\[2, 54\]"),
        (torch.zeros(2, 55), "got torch.float32"),
        (torch.zeros(2, 55).int().to("meta"), "on meta, the pictures"),
    ],
)
def test_refused_descriptions_are_named(words, message):
    with pytest.raises(ValueError, match=f"me: .*{message}"):
        check_words(words, torch.device("cpu"), "me")
