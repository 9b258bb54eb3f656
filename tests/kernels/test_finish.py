import numpy as np
import pytest
import torch

from fasttricks.kernels import finish_torch, reference
from fasttricks.kernels.finish import finish

SHAPES = [(3, 17, 31), (1, 8, 16), (2, 5, 1), (4, 1, 15), (1, 1, 1), (2, 33, 48), (3, 9, 17)]
DTYPES = [torch.float32, torch.float16, torch.bfloat16]
MANTISSA = {torch.float16: 10, torch.bfloat16: 7}


def batch(shape, seed=0):
    rng = np.random.default_rng(seed)
    pixels = torch.from_numpy(rng.integers(0, 256, (*shape, 3), dtype=np.uint8))
    matrix = torch.from_numpy(rng.normal(0, 0.02, (shape[0], 3, 4)).astype(np.float32))
    matrix[:, :, 3] *= 100
    flip = torch.arange(shape[0]) % 3 != 1
    return pixels, matrix, flip


def by_torch(pixels, matrix, flip, dtype=torch.float32):
    out = torch.empty(pixels.shape, dtype=dtype, device=pixels.device)
    finish_torch.finish(pixels, matrix, flip, out)
    return out.permute(0, 3, 1, 2)


def exact_and_bound(pixels, matrix, flip, dtype):
    """The float64 result, and how far a float32 computation rounded once to `dtype` may be off.

    Each of the four terms of a sum goes through at most four float32 roundings (one product, three
    additions), each within half an ulp, 2^-24 of the size. The last rounding is within half an ulp
    of the result: 2^-(mantissa + 1) of the power of two below it, at least that of a subnormal.
    """
    exact = reference.finish(pixels.numpy(), matrix.numpy(), flip.numpy())
    terms = reference.finish(pixels.numpy(), abs(matrix.numpy()), flip.numpy())
    unit = 2.0**-24
    bound = 4 * unit / (1 - 4 * unit) * terms
    if dtype in MANTISSA:
        exponent = np.floor(np.log2(np.maximum(abs(exact) + bound, torch.finfo(dtype).tiny)))
        bound = bound + 2.0 ** (exponent - MANTISSA[dtype] - 1)
    return exact, bound


def check(result, pixels, matrix, flip):
    exact, bound = exact_and_bound(pixels, matrix, flip, result.dtype)
    assert result.shape == exact.shape
    assert (abs(result.double().numpy() - exact) <= bound).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kernel", [finish, by_torch])
def test_equals_the_reference(kernel, shape, dtype):
    inputs = batch(shape, seed=sum(shape))
    result = kernel(*inputs, dtype)
    assert result.dtype == dtype
    assert result.is_contiguous(memory_format=torch.channels_last)
    check(result, *inputs)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 17, 31), (16, 64, 64)])
def test_equals_the_reference_on_cuda(shape, dtype):
    inputs = batch(shape)
    torch.backends.cuda.matmul.allow_tf32, before = True, torch.backends.cuda.matmul.allow_tf32
    try:
        result = finish(*(t.cuda() for t in inputs), dtype)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    assert result.is_contiguous(memory_format=torch.channels_last)
    check(result.cpu(), *inputs)


@pytest.mark.gpu
def test_does_not_wait_for_cuda():
    inputs = [t.cuda() for t in batch((4, 32, 32))]
    torch.cuda.set_sync_debug_mode("error")
    try:
        finish(*inputs)
    finally:
        torch.cuda.set_sync_debug_mode("default")


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
    check(right(*inputs), *inputs)
    check(right(*inputs).half(), *inputs)
    with pytest.raises(AssertionError):
        check(WRONG[wrong](*inputs), *inputs)


def test_samples_may_lie_apart():
    pixels, matrix, flip = batch((6, 10, 19))
    expected = finish(pixels[::2].clone(), matrix[::2].clone(), flip[::2].clone())
    assert torch.equal(finish(pixels[::2], matrix[::2], flip[::2]), expected)
    planar = pixels[::2].permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert torch.equal(finish(planar, matrix[::2], flip[::2]), expected)
    cropped = torch.nn.functional.pad(pixels, (0, 0, 2, 1, 3, 0))[::2, 3:, 2:-1]
    assert torch.equal(finish(cropped, matrix[::2], flip[::2]), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_out_is_written_and_nothing_else(dtype):
    pixels, matrix, flip = batch((3, 7, 21))
    store = torch.full((5, 7, 21, 3), 9.0, dtype=dtype)
    out = store[1:4].permute(0, 3, 1, 2)
    result = finish(pixels, matrix, flip, dtype, out)
    assert result is out
    assert torch.equal(out, finish(pixels, matrix, flip, dtype))
    assert (store[0] == 9).all()
    assert (store[4] == 9).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_empty_batch(dtype):
    result = finish(*batch((0, 6, 5)), dtype)
    assert result.shape == (0, 3, 6, 5)
    assert result.dtype == dtype


def test_flip_as_uint8():
    pixels, matrix, flip = batch((4, 5, 18))
    bytes_ = flip.to(torch.uint8) * 3
    assert torch.equal(finish(pixels, matrix, bytes_), finish(pixels, matrix, flip))


PIXELS, MATRIX, FLIP = batch((2, 4, 5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixels": PIXELS.float()}, r"pixels must be uint8 .*got torch.float32 \[2, 4, 5, 3\]"),
        (
            {"pixels": PIXELS.permute(0, 3, 1, 2)},
            r"pixels must be .*got torch.uint8 \[2, 3, 4, 5\]",
        ),
        ({"matrix": MATRIX[:1]}, r"matrix must be float32 \[2, 3, 4\]; got .*\[1, 3, 4\]"),
        ({"matrix": MATRIX.double()}, "got torch.float64"),
        ({"flip": FLIP[:1]}, r"flip must be bool or uint8 \[2\]; got torch.bool \[1\]"),
        ({"flip": FLIP.float()}, "flip must be .*got torch.float32"),
        ({"flip": FLIP.to("meta")}, "one device; got cpu, cpu and meta"),
        ({"dtype": torch.float64}, "dtype must be one of .*got torch.float64"),
        ({"out": torch.empty(2, 3, 4, 5)}, "out must be .*channels_last on cpu; got"),
        ({"out": torch.empty(2, 4, 5, 3).half().permute(0, 3, 1, 2)}, "got torch.float16"),
    ],
)
def test_refused_arguments_are_named(change, message):
    good = {"pixels": PIXELS, "matrix": MATRIX, "flip": FLIP}
    finish(**good)
    with pytest.raises(ValueError, match=message):
        finish(**{**good, **change})
