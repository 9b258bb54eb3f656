"""Models by name: all are built, speak the same protocol, and cost what the papers say."""

from typing import Any

import pytest
import torch
from torch import nn

import fasttricks.models
from fasttricks.errors import UnknownNameError
from fasttricks.models import create_model, list_models
from fasttricks.models.builders import build_model
from fasttricks.models.config import SE, SK, AntiAlias, DropBlock, ResNetConfig
from fasttricks.models.count import count


def on_meta(name: str, **overrides: Any) -> nn.Module:
    with torch.device("meta"):
        return create_model(name, **overrides)


@pytest.mark.parametrize("name", list_models())
def test_every_model_speaks_the_protocol(name: str) -> None:
    model: Any = on_meta(name, num_classes=7).eval()
    x = torch.empty(2, 3, model.input_size, model.input_size, device="meta")
    assert model(x).shape == (2, 7)
    assert isinstance(model.classifier, nn.Linear)
    maps = model.features(x)
    assert tuple(feature.shape[1] for feature in maps) == model.stage_channels
    for feature, stride in zip(maps, model.stage_strides, strict=True):
        rounded = model.input_size / stride
        assert abs(feature.shape[-1] - rounded) <= (4 if name == "inception_v3" else 0)


# Parameters, GMACs at 224 px and 1000 classes; blur and DropBlock cost no parameter.
FIGURES: list[tuple[str, dict[str, Any], int, float | None]] = [
    ("se_resnet50", {}, 28_071_976, None),
    ("se_resnet50", {"attention": SE(bias=True)}, 28_088_024, None),
    ("se_resnet50d", {}, 28_091_208, 4.331),
    ("sk_resnet50", {}, 38_771_816, 5.941),
    ("sk_resnet50", {"attention": SK(ratio=16)}, 37_245_352, None),
    ("sk_resnet50d", {}, 38_791_048, 6.180),
    ("resnet50b", {"antialias": AntiAlias()}, 25_557_032, 5.130),
    ("resnet50b", {"dropblock": DropBlock()}, 25_557_032, 4.089),
]


@pytest.mark.parametrize(("name", "overrides", "parameters", "gmacs"), FIGURES)
def test_figures(
    name: str, overrides: dict[str, Any], parameters: int, gmacs: float | None
) -> None:
    counted = count(on_meta(name, **overrides), 224)
    assert counted.parameters == parameters
    if gmacs is not None:
        assert round(counted.macs / 1e9, 3) == gmacs


def test_sknet50_is_about_what_its_authors_print() -> None:
    """27.5 M and 4.47 G."""
    counted = count(on_meta("sknet50"), 224)
    assert round(counted.parameters / 1e6, 1) == 27.5
    assert counted.macs / 1e9 == pytest.approx(4.47, abs=0.01)


def test_weights_are_channels_last() -> None:
    model = create_model("resnet18d", num_classes=2)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            assert module.weight.is_contiguous(memory_format=torch.channels_last)
    x = torch.randn(2, 3, 32, 32).to(memory_format=torch.channels_last)
    features: list[torch.Tensor] = model.features(x)  # type: ignore[operator]
    assert all(map_.is_contiguous(memory_format=torch.channels_last) for map_ in features)


def test_models_start_in_training_mode_with_dropblock_keeping_all() -> None:
    model = create_model("resnet50d", num_classes=2, dropblock={}, stem="small")
    assert model.training
    keeps = [b for name, b in model.named_buffers() if name.endswith("keep")]
    assert len(keeps) == 29
    assert all(float(keep) == 1.0 for keep in keeps)


def test_a_configuration_is_as_good_as_a_name() -> None:
    with torch.device("meta"):
        by_config = build_model(ResNetConfig(depth=18, variant="d", num_classes=5))
    by_name = on_meta("resnet18d", num_classes=5)
    shapes = {name: tensor.shape for name, tensor in by_name.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in by_config.state_dict().items()}


def test_switching_options_renames_no_weight() -> None:
    """An ablation's checkpoint loads into its neighbour, but for what was added."""
    plain = set(on_meta("resnet50d").state_dict())
    antialias = {"positions": ("sconv", "proj")}
    dressed = set(on_meta("resnet50d", attention="se", antialias=antialias).state_dict())
    assert plain < dressed
    assert all(".se." in name for name in dressed - plain)


def test_mistakes_are_named() -> None:
    with pytest.raises(
        UnknownNameError, match="unknown model 'vgg16'; `fasttricks models` lists all"
    ):
        create_model("vgg16")
    with pytest.raises(ValueError, match="mobilenet_v1 has no field 'dropout'"):
        create_model("mobilenet_v1", dropout=0.1)


def test_the_package_offers_what_it_lists() -> None:
    for name in fasttricks.models.__all__:
        assert getattr(fasttricks.models, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'no_such_thing'"):
        fasttricks.models.no_such_thing  # noqa: B018
