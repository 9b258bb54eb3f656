"""The vocabulary of the figures."""

import pytest
import torch
from torch import nn

from fasttricks.models.config import SE, SK, AntiAlias, DropBlock, ResNetConfig
from fasttricks.models.layers import Options, chain, conv, relu


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_convolutions_round_sizes_up(size: int, stride: int, dilation: int) -> None:
    layer = conv(2, 3, size, stride=stride, dilation=dilation)
    assert layer.bias is None
    assert layer(torch.randn(1, 2, 13, 20)).shape == (1, 3, -(-13 // stride), -(-20 // stride))


def test_a_chain_leaves_out_none_and_keeps_its_names() -> None:
    steps = chain(conv=conv(1, 1, 1), drop=None, relu=relu())
    assert [name for name, _ in steps.named_children()] == ["conv", "relu"]


def test_relu_is_in_place() -> None:
    x = torch.tensor([-1.0, 2.0])
    assert relu()(x) is x


def test_options_that_are_off_add_nothing() -> None:
    options = Options(ResNetConfig(), stage=3)
    assert options.drop() is None
    assert options.excite(64) is None
    assert options.blur("sconv", 64, 2) is None


def test_dropblock_has_its_stages_scale() -> None:
    config = ResNetConfig(dropblock=DropBlock(block_size=5, mask="batch"))
    drops = [Options(config, stage).drop() for stage in range(4)]
    assert [drop and drop.scale for drop in drops] == [None, None, 0.25, 1.0]
    assert drops[3] is not None
    assert (drops[3].block_size, drops[3].mask) == (5, "batch")
    assert drops[3] is not Options(config, 3).drop()


def test_excitation_has_the_configurations_ratio_and_biases() -> None:
    excite = Options(ResNetConfig(attention=SE(ratio=8, bias=True)), stage=0).excite(64)
    assert excite is not None
    shapes = {tuple(parameter.shape) for parameter in excite.parameters()}
    assert shapes == {(8, 64), (8,), (64, 8), (64,)}
    assert Options(ResNetConfig(attention=SK()), stage=0).excite(64) is None


def test_blurs_stand_only_at_strides_and_at_their_positions() -> None:
    options = Options(ResNetConfig(antialias=AntiAlias(filter_size=4)), stage=0)
    assert options.blur("sconv", 64, 1) is None
    assert options.blur("proj", 64, 2) is None
    blur = options.blur("sconv", 64, 2)
    assert isinstance(blur, nn.Module)
    assert (blur.filter_size, blur.stride) == (4, 2)
