"""Zero gamma."""

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2, resnet
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from fasttricks.tricks.zero_gamma import zero_gamma

COUNTS = {18: 8, 34: 16, 50: 16, 101: 33, 152: 50}


@pytest.mark.parametrize(("depth", "count"), COUNTS.items())
def test_counts(depth, count):
    with torch.device("meta"):
        assert zero_gamma(getattr(resnet, f"resnet{depth}")()) == count


@pytest.mark.parametrize(("depth", "count"), COUNTS.items())
@pytest.mark.parametrize("variant", ["", "d"])
def test_counts_of_ours(depth, count, variant):
    models = pytest.importorskip("fasttricks.models.resnet")
    from fasttricks.models.config import ResNetConfig

    config = ResNetConfig(depth=depth, variant=variant or "original", zero_gamma=False)
    with torch.device("meta"):
        assert zero_gamma(models.ResNet(config)) == count


@pytest.mark.parametrize("name", ["resnet26d", "seresnet50", "skresnet18", "resnetblur50"])
def test_counts_of_timm(name):
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        net = timm.create_model(name, zero_init_last=False)
        blocks = sum(hasattr(module, "zero_init_last") for module in net.modules())
    assert zero_gamma(net) == blocks > 0


def test_nets_without_residual_branches_are_left_alone():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    assert zero_gamma(net) == 0
    assert torch.equal(net[1].weight, torch.ones(4))
    with torch.device("meta"):
        assert zero_gamma(mobilenet_v2()) == 0


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_every_block_starts_as_its_shortcut(block):
    torch.manual_seed(0)
    net = ResNet(block, [2, 1, 1, 1], num_classes=5)
    assert zero_gamma(net) == 5
    x = torch.randn(2, 3, 32, 32)
    expected = net.maxpool(net.relu(net.bn1(net.conv1(x))))
    for unit in [u for stage in (net.layer1, net.layer2, net.layer3, net.layer4) for u in stage]:
        shortcut = expected if unit.downsample is None else unit.downsample(expected)
        expected = shortcut.relu()
    torch.testing.assert_close(net(x), net.fc(expected.mean((2, 3))), rtol=1e-5, atol=1e-6)


def test_first_gradients_reach_gamma_and_beta_and_not_the_branch_before():
    torch.manual_seed(0)
    unit = ResNet(Bottleneck, [1, 1, 1, 1]).layer2[0]
    zero_gamma(unit)
    optimizer = torch.optim.SGD(unit.parameters(), lr=0.1)
    for first in (True, False):
        optimizer.zero_grad()
        unit(torch.randn(3, 256, 8, 8)).square().sum().backward()
        for name, parameter in unit.named_parameters():
            in_branch = name.startswith(("conv1", "bn1", "conv2", "bn2", "conv3"))
            nothing = parameter.grad.abs().max() == 0
            assert nothing == (in_branch and first), name
        optimizer.step()


def test_norms_on_the_shortcut_keep_their_gamma():
    net = ResNet(BasicBlock, [1, 1, 1, 1])
    zero_gamma(net)
    kept = [net.bn1, net.layer1[0].bn1, net.layer2[0].downsample[1], net.layer4[0].downsample[1]]
    assert all(bool((norm.weight == 1).all()) for norm in kept)
    assert bool((net.layer2[0].bn2.weight == 0).all())
