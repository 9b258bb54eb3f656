import pytest
import torch
from torch import nn
from torch.nn import functional

from fasttricks.models.dropblock import (
    DropBlock2d,
    all_under_squares,
    seed_probability,
    set_keep,
)
from tests.models import part_checks

MASKS = {"channel": (6, 5), "batch": (1, 5), "sample": (6, 1)}


def reference(seedless, block):
    """Square by square."""
    batch, channels, rows, columns = seedless.shape
    kept = torch.ones(batch, channels, rows + block - 1, columns + block - 1, dtype=torch.bool)
    for b, c, i, j in (~seedless).nonzero().tolist():
        kept[b, c, i : i + block, j : j + block] = False
    return kept


def by_pooling(seedless, block):
    """As the papers' code has it: pad with zeros, max pool."""
    seeds = functional.pad((~seedless).float(), (block - 1,) * 4)
    return functional.max_pool2d(seeds, block, 1) == 0


@pytest.mark.parametrize("block", range(1, 9))
def test_squares_are_dropped_from_their_upper_left_corner(block):
    generator = torch.Generator().manual_seed(block)
    seedless = torch.rand(3, 4, 5, 7, generator=generator) > 0.05
    got = all_under_squares(seedless, block)
    assert torch.equal(got, reference(seedless, block))
    assert torch.equal(got, by_pooling(seedless, block))


