import numpy as np
import pytest
import torch

from fasttricks.kernels import reference
from fasttricks.kernels.finish import finish
from fasttricks.kernels.mix import description as mix
from tests.kernels.finish_checks import (
    DTYPES,
    SHAPES,
    batch,
    check,
    fresh,
    mixed_batch,
    random_mixes,
)

CPU_BACKENDS = ["auto", "torch"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_equals_the_reference(backend, shape, dtype):
    inputs = batch(shape, seed=sum(shape))
    result = finish(*inputs[:3], dtype, backend=backend)
    assert result.dtype == dtype
    assert result.is_contiguous(memory_format=torch.channels_last)
    check(result, inputs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_mixes_equal_the_reference(backend, shape, dtype):
    seed = fresh()
    inputs = mixed_batch(shape, 11, seed)
    result = finish(*inputs[:3], dtype, mix=inputs.words, backend=backend)
    assert result.dtype == dtype
    assert result.is_contiguous(memory_format=torch.channels_last)
    check(result, inputs)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 17, 31), (1, 1, 1), (16, 64, 64)])
@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_equals_the_reference_on_cuda(backend, shape, dtype):
    seed = fresh()
    torch.backends.cuda.matmul.allow_tf32, before = True, torch.backends.cuda.matmul.allow_tf32
    try:
        for inputs in (batch(shape, seed), mixed_batch(shape, 9, seed)):
            words = None if inputs.mixes is None else inputs.words.cuda()
            tensors = [tensor.cuda() for tensor in inputs[:3]]
            result = finish(*tensors, dtype, mix=words, backend=backend)
            assert result.is_contiguous(memory_format=torch.channels_last)
            check(result.cpu(), inputs)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


@pytest.mark.gpu
@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_does_not_wait_for_cuda(backend):
    inputs = mixed_batch((4, 32, 32), 6)
    tensors, words = [tensor.cuda() for tensor in inputs[:3]], inputs.words.cuda()
    finish(*tensors, mix=words, backend=backend)  # compiles
    torch.cuda.set_sync_debug_mode("error")
    try:
        finish(*tensors, mix=words, backend=backend)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_without_patches_it_is_the_own_picture():
    inputs = batch((3, 7, 20))
    words = torch.from_numpy(mix.words(mix.plain([2, 0, 0, 1])))
    assert torch.equal(finish(*inputs[:3], mix=words), finish(*inputs[:3])[[2, 0, 0, 1]])


def test_noise_may_be_left_out_by_promise():
    inputs = mixed_batch((3, 8, 20), 10)
    inputs.mixes["patches"]["noise"] = 0
    result = finish(*inputs[:3], mix=inputs.words, noise=False, backend="torch")
    check(result, inputs)


def right(pixels, matrix, flip):
    mirrored = torch.where(flip[:, None, None, None], pixels.flip(2), pixels).float()
    return torch.einsum("bck,bhwk->bchw", matrix[:, :, :3], mirrored) + matrix[:, :, 3, None, None]


WRONG = {
    "not flipped": lambda p, m, f: right(p, m, torch.zeros_like(f)),
    "flipped upside down": lambda p, m, f: right(p, m, torch.zeros_like(f)).flip(2),
    "BGR in": lambda p, m, f: right(p.flip(3), m, f),
    "BGR out": lambda p, m, f: right(p, m, f).flip(1),
    "A transposed": lambda p, m, f: right(p, torch.cat([m[:, :, :3].mT, m[:, :, 3:]], 2), f),
    "no offset": lambda p, m, f: right(p, m * torch.tensor([1, 1, 1, 0]), f),
    "one matrix for all": lambda p, m, f: right(p, m[:1].expand_as(m), f),
    "clamped": lambda p, m, f: right(p, m, f).clamp(0, 255),
    "10 bits of A (TF32)": lambda p, m, f: right(
        p, (m.view(torch.int32) & ~0x1FFF).view(torch.float32), f
    ),
    "through float16": lambda p, m, f: right(p, m, f).half().float(),
    "float16 cut off": lambda p, m, f: cut_off(right(p, m, f)),
}


def cut_off(numbers):
    """float16 by truncation: rounded towards zero instead of to nearest."""
    half = numbers.half()
    too_large = half.float().abs() > numbers.abs()
    return torch.where(too_large, torch.nextafter(half, torch.zeros_like(half)), half)


@pytest.mark.parametrize("wrong", WRONG)
def test_the_check_rejects_a_wrong_kernel(wrong):
    inputs = batch((3, 12, 20), seed=4)
    check(right(*inputs[:3]), inputs)
    check(right(*inputs[:3]).half(), inputs)
    with pytest.raises(AssertionError):
        check(WRONG[wrong](*inputs[:3]), inputs)


def one_off(mixes):
    left = mixes["patches"]["from_left"]
    left -= left > 0


def mirror_sources(mixes, flip):
    patches = mixes["patches"]
    left = 20 - patches["width"] - patches["from_left"]
    np.copyto(patches["from_left"], left, where=flip.numpy()[patches["source"]])


def reverse_order(mixes):
    for one in mixes:
        one["patches"][: one["count"]] = one["patches"][: one["count"]][::-1].copy()


def set_field(name, change):
    def apply(mixes):
        mixes["patches"][name] = change(mixes["patches"][name])

    return apply


