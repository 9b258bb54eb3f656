import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from fasttricks.errors import UnknownNameError
from fasttricks.models import create_model
from fasttricks.models.blur import BlurPool
from fasttricks.models.dropblock import DropBlock2d, set_keep
from fasttricks.models.init import INITIALISERS, initialise, last_norms

# fan_in and fan_out: channels times kernel area
LAYERS = {
    "64 to 64, 3 x 3": (lambda: nn.Conv2d(64, 64, 3), 576, 576),
    "32 to 256, 1 x 1": (lambda: nn.Conv2d(32, 256, 1), 32, 256),
    "depthwise": (lambda: nn.Conv2d(2048, 2048, 3, groups=2048), 9, 2048 * 9),
    "linear": (lambda: nn.Linear(512, 100), 512, 100),
}


def standard_deviation(how, fan_in, fan_out):
    return {
        "xavier": math.sqrt(2 / (fan_in + fan_out)),
        "msra-prelu": math.sqrt(2 / (1 + 0.25**2) / ((fan_in + fan_out) / 2)),
        "he": math.sqrt(2 / fan_in),
        "he-fan-out": math.sqrt(2 / fan_out),
        "variance-scaling": math.sqrt(1 / fan_in),
    }[how]


def drawn(how, layer, seed=0):
    torch.manual_seed(seed)
    initialise(layer, how, zero_gamma=False)
    return layer.weight.detach()


@pytest.mark.parametrize("how", INITIALISERS)
@pytest.mark.parametrize("name", LAYERS)
def test_weights_have_mean_0_and_the_variance_of_the_formula(how, name):
    build, fan_in, fan_out = LAYERS[name]
    weight = drawn(how, build())
    expected = standard_deviation(how, fan_in, fan_out)
    # 4 standard errors of a standard deviation and of a mean, of normal weights
    error = 4 / math.sqrt(weight.numel())
    assert weight.std().item() == pytest.approx(expected, rel=error / math.sqrt(2))
    assert abs(weight.mean().item()) < error * expected


@pytest.mark.parametrize("how", INITIALISERS)
def test_the_variance_check_tells_them_apart(how):
    weight = drawn(how, nn.Conv2d(64, 96, 3))
    for other in set(INITIALISERS) - {how}:
        expected = standard_deviation(other, 576, 864)
        assert weight.std().item() != pytest.approx(expected, rel=0.02)


def test_published_figures_of_a_64_to_64_convolution():
    xavier = drawn("xavier", nn.Conv2d(64, 64, 3))
    bound = math.sqrt(6 / (576 + 576))
    assert round(bound, 4) == 0.0722
    assert 0.999 * bound < xavier.abs().max().item() <= bound
    assert round(standard_deviation("xavier", 576, 576), 4) == 0.0417
    assert round(standard_deviation("msra-prelu", 576, 576), 4) == 0.0572


def test_xavier_is_flat_and_the_others_are_bells():
    def kurtosis(weight):
        return ((weight / weight.std()) ** 4).mean().item()

    layer = nn.Conv2d(64, 256, 3)
    assert kurtosis(drawn("xavier", layer)) == pytest.approx(1.8, abs=0.05)
    assert kurtosis(drawn("msra-prelu", layer)) == pytest.approx(3, abs=0.1)
    assert kurtosis(drawn("he", layer)) == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("how", INITIALISERS)
def test_biases_are_0_and_norms_are_the_identity(how):
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 4), nn.BatchNorm1d(4))
    for tensor in [*net.parameters(), net[1].running_mean, net[3].running_var]:
        nn.init.constant_(tensor, 7)
    initialise(net, how, zero_gamma=True)
    assert not net[0].bias.any()
    assert not net[2].bias.any()
    for norm in (net[1], net[3]):
        assert (norm.weight == 1).all()
        assert (norm.running_var == 1).all()
        assert not norm.bias.any()
        assert not norm.running_mean.any()


def test_the_same_seed_gives_the_same_weights():
    layers = [nn.Conv2d(8, 8, 3) for _ in range(3)]
    first, second = drawn("xavier", layers[0]), drawn("xavier", layers[1])
    assert torch.equal(first, second)
    assert not torch.equal(first, drawn("xavier", layers[2], seed=1))


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    @property
    def last_norm(self):
        return self.norm2

    def forward(self, x):
        y = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        return functional.relu(x + y)


def residual_net(zero_gamma):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), Residual(4), Residual(4))
    initialise(net, "xavier", zero_gamma=zero_gamma)
    return net


def test_zero_gamma_starts_every_block_as_the_identity():
    x = torch.randn(2, 3, 8, 8)
    net = residual_net(zero_gamma=True)
    assert torch.equal(net(x), net[:3](x))
    usual = residual_net(zero_gamma=False)
    assert not torch.allclose(usual(x), usual[:3](x))


def test_zero_gamma_touches_the_last_norms_only():
    net = residual_net(zero_gamma=True)
    zeroed = {name for name, p in net.named_parameters() if p.ndim == 1 and not p.any()}
    gammas = {name for name in zeroed if name.endswith("weight")}
    assert gammas == {"3.norm2.weight", "4.norm2.weight"}
    assert len(list(last_norms(net))) == 2


@pytest.mark.parametrize(("depth", "blocks"), [(18, 8), (34, 16), (50, 16), (101, 33), (152, 50)])
def test_every_block_of_a_resnet_has_a_last_norm(depth, blocks):
    with torch.device("meta"):
        model = create_model(f"resnet{depth}", num_classes=2)
    assert len(list(last_norms(model))) == blocks


@pytest.mark.parametrize("name", ["inception_v3", "mobilenet_v1"])
def test_networks_without_residual_branches_have_none(name):
    with torch.device("meta"):
        assert list(last_norms(create_model(name, num_classes=2))) == []


def test_zero_gamma_lets_only_the_last_norms_learn_at_first():
    net = residual_net(zero_gamma=True)
    net(torch.randn(2, 3, 8, 8)).square().sum().backward()
    for block in net[3:]:
        for inside in (block.conv1, block.norm1, block.conv2):
            assert not inside.weight.grad.any()
        assert block.norm2.weight.grad.any()
        assert block.norm2.bias.grad.any()


def test_fixed_buffers_are_written_anew():
    net = nn.Sequential(BlurPool(2), DropBlock2d(1.0))
    expected = net[0].kernel.clone()
    net[0].kernel.fill_(math.nan)
    set_keep(net, 0.5)
    initialise(net, "xavier", zero_gamma=False)
    assert torch.equal(net[0].kernel, expected)
    assert net[1].keep == 1


def test_unknown_initialisers_are_named():
    with pytest.raises(UnknownNameError, match="'uniform'; known: xavier, msra-prelu, he"):
        initialise(nn.Linear(2, 2), "uniform", zero_gamma=False)


def test_the_cut_normal_is_cut_and_has_its_variance_all_the_same():
    weight = drawn("variance-scaling", nn.Conv2d(64, 96, 3))
    std = math.sqrt(1 / 576)
    assert weight.abs().max() <= 2 * std / 0.8796
    assert weight.std().item() == pytest.approx(std, rel=0.02)
