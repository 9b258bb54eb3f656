"""channels_last from the input to the last map and back: nothing is laid out anew on the way."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from fasttricks.models.builders import create_model
from tests.models.network_checks import ARCHITECTURES, pictures, small_network

CHANNELS_LAST = torch.channels_last
COPIES = {"clone", "contiguous", "copy_", "copy", "to_mkldnn", "_reshape_copy"}


class Watch(TorchDispatchMode):
    """Notes what runs forwards and backwards: copies, and maps that are not in channels_last.

    Attributes:
        seen: names of all operations.
        faults: operations that copy a map, or that take or give one in another layout; gradients
            and the weights of convolutions are maps, too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.faults: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        results = func(*args, **(kwargs or {}))
        self.seen.append(name)
        if name in COPIES and maps(args):
            self.faults.append(f"{name} {tuple(args[0].shape)}")
        for x in [] if func.is_view else maps(args):
            if x.shape[1] > 1 and x.stride(1) != 1:  # a part of a map may have gaps, though
                self.faults.append(f"{name} takes {tuple(x.shape)} in strides {x.stride()}")
        for y in [] if func.is_view else maps(results):
            if not y.is_contiguous(memory_format=CHANNELS_LAST):
                self.faults.append(f"{name} gives {tuple(y.shape)} in strides {y.stride()}")
        return results


def maps(values: object) -> list[Tensor]:
    values = values if isinstance(values, (list, tuple)) else [values]
    nested = [maps(x) for x in values if isinstance(x, (list, tuple))]
    return [x for x in values if isinstance(x, Tensor) and x.ndim == 4] + sum(nested, [])


def training_step(model: nn.Module, x: Tensor) -> Watch:
    with Watch() as watch:
        logits = model.train()(x)
        nn.functional.cross_entropy(logits.float(), torch.arange(len(x))).backward()
    return watch


@pytest.mark.parametrize("config", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_a_training_step_lays_nothing_out_anew(config):
    watch = training_step(small_network(config), pictures(config))
    assert not watch.faults
    assert watch.seen.count("convolution") == watch.seen.count("convolution_backward") > 5


@pytest.mark.parametrize("config", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_evaluation_lays_nothing_out_anew(config):
    model = small_network(config)
    x = pictures(config)
    with Watch() as watch, torch.no_grad():
        model(x)
        features = model.features(x)
    assert not watch.faults
    assert all(y.is_contiguous(memory_format=CHANNELS_LAST) for y in features)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
@pytest.mark.parametrize("config", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_autocast_keeps_the_layout(config, dtype):
    model = small_network(config)
    x = pictures(config)
    with torch.no_grad():
        expected = model.features(x)[0]
        with torch.autocast("cpu", dtype), Watch() as watch:
            got = model.features(x)[0]
            logits = model(x)
    assert not watch.faults
    assert got.dtype == logits.dtype == dtype
    assert logits.isfinite().all()
    # Rounding adds up over the layers; by the last stage, norms have blown it up as well.
    error = (got - expected).abs().mean() / expected.std()
    assert error < 16 * torch.finfo(dtype).eps


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
def test_a_training_step_under_autocast(dtype):
    config = ARCHITECTURES["assemble_resnet50+assemble_resnet101"]
    model = small_network(config)
    x = pictures(config)
    with torch.autocast("cpu", dtype):
        watch = training_step(model, x)
    assert not watch.faults
    assert all(
        p.grad.isfinite().all() and p.grad.dtype == torch.float32 for p in model.parameters()
    )


def test_the_watch_sees_a_copy_and_a_lost_layout():
    class Wrong(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.contiguous())

    x = torch.randn(2, 3, 8, 8).to(memory_format=CHANNELS_LAST)
    convolution = nn.Conv2d(3, 4, 3)
    with Watch() as watch:
        Wrong(convolution)(x)
    assert [fault.split()[0] for fault in watch.faults][:1] == ["clone"]
    assert any(fault.startswith("convolution takes") for fault in watch.faults)
    convolution.to(memory_format=CHANNELS_LAST)
    with Watch() as watch:
        convolution(x)
    assert not watch.faults


def test_the_weights_come_in_channels_last():
    model = create_model("assemble_resnet50", num_classes=2)
    weights = [p for p in model.parameters() if p.ndim == 4]
    assert len(weights) > 50
    assert all(p.is_contiguous(memory_format=CHANNELS_LAST) for p in weights)
