"""The byte model, against sums that a reader can do by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from fasttricks.models import create_model
from fasttricks.models.traffic import traffic

MANY = 1 << 20
"""Pictures in a batch: what is moved once a step and not for each picture vanishes."""


def elements(model: nn.Module, compiled: bool, training: bool, size: int = 8) -> float:
    """Moved for one picture, in elements."""
    moved = traffic(model, size, torch.bfloat16, training=training, compiled=compiled, batch=MANY)
    return moved.per_image / 2


def head(channels: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 2)]


def close(value: float) -> Any:
    return pytest.approx(value, rel=2e-3)


def test_a_convolution_reads_its_input_and_writes_its_output() -> None:
    small = 1 << 14  # pictures of 16 x 3 numbers weigh nothing beside 64 channels
    net = nn.Sequential(nn.Conv2d(3, 64, 1), *head(64))
    x, y = 3 * small, 64 * small
    assert elements(net, False, False, 128) == close(x + y + y)  # the average reads it
    # Backward: the average's gradient is written, and read for the weights alone.
    assert elements(net, False, True, 128) == close(x + y + y + y + (y + x))


def test_batch_norm_and_relu_operation_by_operation() -> None:
    net = nn.Sequential(nn.Conv2d(3, 64, 1), nn.BatchNorm2d(64), nn.ReLU(), *head(64))
    x, y = 3 * 128**2, 64 * 128**2
    assert elements(net, False, False, 128) == close((x + y) + 2 * y + 2 * y + y)
    forward = (x + y) + 3 * y + 2 * y + y
    backward = y + 3 * y + 5 * y + (y + x)
    assert elements(net, False, True, 128) == close(forward + backward)


def test_batch_norm_and_relu_fused() -> None:
    net = nn.Sequential(nn.Conv2d(3, 64, 1), nn.BatchNorm2d(64), nn.ReLU(), *head(64))
    x, y = 3 * 128**2, 64 * 128**2
    # Nothing between the convolution and the averages is written.
    assert elements(net, True, False, 128) == close((x + y) + y)
    # Statistics and average; two sums of the gradient; its formula; the convolution.
    assert elements(net, True, True, 128) == close((x + y) + 2 * y + y + 2 * y + (y + x))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 64, 1), nn.Conv2d(64, 64, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return torch.relu(self.second(x) + x).mean((2, 3))


def test_an_addition_is_fused_with_what_follows() -> None:
    x, y = 3 * 128**2, 64 * 128**2
    convolutions = x + y + y + y
    assert elements(Residual(), False, False, 128) == close(convolutions + 3 * y + 2 * y + y)
    assert elements(Residual(), True, False, 128) == close(convolutions + 2 * y)


class Halves(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one, two = self.conv(x).chunk(2, dim=1)
        return (one + two).mean((2, 3))


def test_a_view_of_half_a_tensor_is_half_a_read() -> None:
    x, y = 3 * 128**2, 64 * 128**2
    assert elements(Halves(), False, False, 128) == close((x + y) + (y + y / 2) + y / 2)
    assert elements(Halves(), True, False, 128) == close((x + y) + y)


def test_pooling_indices_are_eight_bytes_eager_and_one_compiled() -> None:
    net = nn.Sequential(nn.Conv2d(3, 64, 1), nn.MaxPool2d(2), *head(64))
    x, y = 3 * 128**2, 64 * 128**2
    p = y / 4
    for compiled, index in ((False, 8 / 2), (True, 1 / 2)):  # in elements of two bytes
        forward = (x + y) + y + p + index * p + p
        backward = p + p + index * p + y + (y + x)
        assert elements(net, compiled, True, 128) == close(forward + backward)


def layers(model: nn.Module) -> dict[str, tuple[int, int]]:
    """(elements in, elements out) of each convolution for one picture of 224 px."""
    found: dict[str, tuple[int, int]] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):

            def note(_: Any, x: Any, y: Any, name: str = name) -> None:
                found[name] = x[0].numel(), y.numel()

            module.register_forward_hook(note)
    model.to("meta").eval()(torch.empty(1, 3, 224, 224, device="meta"))
    return found


LEFT_OUT = 2e-4
"""Of ResNet-50's traffic, classifier and loss: about 13 times its 2048 features. One pass over the
outputs of the convolutions is 5 %."""


@pytest.fixture(scope="module")
def resnet50() -> tuple[nn.Module, dict[str, tuple[int, int]]]:
    with torch.device("meta"):
        return torchvision.models.resnet50(), layers(torchvision.models.resnet50())


def test_resnet50_by_hand_eager(resnet50: tuple[nn.Module, dict[str, tuple[int, int]]]) -> None:
    net, convs = resnet50
    x = sum(x for x, _ in convs.values())
    c = sum(c for _, c in convs.values())
    stem_x, stem = convs["conv1"]
    outputs = [c for name, (_, c) in convs.items() if name.endswith("conv3")]
    inputs = [x for name, (x, _) in convs.items() if name.endswith(".conv1")]
    inner = sum(c for name, (_, c) in convs.items() if name.endswith(("conv1", "conv2")))
    relus = inner + sum(outputs)
    pooled = stem / 4
    convolutions = (x + c) + 2 * (x + c) - (stem + stem_x)
    norms = 3 * c + 5 * c
    activations = 2 * relus + 3 * relus
    additions = 3 * sum(outputs) + 3 * sum(inputs)
    pools = (stem + 5 * pooled) + (5 * pooled + stem) + 2 * outputs[-1]
    total = convolutions + norms + activations + additions + pools
    assert elements(net, False, True, 224) == pytest.approx(total, rel=LEFT_OUT)


def test_resnet50_by_hand_compiled(
    resnet50: tuple[nn.Module, dict[str, tuple[int, int]]],
) -> None:
    net, convs = resnet50
    x = sum(x for x, _ in convs.values())
    c = sum(c for _, c in convs.values())
    stem_x, stem = convs["conv1"]
    inner = sum(c for name, (_, c) in convs.items() if name.endswith(("conv1", "conv2")))
    outputs = [c for name, (_, c) in convs.items() if name.endswith("conv3")]
    projected = sum(c for name, (_, c) in convs.items() if "downsample" in name)
    pooled = stem / 4
    convolutions = (x + c) + 2 * (x + c) - (stem + stem_x)
    # Forward: statistics read; the formula, ReLU in it, reads and writes.
    forward = 3 * inner
    # Of a block's end: statistics, formula, other addend, sum written; the last sum is not.
    forward += 4 * sum(outputs) + projected - outputs[-1]
    # Backward within a block: gradient, mask and input, once for the sums, once to be written.
    backward = 7 * inner
    # At its end: two gradients, mask and input are read, their sum is kept; then the formula.
    backward += 5 * sum(outputs) + 3 * sum(outputs)
    # The last block's comes from the average (nothing) and its mask is made again from the addends.
    backward -= 2 * outputs[-1]
    # A projection has sums and a formula of its own, from the gradient that was kept.
    backward += projected + 3 * projected
    pools = (stem + 1.5 * pooled) + (1.5 * pooled + stem) + 3 * pooled
    total = convolutions + forward + backward + pools
    assert elements(net, True, True, 224) == pytest.approx(total, rel=LEFT_OUT)


def test_the_numbers_that_the_documentation_gives(
    resnet50: tuple[nn.Module, dict[str, tuple[int, int]]],
) -> None:
    net, _ = resnet50
    found = [
        round(traffic(net, 224, training=training, compiled=compiled).per_image / 1e6)
        for training in (True, False)
        for compiled in (False, True)
    ]
    assert found == [478, 364, 164, 95]


@pytest.mark.parametrize(
    "name", ["resnet50", "assemble_resnet50", "sknet50", "mobilenet_v1_025", "inception_v3"]
)
def test_fusion_saves_and_the_model_is_left_alone(name: str) -> None:
    with torch.device("meta"):
        net = create_model(name)
    net.train()
    size = 96
    for training in (True, False):
        eager = traffic(net, size, training=training, batch=4)
        fused = traffic(net, size, training=training, compiled=True, batch=4)
        assert 0.4 * eager.nbytes < fused.nbytes < 0.95 * eager.nbytes
    assert net.training
    assert all(parameter.grad is None for parameter in net.parameters())


def test_single_precision_is_twice_half_and_pictures_add_up() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), *head(8))
    half = traffic(net, 16, torch.float16, batch=MANY)
    single = traffic(net, 16, torch.float32, batch=MANY)
    assert single.nbytes / half.nbytes == pytest.approx(2, rel=0.01)
    more = traffic(net, 16, torch.float16, batch=2 * MANY)
    assert more.per_image == pytest.approx(half.per_image, rel=1e-4)
