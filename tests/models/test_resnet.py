"""ResNets against the papers' tables: parameters, multiply-accumulates, shapes, zero gamma."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fasttricks.models.block import Block
from fasttricks.models.config import SK, ResNetConfig
from fasttricks.models.count import count
from fasttricks.models.resnet import ResNet, strides_and_dilations

# depth: parameters and GMACs of the original and B, then of C and D, at 224 px and 1000 classes.
FIGURES = {
    18: (11_689_512, 1.814, 1.814, 11_708_744, 2.054),
    34: (21_797_672, 3.664, 3.664, 21_816_904, 3.903),
    50: (25_557_032, 3.858, 4.089, 25_576_264, 4.329),
    101: (44_549_160, 7.570, 7.801, 44_568_392, 8.041),
    152: (60_192_808, 11.282, 11.514, 60_212_040, 11.753),
}


def on_meta(**fields: Any) -> ResNet:
    with torch.device("meta"):
        return ResNet(ResNetConfig(**fields))


def shapes(model: ResNet, height: int, width: int) -> list[tuple[int, ...]]:
    x = torch.empty(1, 3, height, width, device="meta")
    return [tuple(feature.shape[1:]) for feature in model.eval().features(x)]


def shaken(model: ResNet) -> ResNet:
    """In evaluation mode, every norm's parameters and statistics random: no tweak hides."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for tensor in (module.weight.data, module.running_var):
                assert tensor is not None
                tensor.uniform_(0.5, 1.5, generator=generator)
            for tensor in (module.bias.data, module.running_mean):
                assert tensor is not None
                tensor.uniform_(-0.2, 0.2, generator=generator)
    return model.eval()


@pytest.mark.parametrize("depth", FIGURES)
def test_parameters_and_macs_are_the_tables(depth: int) -> None:
    plain, original_macs, b_macs, deep, deep_macs = FIGURES[depth]
    expected = {
        "original": (plain, original_macs),
        "b": (plain, b_macs),
        "c": (deep, deep_macs),
        "d": (deep, deep_macs),
    }
    for variant, (parameters, gmacs) in expected.items():
        counted = count(on_meta(depth=depth, variant=variant), 224)
        assert counted.parameters == parameters
        assert round(counted.macs / 1e9, 3) == gmacs


def test_what_each_tweak_costs() -> None:
    a, b, c, d = (count(on_meta(depth=50, variant=v), 224) for v in ("original", "b", "c", "d"))
    assert a.macs < b.macs < c.macs == d.macs
    assert c.parameters - b.parameters == 19_232
    assert round((c.macs - b.macs) / 1e9, 4) == 0.2396
    assert d.parameters == c.parameters


@pytest.mark.parametrize("variant", ["original", "b", "c", "d"])
def test_shapes_are_the_tables(variant: str) -> None:
    bottleneck = on_meta(depth=50, variant=variant)
    assert shapes(bottleneck, 224, 224) == [
        (256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7),
    ]  # fmt: skip
    basic = on_meta(depth=18, variant=variant)
    assert shapes(basic, 224, 224) == [(64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7)]


