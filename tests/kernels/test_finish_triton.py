from pathlib import Path

import numpy as np
import pytest
import torch

from fasttricks.kernels.finish import finish
from fasttricks.kernels.mix import description as mix
from tests.kernels.finish_checks import batch, check, fresh
from tests.kernels.finish_with_triton import CASES, IN_GROUPS, make
from tests.kernels.interpreted import interpret

pytest.importorskip("triton")

from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from fasttricks.kernels import finish_triton

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory):
    """(seed, what `finish_with_triton` has found)."""
    seed, target = fresh(), tmp_path_factory.mktemp("triton") / "results"
    interpret("tests.kernels.finish_with_triton", seed, target)
    return seed, torch.load(target)


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: str(CASES[number]))
def test_interpreted_equals_the_reference(number, interpreted):
    seed, results = interpreted
    result = results["usual"][number]
    assert result.dtype == CASES[number][1]
    assert result.is_contiguous(memory_format=torch.channels_last)
    # The interpreter cuts bfloat16 off instead of rounding it.
    check(result, make(CASES[number], seed), truncated=result.dtype == torch.bfloat16)


def test_outputs_beyond_2_31_numbers(interpreted):
    seed, results = interpreted
    for result in results["far"]:
        check(result, batch((1, 1, finish_triton.BLOCK), seed))


@pytest.mark.parametrize("number", IN_GROUPS, ids=lambda number: str(CASES[number]))
def test_neighbours_read_together_give_the_same_numbers(number, interpreted):
    _, results = interpreted
    assert torch.equal(results["usual"][number], results["one by one"][number])


def test_what_is_read_together():
    pixels, out = torch.empty(4, 8, 24, 3, dtype=torch.uint8), torch.empty(4, 8, 24, 3)
    assert finish_triton.group(pixels, out) == 4
    assert finish_triton.group(pixels, out.half()) == 8
    assert finish_triton.group(pixels[1:, 2:], out[1:, 2:].half()) == 8
    assert finish_triton.group(pixels[:, :, :16], out.half()[:, :, :16]) == 8
    for begin, end in [(0, 20), (4, 12), (3, 11)]:
        part = pixels[:, :, begin:end], out.half()[:, :, begin:end].contiguous()
        assert finish_triton.group(*part) == 1
    assert finish_triton.group(pixels[:, :, :20], out[:, :, :20].contiguous()) == 4
    later = torch.empty(8 * 24 * 3 + 1).half()[1:].view(1, 8, 24, 3)
    assert finish_triton.group(pixels, later) == 1


