"""Counts against numbers that others print, and against layers counted by hand."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn

from fasttricks.models import create_model
from fasttricks.models.count import Counts, count


def counted(name: str, size: int = 224) -> Counts:
    with torch.device("meta"):
        return count(create_model(name), size)


def test_torchvision_resnet50() -> None:
    found = count(torchvision.models.resnet50(), 224)
    assert found == Counts(
        parameters=25_557_032, macs=4_089_184_256, activations=11_113_984, batch=1
    )


def test_torchvision_inception_counts_its_second_head_only_as_parameters() -> None:
    with torch.device("meta"):
        net = torchvision.models.inception_v3(init_weights=False)
    found = count(net, 299)
    assert found.parameters == 27_161_264
    assert found.macs == counted("inception_v3", 299).macs  # it is left out in evaluation mode


@pytest.mark.parametrize(
    ("name", "size", "parameters", "gmacs"),
    [
        ("resnet18", 224, 11_689_512, 1.814),
        ("resnet18d", 224, 11_708_744, 2.054),
        ("resnet50", 224, 25_557_032, 3.858),
        ("resnet50b", 224, 25_557_032, 4.089),
        ("resnet50c", 224, 25_576_264, 4.329),
        ("resnet50d", 224, 25_576_264, 4.329),
        ("resnet152d", 224, 60_212_040, 11.753),
        ("se_resnet50", 224, 28_071_976, None),
        ("se_resnet50d", 224, 28_091_208, 4.331),
        ("sk_resnet50", 224, 38_771_816, 5.941),
        ("sk_resnet50d", 224, 38_791_048, 6.180),
        ("bl_resnet50", 224, 26_694_568, 2.856),
        ("assemble_resnet50", 224, 41_846_440, 5.726),
        ("assemble_resnet50", 256, 41_846_440, 7.477),
        ("assemble_resnet152", 224, 117_004_200, 15.675),
        ("inception_v3", 299, 23_834_568, 5.713),
        ("mobilenet_v1", 224, 4_231_976, 0.56874),
        ("mobilenet_v1_075", 224, 2_585_560, 0.32540),
        ("mobilenet_v1_050", 224, 1_331_592, 0.14950),
        ("mobilenet_v1_025", 224, 470_072, 0.04103),
    ],
)
def test_our_models_have_the_numbers_of_the_specification(
    name: str, size: int, parameters: int, gmacs: float | None
) -> None:
    found = counted(name, size)
    assert found.parameters == parameters
    if gmacs is not None:  # printed with three figures behind the point, MobileNet's with five
        digits = 3 if gmacs > 1 else 5
        assert round(found.macs / 1e9, digits) == gmacs


def test_the_outputs_of_ds_convolutions_are_an_eighth_larger_than_the_originals() -> None:
    ratio = counted("resnet50d").activations / counted("resnet50").activations
    assert round(ratio, 3) == 1.126


def test_by_hand() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 8, (3, 1), stride=2, bias=True),  # 8 x 4 x 5 outputs of 3 x 3 products
        nn.BatchNorm2d(8),
        nn.Conv2d(8, 8, 3, padding=1, groups=4),  # 8 x 4 x 5 outputs of 2 x 9 products
        nn.Flatten(),
        nn.Linear(8 * 4 * 5, 7),
    )
    found = count(net, 9, batch=2)
    assert found.activations == 2 * (160 + 160)
    assert found.macs == 2 * (160 * 9 + 160 * 18 + 160 * 7)
    parameters = (8 * 9 + 8) + 16 + (8 * 18 + 8) + (160 * 7 + 7)
    assert found == Counts(
        parameters=parameters, macs=found.macs, activations=found.activations, batch=2
    )


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.conv(x))  # type: ignore[no-any-return]


def test_a_layer_used_twice_counts_twice() -> None:
    found = count(Twice(), 4)
    assert (found.parameters, found.macs, found.activations) == (12, 2 * 16 * 9, 2 * 16 * 3)


def test_the_model_is_left_as_it_was() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    net[1].eval()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    count(net, 8)
    assert (net.training, net[0].training, net[1].training) == (True, True, False)
    assert not net[0]._forward_hooks
    for key, value in net.state_dict().items():
        assert torch.equal(value, before[key])


def test_hooks_go_also_when_the_size_is_impossible() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 5))
    with pytest.raises(RuntimeError):
        count(net, 2)
    assert not net[0]._forward_hooks
    assert net.training