@pytest.mark.parametrize("fields", [
    {"depth": 18, "variant": "original"},
    {"depth": 50, "variant": "d"},
    {"depth": 18, "stem": "small"},
    {"depth": 50, "output_stride": 16},
    {"depth": 34, "variant": "b", "output_stride": 8},
])  # fmt: skip
def test_features_are_as_announced_at_odd_sizes(fields: dict[str, Any]) -> None:
    model = on_meta(**fields)
    announced = [
        (channels, -(-65 // stride), -(-97 // stride))
        for channels, stride in zip(model.stage_channels, model.stage_strides, strict=True)
    ]
    assert shapes(model, 65, 97) == announced


def test_the_last_feature_map_is_what_the_classifier_averages() -> None:
    model = shaken(ResNet(ResNetConfig(depth=18, num_classes=5, stem="small")))
    x = torch.randn(2, 3, 16, 16)
    average = model.features(x)[-1].mean((2, 3))
    torch.testing.assert_close(model(x), model.classifier(average))
    assert model(x).shape == (2, 5)


@pytest.mark.parametrize("variant", ["original", "b", "c", "d"])
def test_pictures_of_one_pixel_still_pass(variant: str) -> None:
    model = ResNet(ResNetConfig(depth=18, variant=variant, num_classes=2)).eval()  # type: ignore[arg-type]
    for size in (1, 7, 33):
        assert model(torch.randn(1, 3, size, size)).isfinite().all()


def test_the_small_stem_keeps_the_size() -> None:
    model = on_meta(depth=18, stem="small")
    assert model.stage_strides == (1, 2, 4, 8)
    assert shapes(model, 32, 32)[0] == (64, 32, 32)
    assert model.input_size == 32


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("stem", ["imagenet", "small"])
def test_width_multiplies_the_channels_of_every_layer(depth: int, stem: str) -> None:
    usual = on_meta(depth=depth, stem=stem, num_classes=10)
    narrow = on_meta(depth=depth, stem=stem, num_classes=10, width=0.25)
    assert narrow.stage_channels == tuple(c // 4 for c in usual.stage_channels)
    for wide, slim in zip(usual.modules(), narrow.modules(), strict=True):
        if isinstance(wide, nn.Conv2d) and isinstance(slim, nn.Conv2d):
            assert slim.out_channels * 4 == wide.out_channels
            assert slim.in_channels == (3 if wide.in_channels == 3 else wide.in_channels // 4)
    assert narrow(torch.empty(1, 3, 64, 64, device="meta")).shape == (1, 10)


def test_strides_become_dilations_once_the_output_stride_is_reached() -> None:
    assert strides_and_dilations(32) == [(1, 1), (2, 1), (2, 1), (2, 1)]
    assert strides_and_dilations(16) == [(1, 1), (2, 1), (2, 1), (1, 2)]
    assert strides_and_dilations(8) == [(1, 1), (2, 1), (1, 2), (1, 4)]


def test_dilated_nets_keep_their_parameters_and_reach_their_stride() -> None:
    plain, dilated = on_meta(depth=50), on_meta(depth=50, output_stride=8)
    assert count(dilated, 224).parameters == count(plain, 224).parameters
    assert [s[1:] for s in shapes(dilated, 224, 224)] == [(56, 56), (28, 28), (28, 28), (28, 28)]
    assert dilated.stage_strides == (4, 8, 8, 8)


def pair_of_strided_and_dilated(depth: int, variant: str) -> tuple[ResNet, ResNet]:
    fields: dict[str, Any] = {"depth": depth, "variant": variant, "num_classes": 2}
    strided = shaken(ResNet(ResNetConfig(**fields)))
    dilated = ResNet(ResNetConfig(**fields, output_stride=8)).eval()
    dilated.load_state_dict(strided.state_dict())
    return strided, dilated


@pytest.mark.parametrize(("depth", "variant"), [(18, "b"), (50, "original"), (50, "b")])
def test_a_dilated_net_has_the_strided_nets_features_on_its_grid(depth: int, variant: str) -> None:
    strided, dilated = pair_of_strided_and_dilated(depth, variant)
    x = torch.randn(1, 3, 40, 56)
    with torch.no_grad():
        maps = zip(strided.features(x), dilated.features(x), (1, 1, 2, 4), strict=True)
        for coarse, dense, step in maps:
            torch.testing.assert_close(dense[..., ::step, ::step], coarse, rtol=1e-4, atol=1e-4)


def test_a_first_block_at_full_dilation_would_be_another_net() -> None:
    strided, dilated = pair_of_strided_and_dilated(18, "b")
    first = dilated.stages[2][0].path_a.conv1  # type: ignore[index]
    first.dilation = first.padding = (2, 2)
    x = torch.randn(1, 3, 40, 56)
    with torch.no_grad():
        coarse, dense = strided.features(x)[2], dilated.features(x)[2]
    assert (dense[..., ::2, ::2] - coarse).abs().max() > 0.01


def test_batch_norm_settings_reach_every_norm() -> None:
    model = on_meta(attention=SK(), bn_momentum=0.003, bn_eps=1e-4)
    norms = [m for m in model.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    assert {(norm.momentum, norm.eps) for norm in norms} == {(0.003, 1e-4)}
    assert sum(isinstance(norm, nn.BatchNorm1d) for norm in norms) == 16


def test_dropout_is_before_the_classifier() -> None:
    model = ResNet(ResNetConfig(depth=18, num_classes=2, dropout=0.9))
    seen: list[Tensor] = []
    model.classifier.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    x = torch.randn(4, 3, 32, 32)
    model.train()(x)
    model.eval()(x)
    dropped, whole = seen
    assert (dropped == 0).float().mean() > 0.8
    assert (whole == 0).float().mean() < 0.7


# --- zero gamma (P1 section 3.1) ---


@pytest.mark.parametrize(("depth", "zeroed"), [(18, 8), (34, 16), (50, 16), (101, 33), (152, 50)])
def test_one_norm_of_each_residual_branch_starts_at_zero(depth: int, zeroed: int) -> None:
    blocks = [m for m in on_meta(depth=depth).modules() if isinstance(m, Block)]
    assert len({block.last_norm for block in blocks}) == zeroed
    if depth in (18, 50):
        for zero_gamma, expected in ((True, zeroed), (False, 0)):
            model = ResNet(ResNetConfig(depth=depth, zero_gamma=zero_gamma))
            norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
            assert sum(bool((norm.weight == 0).all()) for norm in norms) == expected
            assert all((norm.weight == 1).all() or (norm.weight == 0).all() for norm in norms)


ZERO_GAMMA_NETS: list[dict[str, Any]] = [
    {"depth": 18, "variant": "original"},
    {"depth": 50, "variant": "d", "attention": SK()},
]


@pytest.mark.parametrize("fields", ZERO_GAMMA_NETS)
def test_a_fresh_net_is_the_net_without_residual_branches(fields: dict[str, Any]) -> None:
    model = ResNet(ResNetConfig(**fields, num_classes=3)).train()
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        whole = model(x)
        for block in model.modules():
            if isinstance(block, Block):
                block.path_a.register_forward_hook(lambda _, args, out: torch.zeros_like(out))
        assert torch.equal(model(x), whole)


@pytest.mark.parametrize("fields", ZERO_GAMMA_NETS)
def test_the_first_backward_reaches_only_the_last_norm(fields: dict[str, Any]) -> None:
    model = ResNet(ResNetConfig(**fields, num_classes=3)).train()
    model(torch.randn(2, 3, 32, 32)).square().sum().backward()
    for block in model.modules():
        if not isinstance(block, Block):
            continue
        last = set(block.last_norm.parameters())
        for parameter in block.path_a.parameters():
            assert parameter.grad is not None
            assert bool(parameter.grad.any()) == (parameter in last)
        for parameter in block.path_b.parameters():
            assert parameter.grad is not None
            assert parameter.grad.any()
