import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from fasttricks.models.attention import SelectiveKernel, SqueezeExcite
from tests.models import part_checks

KINDS = {"dagger": {}, "original": {"kind": "original", "ratio": 16}}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


# Squeeze-and-excitation


@pytest.mark.parametrize("bias", [False, True])
def test_excite_equals_the_formula(bias):
    se = SqueezeExcite(12, ratio=4, bias=bias)
    x = part_checks.channels_last(3, 12, 5, 7)
    z = torch.einsum("bchw,kc->bk", x, se.squeeze.weight) / 35
    z = functional.relu(z + (se.squeeze.bias if bias else 0))
    gate = 1 / (1 + torch.exp(-(z @ se.excite.weight.T + (se.excite.bias if bias else 0))))
    torch.testing.assert_close(se(x), x * gate.reshape(3, 12, 1, 1))


def test_excite_scales_whole_channels_between_0_and_1():
    x = part_checks.channels_last(3, 16, 4, 4).abs() + 1
    scale = SqueezeExcite(16, ratio=4)(x) / x
    assert 0 < scale.min() < scale.max() < 1
    torch.testing.assert_close(scale, scale[:, :, :1, :1].expand_as(scale))


def test_excite_with_a_zero_second_layer_halves():
    se = SqueezeExcite(16)
    nn.init.zeros_(se.excite.weight)
    x = part_checks.channels_last(2, 16, 3, 3)
    assert torch.equal(se(x), x / 2)


def test_excite_follows_a_permutation_of_channels():
    se, x = SqueezeExcite(16, ratio=4), part_checks.channels_last(2, 16, 3, 3)
    order = torch.randperm(16)
    permuted = copy.deepcopy(se)
    with torch.no_grad():
        permuted.squeeze.weight.copy_(se.squeeze.weight[:, order])
        permuted.excite.weight.copy_(se.excite.weight[order])
    torch.testing.assert_close(permuted(x[:, order]), se(x)[:, order])
    assert not torch.allclose(se(x[:, order]), se(x)[:, order])


def test_excite_has_the_published_parameters():
    # One in each of the 16 blocks: the bare ResNet-50(B) has 25,557,032.
    blocks = [256] * 3 + [512] * 4 + [1024] * 6 + [2048] * 3
    bare = 25_557_032
    assert bare + sum(count(SqueezeExcite(c)) for c in blocks) == 28_071_976
    assert bare + sum(count(SqueezeExcite(c, bias=True)) for c in blocks) == 28_088_024


def test_excite_refuses_a_ratio_that_leaves_nothing():
    with pytest.raises(ValueError, match="ratio=16: at most the 8 channels"):
        SqueezeExcite(8)


# Selective kernels


def branch_maps(sk, x, kind):
    """U1 and U2 as the papers draw them: a convolution, batch norm and ReLU each."""
    if kind == "original":
        return sk.branches.near(x), sk.branches.far(x)
    conv, norm, _ = sk.branches
    half = norm.num_features // 2
    maps = []
    for part in (slice(0, half), slice(half, None)):
        u = functional.conv2d(x, conv.weight[part], None, conv.stride, conv.padding, conv.dilation)
        u = functional.batch_norm(
            u, norm.running_mean[part], norm.running_var[part], norm.weight[part], norm.bias[part],
            sk.training, eps=norm.eps, momentum=0.0,
        )  # fmt: skip
        maps.append(functional.relu(u))
    return maps


def reference(sk, x, kind, swapped=False):
    """The definition as the paper writes it, softmax and all."""
    u1, u2 = branch_maps(sk, x, kind)
    squeezed = functional.linear((u1 + u2).mean((2, 3)), sk.squeeze.weight)
    logits = functional.linear(functional.relu(sk.norm(squeezed)), sk.select.weight)
    a1, a2 = torch.softmax(torch.stack(logits.chunk(2, 1)), 0)[..., None, None]
    torch.testing.assert_close(a1 + a2, torch.ones_like(a1))
    return a2 * u1 + a1 * u2 if swapped else a1 * u1 + a2 * u2


