from __future__ import annotations

import numpy as np
import pytest
import torch

from fasttricks.bench.kernels import finish, mix_float
from fasttricks.bench.kernels.case import Scale, check
from fasttricks.errors import FasttricksError
from fasttricks.kernels.mix import targets as mixed

CPU = Scale(device=torch.device("cpu"), batch_size=8, size=24)


@pytest.mark.parametrize("dtype", finish.DTYPES)
@pytest.mark.parametrize("name", mix_float.NAMES)
def test_ways_give_the_reference_or_whole_batches(name: str, dtype: torch.dtype) -> None:
    case = mix_float.case(CPU, dtype, name)
    check(case)
    for way in case.ways:
        made = way.call(case.make(1))
        assert made.shape == (8, 3, 24, 24)
        assert made.dtype == dtype


@pytest.mark.parametrize("name", mix_float.NAMES)
def test_another_draw_is_not_timed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = mix_float.case(CPU, torch.float32, name)
    real, other = mixed.drawn, torch.Generator().manual_seed(1)
    monkeypatch.setattr(mixed, "drawn", lambda mixes, shape, _: real(mixes, shape, other))
    with pytest.raises(FasttricksError, match=r"fasttricks failed: it is .* off the ref"):
        check(case)


def test_pictures_are_drawn_where_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the sizes of a GPU one thread of the CPU would draw for minutes."""
    real, drawn = torch.randn, []
    monkeypatch.setattr(
        mix_float.torch, "randn", lambda *shape, **how: drawn.append(how) or real(*shape, **how)
    )
    mix_float.case(CPU, torch.float32, "mixup").make(0)
    (how,) = drawn
    assert how["device"] == how["generator"].device == CPU.device


def test_inputs_are_left_as_they_are() -> None:
    case = mix_float.case(CPU, torch.float32, "cutmix")
    images = case.make(0)
    before = images.numpy().copy()
    for way in case.ways:
        way.call(images)
        assert (images.numpy() == before).all()


def test_mixup_counts_two_sources_and_the_output() -> None:
    case = mix_float.case(CPU, torch.float32, "mixup")
    images = case.make(0).nbytes
    assert images < case.nbytes <= 3 * images
    assert np.all(case.reference(case.make(0)).shape == (4, 3, 24, 24))
