"""Inception-V3 (arXiv 1512.00567): its parameters, multiply-accumulates and shapes."""

from __future__ import annotations

import pytest
import torch

from fasttricks.models.config import InceptionConfig
from fasttricks.models.count import count
from fasttricks.models.inception import InceptionLogits, InceptionV3


def on_meta(**fields) -> InceptionV3:
    with torch.device("meta"):
        return InceptionV3(InceptionConfig(**fields))


def test_parameters_and_macs():
    counted = count(on_meta(), 299)
    assert counted.parameters == 23_834_568
    assert round(counted.macs / 1e9, 3) == 5.713


def test_the_auxiliary_head_adds_what_torchvisions_has():
    assert sum(p.numel() for p in on_meta(aux=True).parameters()) == 27_161_264
    assert sum(p.numel() for p in on_meta(aux=True).aux.parameters()) == 3_326_696


def test_every_layer_of_the_table_has_its_shape():
    model = on_meta().eval()
    expected = [
        ["32x149", "32x147", "64x147", "64x73", "80x73", "192x71"],
        ["192x35", "256x35", "288x35", "288x35"],
        ["768x17", "768x17", "768x17", "768x17", "768x17"],
        ["1280x8", "2048x8", "2048x8"],
    ]
    x = torch.empty(1, 3, 299, 299, device="meta")
    for stage, shapes in zip(model.stages, expected, strict=True):
        for layer, shape in zip(stage, shapes, strict=True):
            x = layer(x)
            assert f"{x.shape[1]}x{x.shape[2]}" == shape
            assert x.shape[2] == x.shape[3]


def test_features_are_the_stages():
    model = on_meta().eval()
    maps = model.features(torch.empty(2, 3, 299, 299, device="meta"))
    assert tuple(x.shape[1] for x in maps) == model.stage_channels
    assert [x.shape[2] for x in maps] == [71, 35, 17, 8]
    for x, stride in zip(maps, model.stage_strides, strict=True):
        assert 0 <= 299 / stride - x.shape[2] < 4


def test_norms_have_inceptions_epsilon():
    norms = [m for m in on_meta().modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(0.001, 0.1)}
    assert len(norms) == 94


def test_the_auxiliary_head_speaks_in_training_only():
    torch.manual_seed(0)
    model = InceptionV3(InceptionConfig(num_classes=3, aux=True))
    x = torch.randn(2, 3, 299, 299)
    with torch.no_grad():
        both = model.train()(x)
        alone = model.eval()(x[:, :, :75, :75])
    assert isinstance(both, InceptionLogits)
    assert both.logits.shape == both.aux.shape == alone.shape == (2, 3)
    assert not torch.equal(both.logits, both.aux)


def test_dropout_is_before_the_classifier_and_in_training_only():
    model = InceptionV3(InceptionConfig(num_classes=4, dropout=0.9))
    seen = []
    model.classifier.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    x = torch.randn(2, 3, 75, 75)
    with torch.no_grad():
        model.train()(x)
        model.eval()(x)
    dropped, whole = ((y == 0).float().mean() for y in seen)
    assert dropped > 0.85
    assert whole < 0.85


def test_the_smallest_picture_and_one_below():
    model = on_meta().eval()
    assert model(torch.empty(1, 3, 75, 75, device="meta")).shape == (1, 1000)
    with pytest.raises(ValueError, match=r"74 x 90 pixels: Inception-V3 takes 75 or more"):
        model(torch.empty(1, 3, 74, 90, device="meta"))
    with pytest.raises(ValueError, match="75 or more"):
        model.features(torch.empty(1, 3, 90, 74, device="meta"))


def test_the_auxiliary_head_needs_the_full_size_and_says_so():
    model = on_meta(aux=True).train()
    with pytest.raises(ValueError, match="298 x 298 pixels: Inception-V3 takes 299 or more"):
        model(torch.empty(2, 3, 298, 298, device="meta"))
    assert model.eval()(torch.empty(2, 3, 298, 298, device="meta")).shape == (2, 1000)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dropout": 1.0}, "inception.dropout must be from 0 to 0.99; got 1.0"),
        ({"num_classes": 0}, "num_classes must be at least 1; got 0"),
        ({"aux": "yes"}, "aux must be True or False; got 'yes'"),
        ({"init": "zero"}, "init must be one of xavier"),
        ({"bn_eps": 0}, "bn_eps must be from .*; got 0"),
    ],
)
def test_wrong_fields_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        InceptionConfig(**fields)
