import numpy as np
import pytest
import torch

from fasttricks.kernels import mix, reference
from fasttricks.kernels.mix_torch import mix_images
from tests.kernels.finish_checks import MANTISSA, fresh, random_mixes

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


def images_and_mixes(shape, count, seed, dtype=torch.float32):
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.normal(size=shape)).to(dtype)
    return images, random_mixes(count, shape[0], *shape[2:], rng)


def run(images, mixes, **options):
    return mix_images(images, torch.from_numpy(mix.words(mixes)), **options)


def check(result, images, mixes):
    """Within a few float32 roundings of sizes below 16, then half an ulp of the dtype."""
    exact = reference.mix(images.double().numpy(), mixes)
    assert abs(exact).max() < 16
    bound = 16 * 2.0**-24 * 16
    if result.dtype in MANTISSA:
        bound += 2.0 ** (np.floor(np.log2(abs(exact) + bound)) - MANTISSA[result.dtype] - 1)
    assert result.shape == exact.shape
    assert (abs(result.double().numpy() - exact) <= bound).all()


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
    words = torch.from_numpy(mix.words(mixes)).cuda()
    check(mix_images(images.cuda(), words).cpu(), images, mixes)


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


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_memory_format_is_kept(memory):
    images, mixes = images_and_mixes((4, 3, 9, 14), 5, seed=1)
    result = run(images.to(memory_format=memory), mixes)
    assert result.is_contiguous(memory_format=memory)
    check(result, images, mixes)
    strided = torch.nn.functional.pad(images, (1, 2))[..., 1:-2]
    assert torch.equal(run(strided, mixes), run(images, mixes))


def test_noise_may_be_left_out_by_promise():
    images, mixes = images_and_mixes((4, 3, 9, 14), 8, seed=1)
    mixes["patches"]["noise"] = 0
    assert torch.equal(run(images, mixes, noise=False), run(images, mixes))


def test_asks_for_no_value_on_the_host():
    """Tensors without data: whatever had to look at one to go on would fail."""
    images = torch.empty((4, 3, 9, 14), device="meta")
    assert mix_images(images, torch.empty((5, mix.WORDS), dtype=torch.int32, device="meta")).is_meta


def test_inputs_are_left_alone():
    images, mixes = images_and_mixes((4, 3, 9, 14), 5, seed=1)
    before = images.clone()
    run(images, mixes).fill_(7)
    run(images, mix.plain([0, 1])).fill_(7)
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    ("images", "words", "message"),
    [
        (torch.zeros(3, 9, 14), torch.zeros(2, 55).int(), r"floats \[B, C, H, W\]; got .*\[3, 9"),
        (torch.zeros(1, 3, 9, 14).byte(), torch.zeros(2, 55).int(), "got torch.uint8"),
        (torch.zeros(1, 3, 9, 14), torch.zeros(2, 54).int(), r"int32 \[B, 55\].*\[2, 54\]"),
        (torch.zeros(1, 3, 9, 14), torch.zeros(2, 55), "got torch.float32"),
        (torch.zeros(1, 3, 9, 14), torch.zeros(2, 55).int().to("meta"), "on meta, the pictures"),
    ],
)
def test_refused_arguments_are_named(images, words, message):
    with pytest.raises(ValueError, match=f"mix_images: .*{message}"):
        mix_images(images, words)
