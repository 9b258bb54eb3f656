from __future__ import annotations

import sys

import pytest
import torch

from fasttricks.bench.kernels import cases, chains, finish, resize
from fasttricks.bench.kernels.case import Case, Scale, check
from fasttricks.errors import FasttricksError

CPU = Scale(device=torch.device("cpu"), batch_size=3, size=33)
CUDA = Scale(device=torch.device("cuda", 0), batch_size=3, size=33)


def found(scale: Scale) -> dict[str, Case]:
    return {case.name: case for case in cases.all_cases(scale)}


def test_names_are_unique_and_ours_comes_first() -> None:
    listed = list(cases.all_cases(CPU))
    assert len({case.name for case in listed}) == len(listed)
    assert {case.ways[0].name for case in listed} == {"fasttricks"}
    assert all(len(case.ways) > 1 for case in listed)


def test_only_what_runs_there_is_timed_on_a_gpu() -> None:
    names = [case.name for case in finish.cases(CPU)]
    assert [case.name for case in resize.cases(CUDA)] == []
    assert "finish 3 x 33 x 33 to bfloat16" in names


@pytest.mark.parametrize("name", list(found(CPU)))
def test_kernels_and_chains_do_the_work(name: str) -> None:
    check(found(CPU)[name])


def test_bytes_are_those_read_and_written() -> None:
    case = resize.case(50, 40, 33)
    crop = case.make(0)
    assert case.nbytes == crop.box.nbytes + crop.out.nbytes
    case = finish.case(CPU, torch.bfloat16)
    batch = case.make(0)
    assert case.nbytes == batch.pixels.nbytes + batch.out.nbytes


def test_inputs_differ_by_seed_and_fit_training() -> None:
    one, other = (finish.make_batch(seed, CPU, torch.float16) for seed in (0, 1))
    assert not torch.equal(one.pixels, other.pixels)
    assert not torch.equal(one.matrix, other.matrix)
    assert torch.equal(one.matrix, finish.make_batch(0, CPU, torch.float32).matrix)
    white = one.matrix.sum(2)
    assert white.isfinite().all()
    assert one.out.is_contiguous(memory_format=torch.channels_last)


def test_a_wrong_kernel_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_flip(pixels, matrix, flip, *rest, **others):
        return right(pixels, matrix, torch.zeros_like(flip), *rest, **others)

    def swapped(src, *args, cold):
        args[-2][:] = src[:1, :1, ::-1]

    right = finish.finish
    scale = Scale(device=CPU.device, batch_size=16, size=8)
    monkeypatch.setattr(finish, "CHECKED", 16)
    check(finish.case(scale, torch.float32))
    monkeypatch.setattr(finish, "finish", no_flip)
    with pytest.raises(FasttricksError, match=r"fasttricks failed: it is .* off the reference"):
        check(finish.case(scale, torch.float32))
    monkeypatch.setattr(resize, "resize", swapped)
    with pytest.raises(FasttricksError, match="fasttricks failed: it is"):
        check(resize.case(50, 40, 33))


def test_torch_operations_are_timed_too_where_they_are_not_all_there_is() -> None:
    names = {
        scale: [way.name for way in finish.ours(scale, torch.float32)] for scale in (CPU, CUDA)
    }
    assert names == {CPU: ["fasttricks"], CUDA: ["fasttricks", "fasttricks torch"]}


def test_dali_has_no_bfloat16() -> None:
    names = [way.name for way in chains.chains(CPU, torch.bfloat16)]
    assert "DALI graph" not in names
    assert names[:2] == ["torch", "torchvision v2"]


@pytest.mark.parametrize("dtype", finish.DTYPES)
def test_chains_normalise_to_the_same_scale(dtype: torch.dtype) -> None:
    """Other colours, but the same mean and spread of a batch, nearly."""
    scale = Scale(device=CPU.device, batch_size=32, size=16)
    batch = finish.make_batch(0, scale, dtype)
    expected = finish.finish(batch.pixels, batch.matrix, batch.flip, dtype).float()
    for way in chains.chains(scale, dtype):
        made = torch.stack([way.call(batch).float() for _ in range(4)])
        assert made.shape[1:] == expected.shape
        assert way.call(batch).dtype == dtype
        assert abs(made.mean() - expected.mean()) < 0.8
        assert 0.5 < made.std() / expected.std() < 1.5


def test_a_package_that_cannot_be_used_fails_when_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "is_installed", lambda package: package == "kornia")
    monkeypatch.setitem(sys.modules, "kornia", None)  # as when it cannot be imported
    case = finish.case(CPU, torch.float32)
    assert "kornia" in [way.name for way in case.ways]
    with pytest.raises(FasttricksError, match=r"kornia failed: .*Error: "):
        check(case)