@pytest.mark.parametrize("block", [2, 7])
def test_the_comparison_fails_squares_centred_on_their_seed(block):
    seedless = torch.rand(3, 4, 9, 9) > 0.05
    centred = reference(seedless, block).roll((-(block // 2),) * 2, (2, 3))
    assert not torch.equal(all_under_squares(seedless, block), centred)


@pytest.mark.parametrize(
    ("drop", "size", "block", "expected"),
    [
        (0.1, (7, 7), 7, 0.1),  # stage 4 at 224: a seed takes the channel
        (0.25 * 0.1, (14, 14), 7, 0.0015625),  # stage 3
        (0.1, (8, 6), 3, 0.1 * 48 / (9 * 6 * 4)),
        (0.3, (5, 5), 1, 0.3),
    ],
)
def test_seed_probability_is_the_papers(drop, size, block, expected):
    drop = torch.tensor(drop, dtype=torch.float64)
    assert float(seed_probability(drop, size, block)) == pytest.approx(expected, rel=1e-12)


def dropping(keep, **options):
    layer = DropBlock2d(**{"scale": 1.0, **options})
    set_keep(layer, keep)
    return layer.train()


@pytest.mark.parametrize("mask", MASKS)
def test_identity_in_evaluation_and_while_all_is_kept(mask):
    x = part_checks.channels_last(6, 5, 14, 14)
    assert dropping(0.5, mask=mask).eval()(x) is x
    assert torch.equal(DropBlock2d(1.0, mask=mask).train()(x), x)
    assert torch.equal(dropping(0.5, scale=0, mask=mask)(x), x)
    assert not torch.equal(dropping(0.5, mask=mask)(x), x)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("size", [(14, 14), (9, 12), (7, 7), (3, 5)])
def test_the_mean_of_a_constant_is_kept(mask, size):
    out = dropping(0.8, mask=mask)(torch.full((6, 5, *size), 2.0))
    assert 0 < (out == 0).float().mean() < 1
    assert out.mean().item() == pytest.approx(2, rel=1e-5)
    assert out.unique().numel() == 2  # dropped, or kept at one and the same scale


def test_without_the_scaling_the_mean_would_fall():
    layer, x = dropping(0.8), torch.full((6, 5, 14, 14), 2.0)
    assert (x * layer._draw_mask(x)).mean() < 1.9


@pytest.mark.parametrize("mask", MASKS)
def test_the_mask_is_shared_as_asked(mask):
    x = torch.ones(6, 5, 10, 10)
    kept = dropping(0.7, block_size=3, mask=mask)(x) != 0
    samples_alike = bool((kept == kept[:1]).all())
    channels_alike = bool((kept == kept[:, :1]).all())
    assert samples_alike == (mask == "batch")
    assert channels_alike == (mask == "sample")


def test_the_dropped_are_whole_squares_inside_the_map():
    kept = dropping(0.97, block_size=3)(torch.ones(200, 4, 9, 11)) != 0
    seen = 0
    for plane in kept.flatten(0, 1):
        dropped = (~plane).nonzero()
        if len(dropped) == 9:  # a single square
            seen += 1
            assert (dropped.amax(0) - dropped.amin(0) == 2).all()
        assert len(dropped) == 0 or len(dropped) >= 9  # none is clipped at the rim
    assert seen > 50


@pytest.mark.parametrize(("scale", "keep"), [(1.0, 0.9), (0.25, 0.9), (1.0, 0.8)])
def test_on_a_large_map_the_share_dropped_is_as_asked(scale, keep):
    torch.manual_seed(0)
    out = dropping(keep, scale=scale, block_size=5)(torch.ones(64, 16, 40, 40))
    share = (out == 0).double().mean().item()
    # Each pixel is under at most 25 squares of probability p, fewer at the rim: the mean number of
    # squares over a pixel is the share asked for, and overlaps lower the share to 1 - exp(-share).
    asked = scale * (1 - keep)
    assert 0.9 * (asked - asked**2 / 2) < share < 1.02 * asked


@pytest.mark.parametrize("size", [(7, 7), (4, 6), (1, 1), (1, 5)])
def test_a_block_larger_than_the_map_is_clipped(size):
    torch.manual_seed(0)
    kept = dropping(0.5)(torch.ones(64, 8, *size)) != 0
    columns_alike = kept.all((2, 3)) | ~kept.any((2, 3))
    if size[0] == size[1]:
        assert columns_alike.all()  # a square takes the map
    share = (~kept).float().mean().item()
    assert 0.3 < share < 0.6


def test_nothing_left_is_zero_and_not_nan():
    layer = dropping(1e-6)
    out = layer(torch.ones(1, 1, 7, 7))
    assert torch.equal(out, torch.zeros_like(out))


def test_gradient_flows_where_the_map_is_kept():
    x = torch.randn(4, 3, 10, 10, requires_grad=True)
    out = dropping(0.8)(x)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(gradient * x, out)


def test_set_keep_finds_all_layers_and_counts_them():
    model = nn.Sequential(DropBlock2d(1), nn.Sequential(nn.ReLU(), DropBlock2d(0.25)))
    storage = model[0].keep.data_ptr()
    assert set_keep(model, 0.75) == 2
    assert model[0].keep.data_ptr() == storage
    assert [float(layer.keep) for layer in (model[0], model[1][1])] == [0.75, 0.75]
    assert set_keep(nn.ReLU(), 0.75) == 0


def test_keep_is_saved_in_float32():
    layer, other = dropping(0.9), DropBlock2d(1.0)
    other.load_state_dict(layer.state_dict())
    assert other.keep.dtype == torch.float32
    assert other.keep == torch.tensor(0.9)


def compile_counting(module, graphs):
    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    return torch.compile(module, fullgraph=True, backend=backend)


def test_a_new_keep_takes_effect_without_compiling_again():
    graphs = []
    layer = DropBlock2d(1.0).train()
    compiled = compile_counting(layer, graphs)
    x, shares = torch.ones(256, 8, 7, 7), []
    for keep in (1.0, 0.95, 0.9, 0.75, 0.5):
        set_keep(compiled, keep)
        shares.append((compiled(x) == 0).float().mean().item())
    assert len(graphs) == 1
    assert shares[0] == 0
    for share, asked in zip(shares, (0, 0.05, 0.1, 0.25, 0.5), strict=True):
        assert abs(share - asked) < 0.05  # 2048 draws: over 4 standard deviations


def test_the_compile_counter_sees_a_number_that_changes():
    class Plain(nn.Module):
        keep = 1.0

        def forward(self, x):
            return x * self.keep

    graphs = []
    plain = Plain()
    compiled = compile_counting(plain, graphs)
    for keep in (1.0, 0.95):
        plain.keep = keep
        compiled(torch.ones(3))
    assert len(graphs) == 2


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("size", [(14, 14), (7, 7), (3, 5)])
def test_layout_dtype_and_compile(mask, size):
    layer, x = dropping(0.8, mask=mask), part_checks.channels_last(6, 8, *size)
    part_checks.check_layout(layer, x)
    part_checks.check_autocast(layer, x.shape)
    part_checks.check_compiles(layer, x)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_mask_of_a_half_precision_map_is_that_of_float32(dtype):
    layer, x = dropping(0.8), part_checks.channels_last(6, 8, 14, 14)
    torch.manual_seed(3)
    full = layer(x)
    torch.manual_seed(3)
    half = layer(x.to(dtype))
    assert half.dtype == dtype
    assert torch.equal(half == 0, full == 0)
    torch.testing.assert_close(half.float(), full, rtol=torch.finfo(dtype).eps * 2, atol=0)


def test_export_and_meta():
    x = part_checks.channels_last(6, 8, 14, 14)
    part_checks.check_exports(nn.Sequential(nn.ReLU(), DropBlock2d(1.0)), x)
    part_checks.check_meta(lambda: DropBlock2d(1.0), x)
    with torch.device("meta"):
        layer = DropBlock2d(1.0).train()
    assert layer(x.to("meta")).shape == x.shape
    layer.to_empty(device="cpu").reset_parameters()
    assert layer.keep == 1


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: set_keep(nn.ReLU(), 0.0), "keep=0.0"),
        (lambda: set_keep(nn.ReLU(), 1.1), "keep=1.1"),
    ],
)
def test_wrong_arguments_are_named(build, says):
    with pytest.raises(ValueError, match=says):
        build()
