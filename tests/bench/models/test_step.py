from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from fasttricks.bench.models.step import CLASSES, Setting, make_step, prepared

SETTING = Setting(device=torch.device("cpu"), dtype=torch.float32, batch_size=2, size=8)


class Watched(nn.Module):
    """A small classifier that notes what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.linear = nn.Linear(4, CLASSES)
        nn.init.zeros_(self.norm.weight)
        self.seen: list[dict[str, Any]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.linear(self.norm(self.conv(x)).relu().mean((2, 3)))
        self.seen.append(
            {
                "shape": tuple(x.shape),
                "channels_last": x.is_contiguous(memory_format=torch.channels_last),
                "training": self.training,
                "grad": torch.is_grad_enabled(),
                "given": x.dtype,
                "dtype": y.dtype,
            }
        )
        return y


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_training_step_trains(dtype: torch.dtype) -> None:
    setting = replace(SETTING, dtype=dtype)
    net = Watched()
    step = make_step(prepared(net, setting, training=True), setting, training=True, compiled=False)
    before = net.linear.weight.detach().clone(), net.norm.num_batches_tracked.item()
    step()
    step()
    assert net.norm.num_batches_tracked.item() == before[1] + 2
    assert not torch.equal(net.linear.weight, before[0])
    assert all(p.dtype is torch.float32 and p.grad is None for p in net.parameters())
    assert net.seen[0] == {
        "shape": (2, 3, 8, 8),
        "channels_last": True,
        "training": True,
        "grad": True,
        "given": dtype,
        "dtype": dtype,
    }


def test_all_networks_read_the_same_pictures() -> None:
    nets = [Watched(), Watched()]
    seen: list[int] = []
    for net in nets:
        net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].data_ptr()))
        make_step(net, SETTING, training=net is nets[0], compiled=False)()
    assert seen[0] == seen[1]


def test_many_steps_do_the_work_of_the_first() -> None:
    net = prepared(Watched(), SETTING, training=True)
    step = make_step(net, SETTING, training=True, compiled=False)
    before = {name: value.detach().clone() for name, value in net.named_parameters()}
    for _ in range(20):
        step()
    for name, value in net.named_parameters():
        torch.testing.assert_close(value, before[name], rtol=0, atol=1e-3)


def test_inference_changes_nothing() -> None:
    setting = replace(SETTING, dtype=torch.bfloat16)
    net = Watched()
    step = make_step(
        prepared(net, setting, training=False), setting, training=False, compiled=False
    )
    before = {key: value.clone() for key, value in net.state_dict().items()}
    step()
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert (net.seen[0]["training"], net.seen[0]["grad"]) == (False, False)
    assert net.seen[0]["dtype"] is torch.bfloat16


def test_models_are_laid_out_alike_and_multiply_by_no_zeros() -> None:
    net = prepared(Watched(), SETTING, training=True)
    assert isinstance(net, Watched)
    assert net.conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert net.norm.weight.eq(1).all()


def test_compiled_means_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[nn.Module] = []

    def compile(model: nn.Module, **_: Any) -> nn.Module:
        compiled.append(model)
        return model

    monkeypatch.setattr(torch, "compile", compile)
    for training in (True, False):
        net = prepared(Watched(), SETTING, training=training)
        make_step(net, SETTING, training=training, compiled=False)
        assert compiled == []
        make_step(net, SETTING, training=training, compiled=True)()
        assert compiled.pop() is net


def test_what_is_not_compiled_as_a_whole_fails_rather_than_run_in_part() -> None:
    class Broken(Watched):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch._dynamo.graph_break()
            return super().forward(x)

    net = prepared(Broken(), SETTING, training=False)
    with pytest.raises(torch._dynamo.exc.Unsupported):
        make_step(net, SETTING, training=False, compiled=True)()