def settled(*arguments, **options):
    """A selective kernel in evaluation, with norms that are not the identity."""
    torch.manual_seed(1)
    sk = SelectiveKernel(*arguments, **options).eval()
    for norm in sk.modules():
        if isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.normal_(norm.bias)
            nn.init.normal_(norm.running_mean, std=0.3)
            nn.init.uniform_(norm.running_var, 0.5, 2)
    nn.init.normal_(sk.select.weight)  # shares far from one half
    return sk


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("training", [False, True])
def test_select_equals_the_definition(kind, stride, dilation, training):
    # float64: a norm over three pictures blows rounding up.
    sk = settled(32, 64, stride=stride, dilation=dilation, **KINDS[kind]).double().train(training)
    x = part_checks.channels_last(3, 32, 7, 6, dtype=torch.float64)
    with torch.no_grad():
        out, expected = sk(x), reference(sk, x, kind)
    assert out.shape == (3, 64, -(-7 // stride), -(-6 // stride))
    torch.testing.assert_close(out, expected)
    assert not torch.allclose(out, reference(sk, x, kind, swapped=True), atol=1e-2)
    assert out.min() >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_select_without_a_preference_is_the_mean_of_the_branches(kind):
    sk, x = settled(32, 32, **KINDS[kind]), part_checks.channels_last(2, 32, 5, 5)
    nn.init.zeros_(sk.select.weight)
    u1, u2 = branch_maps(sk, x, kind)
    torch.testing.assert_close(sk(x), (u1 + u2) / 2)


def swap_halves(*tensors):
    with torch.no_grad():
        for tensor in tensors:
            tensor.copy_(torch.cat(tensor.chunk(2)[::-1]))


def test_select_does_not_care_which_branch_is_first():
    sk, x = settled(8, 16), part_checks.channels_last(3, 8, 5, 5)
    out = sk(x)
    conv, norm, _ = sk.branches
    swap_halves(conv.weight, norm.weight, norm.bias, norm.running_mean, norm.running_var)
    assert not torch.allclose(sk(x), out, atol=1e-2)  # branches without their logits
    swap_halves(sk.select.weight)
    torch.testing.assert_close(sk(x), out)


@pytest.mark.parametrize(
    ("channels", "options", "hidden"),
    [
        (64, {}, 32), (512, {}, 256), (32, {}, 32), (512, {"ratio": 16}, 32),
        (1024, KINDS["original"], 64), (512, KINDS["original"], 32), (128, {"least": 8}, 64),
    ],
)  # fmt: skip
def test_select_has_the_papers_hidden_width(channels, options, hidden):
    with torch.device("meta"):
        assert SelectiveKernel(channels, channels, **options).norm.num_features == hidden


def replaced(depth_counts, options):
    """Parameters that selective kernels add to a ResNet-50(B) whose 3 x 3 they replace."""
    extra = 0
    with torch.device("meta"):
        for width, blocks in zip((64, 128, 256, 512), depth_counts, strict=True):
            plain = 9 * width * width + 2 * width
            extra += blocks * (count(SelectiveKernel(width, width, **options)) - plain)
    return extra


def test_select_has_the_published_parameters():
    assert 25_557_032 + replaced((3, 4, 6, 3), {}) == 38_771_816
    assert 25_557_032 + replaced((3, 4, 6, 3), {"ratio": 16}) == 37_245_352


def test_original_select_makes_a_sknet_50_of_27_5_million():
    total = 3 * 64 * 49 + 2 * 64 + 2048 * 1000 + 1000
    incoming = 64
    with torch.device("meta"):
        for width, blocks in zip((128, 256, 512, 1024), (3, 4, 6, 3), strict=True):
            outgoing = 2 * width
            for block in range(blocks):
                total += incoming * width + 2 * width + width * outgoing + 2 * outgoing
                total += count(SelectiveKernel(width, width, kind="original", ratio=16))
                total += (incoming * outgoing + 2 * outgoing) if block == 0 else 0
                incoming = outgoing
    assert round(total / 1e6, 1) == 27.5


def test_original_select_sees_twice_as_far_in_its_second_branch():
    sk = SelectiveKernel(32, 32, kind="original", ratio=16)
    near, far = sk.branches.near[0], sk.branches.far[0]
    assert (near.groups, near.dilation, near.padding) == (32, (1, 1), (1, 1))
    assert (far.groups, far.dilation, far.padding) == (32, (2, 2), (2, 2))


def test_select_trains_on_one_pixel_but_not_on_one_picture():
    sk = SelectiveKernel(8, 8).train()
    assert sk(part_checks.channels_last(2, 8, 1, 1)).shape == (2, 8, 1, 1)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        sk(part_checks.channels_last(1, 8, 4, 4))


def test_select_gradients_are_those_of_the_formula():
    sk = settled(4, 4, least=4).double()
    x = torch.randn(2, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    got = torch.autograd.grad(sk(x).square().sum(), [x, *sk.parameters()])
    expected = torch.autograd.grad(reference(sk, x, "dagger").square().sum(), [x, *sk.parameters()])
    for ours, theirs in zip(got, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


BUILDERS = {
    "squeeze-excite": lambda: SqueezeExcite(32),
    "dagger": lambda: SelectiveKernel(32, 32),
    "dagger-stride": lambda: SelectiveKernel(32, 64, stride=2),
    "original": lambda: SelectiveKernel(32, 32, kind="original", ratio=16),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_layout_dtype_compile_export_and_meta(name):
    build = BUILDERS[name]
    module = build().to(memory_format=torch.channels_last)
    x = part_checks.channels_last(3, 32, 6, 5)
    part_checks.check_layout(module, x)
    part_checks.check_compiles(module, x)
    part_checks.check_exports(module, x)
    part_checks.check_meta(build, x)


def test_autocast_keeps_the_dtype_of_what_is_scaled():
    part_checks.check_autocast(SqueezeExcite(32), (3, 32, 6, 5))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
def test_autocast_gives_what_a_convolution_would_give(kind, low):
    sk = SelectiveKernel(32, 32, **KINDS[kind]).to(memory_format=torch.channels_last)
    x = part_checks.channels_last(3, 32, 6, 5)
    for training in (True, False):
        full = sk.train(training)(x)
        with torch.autocast("cpu", low):
            out = sk(x)
        assert out.dtype == low
        assert out.is_contiguous(memory_format=torch.channels_last)
        # Two layers and two norms of values up to about 4, rounded to 8 bits.
        torch.testing.assert_close(out.float(), full, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    ("channels", "kind", "says"),
    [(32, "sk", "kind='sk'.*'dagger', 'original'"), (48, "original", "channels=48.*32")],
)
def test_wrong_arguments_are_named(channels, kind, says):
    with pytest.raises(ValueError, match=says):
        SelectiveKernel(channels, channels, kind=kind)
