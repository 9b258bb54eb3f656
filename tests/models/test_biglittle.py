"""Big-Little nets and the assembled ones: figures, shapes, what is added to what."""

from typing import Any

import pytest
import torch
from torch import nn

from fasttricks.models.biglittle import BLOCK_COUNTS, BigLittleStage, BigLittleStem
from fasttricks.models.block import Block
from fasttricks.models.blur import BlurPool
from fasttricks.models.builders import create_model
from fasttricks.models.config import SK, BigLittle, ResNetConfig
from fasttricks.models.count import count
from fasttricks.models.dropblock import DropBlock2d
from fasttricks.models.layers import Options
from fasttricks.models.resnet import ResNet


def on_meta(name: str, **overrides: Any) -> ResNet:
    with torch.device("meta"):
        model = create_model(name, **overrides)
    assert isinstance(model, ResNet)
    return model


def gmacs(model: ResNet, size: int) -> float:
    return round(count(model, size).macs / 1e9, 3)


def block_counts(model: ResNet) -> list[tuple[int, ...]]:
    """(big, little, merge) of three stages, then the blocks of the fourth."""
    *stages, last = model.stages
    counts: list[tuple[int, ...]] = []
    for stage in stages:
        assert isinstance(stage, BigLittleStage)
        counts.append((len(stage.big), len(stage.little), len(stage.merge)))
    assert isinstance(last, nn.Sequential)
    return [*counts, (len(last),)]


@pytest.mark.parametrize(("name", "overrides", "parameters", "at_224", "at_256"), [
    ("bl_resnet50", {}, 26_694_568, 2.856, None),
    ("bl_resnet50", {"big_little": BigLittle()}, 28_403_624, 3.267, None),
    ("assemble_resnet50", {"antialias": None}, 41_846_440, 4.165, 5.439),
    ("assemble_resnet50", {}, 41_846_440, 5.726, 7.477),
    ("assemble_resnet50", {"num_classes": 1001}, 41_848_489, None, None),
    ("assemble_resnet101", {}, 66_347_880, 7.313, 9.550),
    ("assemble_resnet101", {"num_classes": 1001}, 66_349_929, None, None),
    ("assemble_resnet152", {}, 117_004_200, 15.675, 20.471),
    ("assemble_resnet152", {"num_classes": 1001}, 117_006_249, None, None),
])  # fmt: skip
def test_figures(
    name: str,
    overrides: dict[str, Any],
    parameters: int,
    at_224: float | None,
    at_256: float | None,
) -> None:
    model = on_meta(name, **overrides)
    assert sum(p.numel() for p in model.parameters()) == parameters
    for size, expected in ((224, at_224), (256, at_256)):
        if expected is not None:
            assert gmacs(model, size) == expected


def test_the_authors_count_with_batch_norm_statistics() -> None:
    model = on_meta("assemble_resnet50", num_classes=1001)
    statistics = sum(buffer.numel() for name, buffer in model.named_buffers() if "running_" in name)
    assert statistics == 77_312
    assert statistics + sum(p.numel() for p in model.parameters()) == 41_925_801


def test_blocks() -> None:
    assert BLOCK_COUNTS == {50: (3, 4, 6, 3), 101: (4, 8, 18, 3), 152: (5, 12, 30, 3)}
    assert block_counts(on_meta("assemble_resnet50")) == [(2, 1, 1), (3, 1, 1), (5, 1, 1), (3,)]
    assert block_counts(on_meta("assemble_resnet152")) == [
        (4, 1, 1), (11, 5, 1), (29, 14, 1), (3,),
    ]  # fmt: skip


