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
    (SE, {"ratio": 0}, "ratio=0: .*from 1 to 64"),
    (SE, {"bias": 1}, "bias=1: .*False, True"),
    (SK, {"kind": "split"}, "kind='split': .*'dagger', 'original'"),
    (SK, {"ratio": 2.0}, "ratio=2.0: .*whole numbers"),
    (SK, {"least": 0}, "least=0: .*from 1"),
    (AntiAlias, {"filter_size": 8}, "filter_size=8: .*from 2 to 7"),
    (AntiAlias, {"positions": ("stem",)}, "positions='stem': .*'sconv', 'proj', 'maxpool'"),
    (AntiAlias, {"positions": ()}, r"positions=\(\): .*one or more"),
    (AntiAlias, {"positions": ("proj", "proj")}, "positions=.*each once"),
    (AntiAlias, {"positions": "proj"}, "positions='proj': give a tuple"),
    (DropBlock, {"scales": (0, 1)}, "scales=.*four"),
    (DropBlock, {"scales": (0, 0, 0, 2)}, "scales=2: .*from 0 to 1"),
    (DropBlock, {"mask": "pixel"}, "mask='pixel': .*'channel', 'batch', 'sample'"),
    (DropBlock, {"keep": 0}, "keep=0: "),
    (DropBlock, {"keep": float("nan")}, "keep=nan: "),
    (DropBlock, {"block_size": 0}, "block_size=0: .*from 1"),
    (BigLittle, {"alpha": 3}, "alpha=3: .*1, 2, 4"),
    (BigLittle, {"beta": 0}, "beta=0: .*from 1"),
    (BigLittle, {"projection": "never"}, "projection='never': .*'always', 'changed'"),
    (ResNetConfig, {"depth": 20}, "depth=20: .*18, 34, 50, 101, 152"),
    (ResNetConfig, {"depth": "50"}, "depth='50': "),
    (ResNetConfig, {"variant": "e"}, "variant='e': .*'original', 'b', 'c', 'd'"),
    (ResNetConfig, {"num_classes": 0}, "num_classes=0: .*from 1"),
    (ResNetConfig, {"num_classes": True}, "num_classes=True: "),
    (ResNetConfig, {"attention": "se"}, "attention='se': .*None, SE, SK"),
    (ResNetConfig, {"antialias": 3}, "antialias=3: .*None, AntiAlias"),
    (ResNetConfig, {"dropblock": 0.9}, "dropblock=0.9: .*None, DropBlock"),
    (ResNetConfig, {"big_little": True}, "big_little=True: .*None, BigLittle"),
    (ResNetConfig, {"zero_gamma": 0}, "zero_gamma=0: .*False, True"),
    (ResNetConfig, {"init": "uniform"}, "init='uniform': .*'xavier', 'msra-prelu', 'he'"),
    (ResNetConfig, {"stem": "cifar"}, "stem='cifar': .*'imagenet', 'small'"),
    (ResNetConfig, {"output_stride": 4}, "output_stride=4: .*32, 16, 8"),
    (ResNetConfig, {"bn_momentum": 2}, "bn_momentum=2: .*from 0 to 1"),
    (ResNetConfig, {"bn_eps": 0.0}, "bn_eps=0.0: "),
    (ResNetConfig, {"dropout": 1.0}, "dropout=1.0: "),
    (InceptionConfig, {"dropout": -0.1}, "dropout=-0.1: "),
    (MobileNetConfig, {"width": 0}, "width=0: "),
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
