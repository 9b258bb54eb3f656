"""Configurations: what is refused, and in which words."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from fasttricks.models.config import (
    SE,
    SK,
    AntiAlias,
    BigLittle,
    DropBlock,
    InceptionConfig,
    MobileNetConfig,
    ResNetConfig,
)

# What makes it, with which fields, and what the message must name: field, value, what is allowed.
WRONG: list[tuple[Callable[..., object], dict[str, Any], str]] = [
    (SE, {"ratio": 0}, "ratio must be from 1 to 64; got 0"),
    (SE, {"bias": 1}, "bias must be True or False; got 1"),
    (SK, {"kind": "split"}, "kind must be one of dagger, original; got 'split'"),
    (SK, {"ratio": 2.0}, "ratio must be a whole number; got 2.0"),
    (SK, {"least": 0}, "least must be at least 1; got 0"),
    (AntiAlias, {"filter_size": 8}, "filter_size must be from 2 to 7; got 8"),
    (AntiAlias, {"positions": ("stem",)}, "positions must be .* one of sconv, proj, maxpool; got"),
    (AntiAlias, {"positions": ()}, r"positions must be one or more .*got \(\)"),
    (AntiAlias, {"positions": ("proj", "proj")}, "positions must be .*each once"),
    (AntiAlias, {"positions": "proj"}, "positions must be a tuple, .*; got 'proj'"),
    (DropBlock, {"scales": (0, 1)}, "scales must be four"),
    (DropBlock, {"scales": (0, 0, 0, 2)}, "scales must be four numbers from 0 to 1"),
    (DropBlock, {"mask": "pixel"}, "mask must be one of channel, batch, sample; got 'pixel'"),
    (DropBlock, {"keep": 0}, "keep must be .*; got 0"),
    (DropBlock, {"keep": float("nan")}, "keep must be .*; got nan"),
    (DropBlock, {"block_size": 0}, "block_size must be at least 1; got 0"),
    (BigLittle, {"alpha": 3}, "alpha must be one of 1, 2, 4; got 3"),
    (BigLittle, {"beta": 0}, "beta must be at least 1"),
    (BigLittle, {"projection": "never"}, "projection must be one of always, changed; got"),
    (ResNetConfig, {"depth": 20}, "depth must be one of 18, 34, 50, 101, 152; got 20"),
    (ResNetConfig, {"depth": "50"}, "depth must be a whole number; got '50'"),
    (ResNetConfig, {"variant": "e"}, "variant must be one of original, b, c, d; got 'e'"),
    (ResNetConfig, {"num_classes": 0}, "num_classes must be at least 1; got 0"),
    (ResNetConfig, {"num_classes": True}, "num_classes must be a whole number; got True"),
    (ResNetConfig, {"attention": "se"}, "attention must be SE or SK or None; got 'se'"),
    (ResNetConfig, {"antialias": 3}, "antialias must be AntiAlias or None; got 3"),
    (ResNetConfig, {"dropblock": 0.9}, "dropblock must be DropBlock or None; got 0.9"),
    (ResNetConfig, {"big_little": True}, "big_little must be BigLittle or None; got True"),
    (ResNetConfig, {"zero_gamma": 0}, "zero_gamma must be True or False; got 0"),
    (ResNetConfig, {"init": "uniform"}, "init must be one of xavier, msra-prelu, he,.*'uniform'"),
    (ResNetConfig, {"stem": "cifar"}, "stem must be one of imagenet, small; got 'cifar'"),
    (ResNetConfig, {"output_stride": 4}, "output_stride must be one of 32, 16, 8; got 4"),
    (ResNetConfig, {"bn_momentum": 2}, "bn_momentum must be from 0 to 1; got 2"),
    (ResNetConfig, {"bn_eps": 0.0}, "bn_eps must be .*; got 0.0"),
    (ResNetConfig, {"dropout": 1.0}, "dropout must be .*; got 1.0"),
    (InceptionConfig, {"dropout": -0.1}, "inception.dropout must be .*; got -0.1"),
    (MobileNetConfig, {"width": 0}, "mobilenet.width must be .*; got 0"),
]

IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"big_little": BigLittle(), "depth": 34}, "depth=34 .*big_little.*50, 101, 152"),
    ({"big_little": BigLittle(), "variant": "b"}, "variant='b' .*big_little.*'d'"),
    ({"big_little": BigLittle(), "stem": "small"}, "stem='small' .*big_little.*'imagenet'"),
    ({"big_little": BigLittle(), "width": 0.5}, "width=0.5 .*big_little.*1.0"),
    ({"big_little": BigLittle(), "output_stride": 8}, "output_stride=8 .*big_little.*32"),
    ({"attention": SK(), "depth": 18}, "depth=18 .*SK.*50, 101, 152"),
    ({"stem": "small", "output_stride": 16}, "output_stride=16 .*small.*32"),
    (
        {"stem": "small", "antialias": AntiAlias(positions=("maxpool",))},
        "antialias.positions=.*small.*'sconv', 'proj'",
    ),
    (
        {"big_little": BigLittle(), "antialias": AntiAlias(positions=("sconv", "maxpool"))},
        "antialias.positions=.*big_little.*'sconv', 'proj'",
    ),
    ({"variant": "original", "antialias": AntiAlias()}, "variant='original' .*sconv.*'b', 'c'"),
]


@pytest.mark.parametrize(("make", "fields", "message"), WRONG)
def test_wrong_values_are_named(
    make: Callable[..., object], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(**fields)


@pytest.mark.parametrize(("fields", "message"), IMPOSSIBLE)
def test_impossible_combinations_are_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ResNetConfig(**fields)


def test_what_only_bottlenecks_lack_is_fine_for_basic_blocks() -> None:
    """The original's basic blocks stride a 3 x 3, so there is one to anti-alias."""
    assert ResNetConfig(depth=18, variant="original", antialias=AntiAlias()).depth == 18


def test_lists_become_tuples() -> None:
    """As they come from YAML or JSON; the configuration stays hashable."""
    made = AntiAlias(positions=["sconv", "proj"])  # type: ignore[arg-type]
    assert made == AntiAlias(positions=("sconv", "proj"))
    assert hash(ResNetConfig(antialias=made, dropblock=DropBlock(scales=[0, 0, 0, 1])))  # type: ignore[arg-type]


def test_an_ablation_changes_one_field() -> None:
    full = ResNetConfig(attention=SK(), antialias=AntiAlias(), big_little=BigLittle())
    without = dataclasses.replace(full, antialias=None)
    changed = [f.name for f in dataclasses.fields(full)
               if getattr(full, f.name) != getattr(without, f.name)]  # fmt: skip
    assert changed == ["antialias"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        full.depth = 18  # type: ignore[misc]


@pytest.mark.parametrize("module", ["config", "names"])
def test_reading_configurations_needs_no_torch(module: str) -> None:
    code = f"import sys, fasttricks.models.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