WRONG_MIX = {
    "wrong partner": set_field("source", lambda s: np.where(s < 0, s, (s + 1) % 4)),
    "weights swapped": set_field("weight", lambda w: 1 - w),
    "the first patch wins": reverse_order,
    "one pixel off": one_off,
    "lower by a row": set_field("top", lambda t: np.maximum(t - 1, 0)),
    "constant BGR": set_field("value", lambda v: v[..., ::-1].copy()),
    "no noise": set_field("noise", np.zeros_like),
    "weight taken as 1": set_field("weight", lambda w: np.where(w > 0, 1, 0)),
    "one patch less": lambda m: np.subtract(m["count"], m["count"] > 0, out=m["count"]),
    "own picture instead of its neighbour": lambda m: np.copyto(m["own"], (m["own"] + 1) % 4),
    "another key": lambda m: np.copyto(m["key"], m["key"][:, ::-1].copy()),
    "another counter": lambda m: np.copyto(m["counter"], m["counter"][:, ::-1].copy()),
}


@pytest.mark.parametrize("wrong", WRONG_MIX)
def test_the_check_rejects_a_wrong_mix(wrong):
    inputs = mixed_batch((4, 12, 20), 15, seed=5)
    check(by_reference(inputs), inputs)
    check(by_reference(inputs).half(), inputs)
    other = inputs._replace(mixes=inputs.mixes.copy())
    WRONG_MIX[wrong](other.mixes)
    with pytest.raises(AssertionError):
        check(by_reference(other), inputs)


def test_the_check_rejects_a_mix_of_wrong_pictures():
    inputs = mixed_batch((4, 12, 20), 15, seed=5)
    pixels, _, flip, mixes = inputs
    sideways = mixes.copy()
    mirror_sources(sideways, flip)
    for other in (
        inputs._replace(flip=~flip),
        inputs._replace(flip=torch.zeros_like(flip)),
        inputs._replace(pixels=pixels.flip(3)),
        inputs._replace(mixes=sideways),  # a patch taken before the flip
    ):
        with pytest.raises(AssertionError):
            check(by_reference(other), inputs)
    rounded = reference.finish(*(t.numpy() for t in inputs[:3])).astype(np.float16)
    with pytest.raises(AssertionError):  # mixed from rounded pictures
        check(torch.from_numpy(reference.mix(rounded, mixes)).half(), inputs)


def by_reference(inputs):
    tensors = (tensor.numpy() for tensor in inputs[:3])
    return torch.from_numpy(reference.finish(*tensors, inputs.mixes)).float()


def test_samples_may_lie_apart():
    pixels, matrix, flip, _ = batch((6, 10, 19))
    expected = finish(pixels[::2].clone(), matrix[::2].clone(), flip[::2].clone())
    assert torch.equal(finish(pixels[::2], matrix[::2], flip[::2]), expected)
    planar = pixels[::2].permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert torch.equal(finish(planar, matrix[::2], flip[::2]), expected)
    cropped = torch.nn.functional.pad(pixels, (0, 0, 2, 1, 3, 0))[::2, 3:, 2:-1]
    assert torch.equal(finish(cropped, matrix[::2], flip[::2]), expected)
    words = torch.from_numpy(mix.words(random_mixes(5, 3, 10, 19, np.random.default_rng(1))))
    expected = finish(cropped.clone(), matrix[::2], flip[::2], mix=words)
    assert torch.equal(finish(cropped, matrix[::2], flip[::2], mix=words), expected)
    assert torch.equal(finish(planar, matrix[::2], flip[::2], mix=words), expected)


@pytest.mark.parametrize("backend", CPU_BACKENDS)
def test_matrix_flip_and_mix_may_be_strided(backend):
    inputs = mixed_batch((4, 10, 19), 5)
    matrix = inputs.matrix.mT.contiguous().mT
    flip = torch.stack([inputs.flip, ~inputs.flip], 1)[:, 0]
    words = torch.stack([inputs.words, -inputs.words], 2)[..., 0]
    assert not any(tensor.is_contiguous() for tensor in (matrix, flip, words))
    check(finish(inputs.pixels, matrix, flip, mix=words, backend=backend), inputs)
    unmixed = inputs._replace(mixes=None)
    check(finish(inputs.pixels, matrix, flip, backend=backend), unmixed)


@pytest.mark.parametrize("dtype", DTYPES)
def test_out_is_written_and_nothing_else(dtype):
    pixels, matrix, flip, _ = batch((3, 7, 21))
    store = torch.full((5, 7, 21, 3), 9.0, dtype=dtype)
    out = store[1:4].permute(0, 3, 1, 2)
    result = finish(pixels, matrix, flip, dtype, out)
    assert result is out
    assert torch.equal(out, finish(pixels, matrix, flip, dtype))
    words = mixed_batch((3, 7, 21), 3).words
    assert finish(pixels, matrix, flip, dtype, out, words) is out
    assert torch.equal(out, finish(pixels, matrix, flip, dtype, mix=words))
    assert (store[0] == 9).all()
    assert (store[4] == 9).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_empty_batch(dtype):
    result = finish(*batch((0, 6, 5))[:3], dtype)
    assert result.shape == (0, 3, 6, 5)
    assert result.dtype == dtype
    nothing = torch.empty(0, mix.WORDS, dtype=torch.int32)
    assert finish(*batch((2, 6, 5))[:3], dtype, mix=nothing).shape == (0, 3, 6, 5)


def test_flip_as_uint8():
    pixels, matrix, flip, _ = batch((4, 5, 18))
    bytes_ = flip.to(torch.uint8) * 3
    assert torch.equal(finish(pixels, matrix, bytes_), finish(pixels, matrix, flip))