@pytest.mark.parametrize("size", [224, 256])
def test_shapes(size: int) -> None:
    model = on_meta("assemble_resnet50").eval()
    x = torch.empty(1, 3, size, size, device="meta")
    assert model.stem(x).shape == (1, 64, size // 4, size // 4)
    announced = zip((256, 512, 1024, 2048), (8, 16, 16, 32), strict=True)
    expected = [(1, channels, size // stride, size // stride) for channels, stride in announced]
    assert [feature.shape for feature in model.features(x)] == expected
    assert model.stage_strides == (8, 16, 16, 32)
    assert model.stage_channels == (256, 512, 1024, 2048)
    assert (model.input_size, model.test_size) == (224, 256)


@pytest.mark.parametrize("size", [(225, 224), (224, 100), (16, 32)])
def test_other_sizes_are_refused_by_name(size: tuple[int, int]) -> None:
    model = on_meta("bl_resnet50")
    x = torch.empty(1, 3, *size, device="meta")
    with pytest.raises(ValueError, match=f"{size[0]} x {size[1]} .* multiples of 32"):
        model(x)
    with pytest.raises(ValueError, match="multiples of 32"):
        model.features(x)


def test_sizes_need_not_be_square() -> None:
    model = create_model("bl_resnet50", num_classes=3).eval()
    assert model(torch.randn(1, 3, 64, 32)).shape == (1, 3)


def small_stage(stride: int, **fields: Any) -> BigLittleStage:
    config = ResNetConfig(big_little=BigLittle(), **fields)
    return BigLittleStage(Options(config, 0), BigLittle(), 16, 8, 3, stride=stride).eval()


@pytest.mark.parametrize("stride", [1, 2])
def test_a_stage_repeats_big_and_adds_little(stride: int) -> None:
    stage = small_stage(stride)
    x = torch.randn(2, 16, 8, 12)
    big = stage.big(x)
    assert big.shape == (2, 32, 4, 6)
    assert big.min() < 0, "the big branch has no last ReLU"
    repeated = big.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    little = stage.little(x)
    assert little.shape == (2, 16, 8, 12)
    assert little.min() >= 0
    expected = stage.merge((repeated + stage.widen(little)).relu())
    assert torch.equal(stage(x), expected)
    assert expected.shape == (2, 32, 8 // stride, 12 // stride)


def test_the_stem_adds_its_branches_before_the_relu() -> None:
    stem = BigLittleStem(BigLittle(alpha=4)).eval()
    x = torch.randn(2, 3, 32, 64)
    entered = stem.entry(x)
    both = stem.big(entered) + stem.little(entered)
    assert both.shape == (2, 64, 8, 16)
    assert torch.equal(stem(x), stem.merge(both.relu()))
    assert [m.out_channels for m in stem.little if isinstance(m, nn.Conv2d)] == [16, 16, 64]


def test_dropblock_is_in_all_branches_of_the_last_two_stages() -> None:
    """Three behind the norms of every block, one behind every projection; none behind `widen`."""
    model = on_meta("assemble_resnet50")
    per_stage = [
        [m.scale for m in stage.modules() if isinstance(m, DropBlock2d)] for stage in model.stages
    ]
    assert per_stage == [[], [], [0.25] * (3 * 7 + 3), [1.0] * (3 * 3 + 1)]


def test_dropblock_of_a_plain_net() -> None:
    model = on_meta("resnet50d", dropblock={})
    drops = [sum(isinstance(m, DropBlock2d) for m in stage.modules()) for stage in model.stages]
    assert drops == [0, 0, 3 * 6 + 1, 3 * 3 + 1]


def test_every_strided_block_blurs_and_every_block_selects() -> None:
    model = on_meta("assemble_resnet50")
    blocks = [m for m in model.modules() if isinstance(m, Block)]
    assert len(blocks) == (2 + 1 + 1) + (3 + 1 + 1) + (5 + 1 + 1) + 3
    assert all("select" in dict(block.path_a.named_children()) for block in blocks)
    # big and merge in stages 1 and 2, big in 3 (whose merge has stride 1), the first of stage 4.
    assert sum(isinstance(m, BlurPool) for m in model.modules()) == 2 + 2 + 1 + 1
    assert not any(isinstance(m, BlurPool) for m in model.stem.modules())


def test_the_slim_branch_is_divided_by_alpha_in_width_and_beta_in_depth() -> None:
    model = on_meta("bl_resnet50", depth=152, big_little={"alpha": 4, "beta": 3})
    assert block_counts(model) == [(4, 1, 1), (11, 3, 1), (29, 9, 1), (3,)]
    widths = [stage.little[0].path_a.conv1.out_channels for stage in list(model.stages)[:3]]  # type: ignore[union-attr,index]
    assert widths == [16, 32, 64]


def test_zero_gamma_leaves_the_shortcuts() -> None:
    model = create_model("assemble_resnet50", num_classes=2, attention=SK())
    zeroed = [
        name for name, m in model.named_modules()
        if isinstance(m, nn.BatchNorm2d) and not m.weight.any()
    ]  # fmt: skip
    assert len(zeroed) == 19
    assert all(name.endswith("path_a.norm3") for name in zeroed)