@pytest.mark.parametrize("width", [1, 2, 3, 5, 7, 31, 32, 33, 224, 641, 2**15 + 1, 2**29 - 1])
def test_division_by_multiplication(width):
    magic, shift = finish_triton.reciprocal(width)
    assert -(2**31) <= magic < 2**31
    rng = np.random.default_rng()
    multiples = width * rng.integers(0, 2**30 // width + 1, 1000)
    around = np.concatenate([multiples - 1, multiples, multiples + 1, rng.integers(0, 2**30, 1000)])
    numbers = np.clip(np.concatenate([around, [0, 2**30 - 1]]), 0, 2**30 - 1).astype(object)
    upper = (2 * numbers + 1) * (magic % 2**32) // 2**32
    assert (upper // 2**shift == numbers // width).all()


class Compiler:
    """Stands in for a GPU's driver: code is made for it, but not run."""

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0

    def get_current_target(self):
        return GPUTarget("cuda", 90, 32)


class Warmed:
    """Compiles a kernel where it would be launched."""

    def __init__(self, kernel):
        self.kernel, self.compiled = kernel, []

    def __getitem__(self, grid):
        return lambda *args, **options: self.compiled.append(
            self.kernel.warmup(*args, grid=grid, **options)
        )


@pytest.fixture
def warmed(monkeypatch):
    """`finish_triton` compiles for Hopper instead of running."""
    driver.set_active(Compiler())
    warmed = Warmed(finish_triton._kernel)
    monkeypatch.setattr(finish_triton, "_kernel", warmed)
    yield warmed
    driver.reset_active() if torch.cuda.is_available() else driver.set_active(None)


def compile_for(shape, dtype, mixed=False, noise=True, offset=0):
    batch, height, width = shape
    pixels = torch.empty(batch * height * width * 3 + offset, dtype=torch.uint8)[offset:]
    words = torch.from_numpy(mix.words(mix.plain(range(batch)))) if mixed else None
    finish_triton.finish(
        pixels.view(*shape, 3),
        torch.empty(batch, 3, 4),
        torch.empty(batch, dtype=torch.bool),
        torch.empty(*shape, 3, dtype=dtype),
        words,
        noise,
    )


def test_compiles_for_a_gpu_once_for_all_sizes(warmed):
    """Another batch, picture, stride or address is no reason to compile again; a mix is."""
    for shape, offset in [((4, 32, 45), 0), ((1, 1, 1), 1), ((3, 9, 17), 3), ((2, 64, 64), 1)]:
        compile_for(shape, torch.bfloat16, offset=offset)
    assert len({kernel.hash for kernel in warmed.compiled}) == 1
    for shape, offset in [((4, 32, 48), 0), ((1, 1, 16), 16), ((2, 224, 224), 8)]:
        compile_for(shape, torch.bfloat16, offset=offset)
    assert len({kernel.hash for kernel in warmed.compiled}) == 2
    for shape in ((1, 1, 1), (3, 9, 17)):
        compile_for(shape, torch.float16, mixed=True, noise=False)
    assert len({kernel.hash for kernel in warmed.compiled}) == 3
    compile_for((3, 9, 17), torch.float32, mixed=True)
    assert len({kernel.hash for kernel in warmed.compiled}) == 4
    for kernel in warmed.compiled:
        assert ".target sm_90" in kernel.asm["ptx"]
        assert kernel.asm["cubin"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("mixed", "noise"), [(False, False), (True, False), (True, True)])
def test_what_costs_a_gpu_time(dtype, mixed, noise, warmed):
    """All pixels come in words and go as 16 bytes, and they change threads once, on their way out:
    a layout that Triton chose otherwise would show as more ways through shared memory."""
    compile_for((2, 224, 224), dtype, mixed, noise)
    (kernel,) = warmed.compiled
    code = kernel.asm["ptx"].splitlines()
    stores = [line for line in code if "st.global" in line]
    assert len(stores) == 8  # of whole blocks and of the last one
    assert all("st.global.v4.b32" in line for line in stores)
    pictures = "ld.global.b64" if dtype.itemsize == 2 else "ld.global.b32"
    assert sum(pictures in line for line in code) >= (7 if mixed else 3)
    bytes_ = [line for line in code if "ld.global.b8" in line]
    assert len(bytes_) == (2 if mixed else 1)  # whether to mirror
    # One number a thread goes from warp to warp, of what any of a program's pixels shows, perhaps
    # after a change of layout.
    numbers = 2 if mixed else 0
    assert 8 <= sum("st.shared" in line for line in code) <= 8 + numbers
    assert sum("shfl" in line for line in code) <= numbers
    assert sum("redux" in line for line in code) <= numbers
    assert ".local" not in kernel.asm["ptx"]  # nor tables, nor what registers do not hold


def test_what_nobody_sees_is_neither_read_nor_drawn(interpreted):
    _, results = interpreted
    noisy, replaced, blended_with_nothing = [0, 0, "noise", 0, 0, 0], [0, 1, 1, 1, 1], [2] * 5
    assert results["work"] == [*noisy, *replaced, *blended_with_nothing]


def test_too_large_pictures_are_refused():
    pixels = torch.empty((1, 20_000, 20_000, 3), dtype=torch.uint8)  # takes no memory yet
    out = torch.empty(1).expand(1, 20_000, 20_000, 3)
    with pytest.raises(ValueError, match="below 1 GiB; got 20000 x 20000"):
        finish_triton.finish(pixels, torch.empty(1, 3, 4), torch.zeros(1).bool(), out)


@pytest.mark.gpu
def test_more_than_2_31_elements_on_cuda():
    """The last sample, of an input and an output that both have more, equals the same one alone."""
    one = batch((1, 224, 224), seed=3)
    count = 2**31 // one.pixels.numel() + 2
    pixels = torch.zeros(count, 224, 224, 3, dtype=torch.uint8, device="cuda")
    pixels[-1:] = one.pixels.cuda()
    matrix = one.matrix.cuda().expand(count, -1, -1)
    flip = one.flip.cuda().expand(count)
    result = finish(pixels, matrix, flip, torch.float16)
    assert result.numel() > 2**31
    check(result[-1:].cpu(), one)
