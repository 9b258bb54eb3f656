from pathlib import Path

import pytest
import torch

from fasttricks.kernels.mix import description as mix
from fasttricks.kernels.mix.floats import layout, mix_floats
from tests.kernels.finish_checks import fresh
from tests.kernels.interpreted import interpret
from tests.kernels.mix.floats_checks import DTYPES, LAYOUTS, check, images_and_mixes
from tests.kernels.mix.floats_with_triton import CASES, IN_GROUPS, make

pytest.importorskip("triton")

from triton.runtime import driver

from fasttricks.kernels.mix import floats_triton
from tests.kernels.test_finish_triton import Compiler, Warmed

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory):
    """(seed, what `floats_with_triton` has found)."""
    seed, target = fresh() // 2, tmp_path_factory.mktemp("triton") / "results"
    interpret("tests.kernels.mix.floats_with_triton", seed, target)
    return seed, torch.load(target)


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: str(CASES[number]))
def test_interpreted_equals_the_reference(number, interpreted):
    seed, results = interpreted
    images, mixes = make(number, seed)
    result = results["usual"][number]
    assert result.is_contiguous(memory_format=layout(images))
    # The interpreter cuts bfloat16 off instead of rounding it.
    check(result, images, mixes, truncated=images.dtype == torch.bfloat16)


def test_numbers_treated_together_are_the_same(interpreted):
    _, results = interpreted
    for number, alone in zip(IN_GROUPS, results["one by one"], strict=True):
        assert torch.equal(results["usual"][number], alone)


def test_planes_2_31_numbers_apart(interpreted):
    pictures, first, last = interpreted[1]["far"]
    assert torch.equal(first, pictures[1])
    expected = 0.25 * pictures[1].double() + 0.75 * pictures[0].double()
    assert (abs(last - expected) <= 2**-11 * abs(expected) + 2**-22).all()


@pytest.fixture
def warmed(monkeypatch):
    """The kernel is compiled for Hopper instead of running."""
    driver.set_active(Compiler())
    warmed = Warmed(floats_triton._kernel)
    monkeypatch.setattr(floats_triton, "_kernel", warmed)
    yield warmed
    driver.reset_active() if torch.cuda.is_available() else driver.set_active(None)


def compile_for(shape, dtype, memory, noise=False):
    images = torch.empty(shape, dtype=dtype).to(memory_format=memory)
    floats_triton.mix(images, torch.from_numpy(mix.words(mix.plain([0, 0]))), noise)


@pytest.mark.parametrize("memory", [torch.channels_last, torch.contiguous_format])
def test_compiles_for_a_gpu_once_for_all_sizes(memory, warmed):
    """Another batch, picture or address is no reason to compile again."""
    for shape in [(4, 3, 32, 48), (2, 3, 16, 16), (2, 3, 224, 224)]:
        compile_for(shape, torch.float16, memory)
    assert len({kernel.hash for kernel in warmed.compiled}) == 1
    for shape in [(4, 3, 32, 45), (2, 3, 9, 17)]:
        compile_for(shape, torch.float16, memory)
    assert len({kernel.hash for kernel in warmed.compiled}) == 2
    for kernel in warmed.compiled:
        assert ".target sm_90" in kernel.asm["ptx"]
        assert kernel.asm["cubin"]


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("memory", [torch.channels_last, torch.contiguous_format])
def test_what_costs_a_gpu_time(memory, dtype, noise, warmed):
    """Numbers come and go 16 bytes at a time, and stay in the thread that has read them."""
    compile_for((2, 3, 224, 224), dtype, memory, noise)
    (kernel,) = warmed.compiled
    code = kernel.asm["ptx"].splitlines()
    wide = {2: "v4.b32", 4: "v4.b32", 8: "v2.b64"}[dtype.itemsize]
    stores = [line for line in code if "st.global" in line]
    assert stores
    assert all(wide in line for line in stores)
    loads = [line for line in code if "ld.global" in line and wide in line]
    per_thread = floats_triton.BLOCK * dtype.itemsize // 16 // (32 * floats_triton.WARPS)
    assert (
        len(loads) == 3 * per_thread
    )  # of a source in its place, what it is blended with, the rest
    assert sum("st.shared" in line for line in code) <= 2  # whether anything of a patch is seen
    assert ".local" not in kernel.asm["ptx"]


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(4, 3, 19, 14), (3, 3, 40, 48), (1, 5, 8, 24)])
def test_equals_the_reference_on_cuda(shape, layout, dtype):
    images, mixes = images_and_mixes(shape, 11, fresh(), dtype, layout)
    mix_floats(images.cuda(), mixes)  # compiles
    torch.cuda.set_sync_debug_mode("error")
    try:
        result = mix_floats(images.cuda(non_blocking=True), mixes)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    check(result.cpu(), images, mixes)


@pytest.mark.gpu
def test_more_than_2_31_elements_on_cuda():
    """The last of them, made of the first and the last picture, equals the same alone."""
    count = 2**31 // (3 * 224 * 224) + 2
    images = torch.zeros(count, 3, 224, 224, dtype=torch.float16, device="cuda")
    ends, _ = images_and_mixes((2, 3, 224, 224), 1, fresh(), torch.float16)
    images[0], images[-1] = ends.cuda()
    mixes = mix.plain(range(count))
    mixes["count"][-1] = 1
    patch = mixes["patches"][-1:, 0]
    patch["width"], patch["height"], patch["weight"] = 224, 224, 0.25
    result = mix_floats(images, mixes)
    alone = mixes[-1:].copy()
    alone["own"] = 1
    check(result[-1:].cpu(), ends, alone)
