from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from fasttricks.bench.kernels import finish, mix_chains, mixing
from fasttricks.bench.kernels.case import Scale, check
from fasttricks.errors import FasttricksError
from fasttricks.kernels.mix.description import CONSTANT, WORDS, Mixes, plain

CPU = Scale(device=torch.device("cpu"), batch_size=8, size=24)


def mixed(*patches: dict[str, Any]) -> Mixes:
    """One output made of picture 0 and patches."""
    one = plain([0])
    one["count"] = len(patches)
    for number, patch in enumerate(patches):
        for field, value in patch.items():
            one["patches"][field][0, number] = value
    return one


def test_pixels_are_counted_as_often_as_they_must_be_read() -> None:
    def read(*patches: dict[str, Any]) -> int:
        return mixing.pixels_read(mixed(*patches), 4, 5)

    whole = {"height": 4, "width": 5}
    part = {"height": 2, "width": 3, "top": 1, "left": 1}
    assert read() == 20
    assert read({**whole, "source": 1, "weight": 0.3}) == 40
    assert read({**whole, "source": 1, "weight": 0.0}) == 20
    assert read({**whole, "source": 1, "weight": 1.0}) == 20
    assert read({**whole, "source": 0, "weight": 0.3}) == 20  # blended with itself
    assert read({**part, "source": 1, "weight": 1.0}) == 20
    assert read({**part, "source": 1, "weight": 0.5}) == 26
    assert read({**part, "source": CONSTANT, "weight": 1.0}) == 14
    erased = {**part, "source": CONSTANT, "weight": 1.0}
    assert read({**whole, "source": 1, "weight": 0.5}, erased) == 40 - 12


def test_mixup_counts_two_sources_and_the_output() -> None:
    case = mixing.case(CPU, torch.bfloat16, "mixup")
    batch = case.make(0)
    assert case.nbytes == 2 * batch.pixels.nbytes + batch.out.nbytes
    case = mixing.case(CPU, torch.bfloat16, "cutmix")
    assert case.nbytes == batch.pixels.nbytes + batch.out.nbytes


def test_one_of_the_pictures_checked_is_erased_and_one_is_not() -> None:
    erased = mixing.draw(CPU, mixing.KINDS["erasing"])["count"][: mixing.CHECKED]
    assert {0, 1} == set(erased.tolist())


def test_ours_is_compared_and_others_say_what_differs() -> None:
    for name in mixing.KINDS:
        ours, torchs, *others = mixing.case(CPU, torch.float32, name).ways
        assert (ours.name, ours.differs, torchs.name) == ("fasttricks", "", "torch")
        assert (torchs.differs == "") == (name != "erasing")
        assert all(way.differs for way in others)


@pytest.mark.parametrize("name", mixing.KINDS)
def test_a_wrong_kernel_is_not_timed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def shifted(pixels, matrix, flip, dtype, out, mix, **others):
        wrong = mix.clone().view(-1, WORDS)
        wrong[:, 0] = wrong[:, 0].roll(1)  # `own`: another picture's
        patches = wrong[:, 7:].view(-1, 4, 12)
        patches[:, :, 4] = torch.where(patches[:, :, 4] >= 0, patches[:, :, 4].flip(0), -1)
        return right(pixels, matrix, flip, dtype, out, wrong, **others)

    right = finish.finish
    monkeypatch.setattr(finish, "finish", shifted)
    with pytest.raises(FasttricksError, match=r"fasttricks failed: it is .* off the ref"):
        check(mixing.case(CPU, torch.float32, name))


@pytest.mark.parametrize("name", ["mixup", "cutmix", "ricap"])
def test_a_wrong_torch_mix_is_not_timed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = mix_chains.TORCH[name]

    def upside_down(mixes: Mixes, device: torch.device) -> mix_chains.Mixer:
        return real(mixes[::-1].copy() if name != "ricap" else plain([0] * len(mixes)), device)

    monkeypatch.setitem(mix_chains.TORCH, name, upside_down)
    with pytest.raises(FasttricksError, match="torch failed: it is"):
        check(mixing.case(CPU, torch.float32, name))


def test_erasing_by_torch_erases_the_rectangles_of_the_plan() -> None:
    mixes = mixing.draw(CPU, mixing.KINDS["erasing"])
    mixer = mix_chains.torch_erasing(mixes, CPU.device)
    made = mixer(torch.full((8, 3, 24, 24), 77.0)) != 77.0
    for picture, one in zip(made.numpy(), mixes, strict=True):
        expected = np.zeros((24, 24), bool)
        if one["count"]:
            patch = one["patches"][0]
            rows, columns = (
                slice(patch[a], patch[a] + patch[b])
                for a, b in (("top", "height"), ("left", "width"))
            )
            expected[rows, columns] = True
        assert (picture == expected).all()


@pytest.mark.parametrize("name", mixing.KINDS)
def test_chains_give_whole_batches_of_the_dtype(name: str) -> None:
    case = mixing.case(CPU, torch.float16, name)
    batch = case.make(0)
    for way in case.ways:
        made = way.call(batch)
        assert made.shape == (8, 3, 24, 24)
        assert made.dtype == torch.float16
        assert made.isfinite().all()
    names = [way.name for way in case.ways]
    assert len(names) == len(set(names))


def test_an_odd_batch_is_none_of_timms() -> None:
    pytest.importorskip("timm")
    odd = Scale(device=CPU.device, batch_size=7, size=24)
    for scale, there in ((CPU, True), (odd, False)):
        ways = mixing.case(scale, torch.float32, "mixup").ways
        assert any(way.name.startswith("timm") for way in ways) == there


def test_on_a_cpu_mixing_is_usually_timed_in_float32_only() -> None:
    names = [case.name for case in mixing.cases(CPU) if case.usual]
    assert len(names) == len(mixing.KINDS)
    assert all(name.endswith("float32") for name in names)
