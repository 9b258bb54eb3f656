"""MobileNet-V1 (arXiv 1704.04861): its parameters, multiply-accumulates and shapes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fasttricks.models.config import MobileNetConfig
from fasttricks.models.count import count
from fasttricks.models.mobilenet import MobileNetV1
from tests.models.network_checks import lively

FIGURES = {
    1.0: (4_231_976, 568.74),
    0.75: (2_585_560, 325.40),
    0.5: (1_331_592, 149.50),
    0.25: (470_072, 41.03),
}


def on_meta(**fields) -> MobileNetV1:
    with torch.device("meta"):
        return MobileNetV1(MobileNetConfig(**fields))


@pytest.mark.parametrize("width", FIGURES)
def test_parameters_and_macs(width):
    parameters, mmacs = FIGURES[width]
    counted = count(on_meta(width=width), 224)
    assert counted.parameters == parameters
    assert round(counted.macs / 1e6, 2) == mmacs


def test_every_pair_of_the_table_has_its_shape():
    model = on_meta().eval()
    x = model.stem(torch.empty(1, 3, 224, 224, device="meta"))
    shapes = [f"{x.shape[1]}x{x.shape[2]}"]
    for stage in model.stages:
        for pair in stage:
            x = pair(x)
            shapes.append(f"{x.shape[1]}x{x.shape[2]}")
    assert shapes == [
        "32x112", "64x112", "128x56", "128x56", "256x28", "256x28",
        *["512x14"] * 6, "1024x7", "1024x7",
    ]  # fmt: skip


def test_activations_are_plain_relu():
    activations = {type(m) for m in on_meta().modules() if "relu" in type(m).__name__.lower()}
    assert activations == {nn.ReLU}


@pytest.mark.parametrize("output_stride", [32, 16, 8])
def test_features_have_the_promised_strides(output_stride):
    model = on_meta(output_stride=output_stride, width=0.5).eval()
    assert model.stage_strides == tuple(min(s, output_stride) for s in (4, 8, 16, 32))
    for height, width in ((224, 160), (97, 33)):
        maps = model.features(torch.empty(1, 3, height, width, device="meta"))
        for x, stride, channels in zip(
            maps, model.stage_strides, model.stage_channels, strict=True
        ):
            assert x.shape[1:] == (channels, -(-height // stride), -(-width // stride))


@pytest.mark.parametrize("output_stride", [16, 8])
def test_a_dilated_network_computes_the_same_and_more_between(output_stride):
    """With the same weights every 2nd or 4th pixel of the dense map is the strided network's."""
    x = torch.randn(2, 3, 96, 64)
    sparse = lively(MobileNetV1(MobileNetConfig(width=0.25, num_classes=5)), x).double()
    x = x.double()
    config = MobileNetConfig(width=0.25, num_classes=5, output_stride=output_stride)
    dense = MobileNetV1(config).double().eval()
    dense.load_state_dict(sparse.state_dict())
    step = 32 // output_stride
    with torch.no_grad():
        expected = sparse.features(x)[-1]
        got = dense.features(x)[-1]
    torch.testing.assert_close(got[..., ::step, ::step], expected, rtol=1e-12, atol=1e-12)
    between = got[..., 1::step, ::step]
    assert (between - expected).abs().mean() > 0.1 * expected.std()


def test_depthwise_convolutions_mix_no_channels():
    depthwise = MobileNetV1(MobileNetConfig(width=0.25, num_classes=5)).stages[0][0].depthwise
    x = torch.randn(1, 8, 9, 9)
    moved = x.clone()
    moved[:, 3] += 1
    changed = (depthwise(moved) != depthwise(x)).flatten(2).any(2)[0]
    assert changed.nonzero().flatten().tolist() == [3]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 0}, "width must be from 0.125 to 4; got 0"),
        ({"output_stride": 4}, "output_stride must be one of 32, 16, 8; got 4"),
        ({"init": "zero"}, "init must be one of xavier"),
        ({"bn_momentum": 2.0}, "bn_momentum must be .*; got 2.0"),
    ],
)
def test_wrong_fields_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        MobileNetConfig(**fields)
