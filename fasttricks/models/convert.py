"""Weights of torchvision and timm into ours: which key becomes which.

    theirs = torchvision.models.resnet50(weights="DEFAULT").state_dict()
    model = create_model("resnet50b")
    model.load_state_dict(convert(theirs, "resnet50b"))

| theirs                                        | ours                                          |
|-----------------------------------------------|-----------------------------------------------|
| `resnet18` … `resnet152` (both)               | `resnet18b` … `resnet152b`: they stride 3 x 3 |
| `resnet18d`, `resnet50c`, `resnet50d`, …(timm)| the same name                                 |
| `seresnet50` (timm)                           | `se_resnet50`, `attention={"bias": True}`,    |
|                                               | which `told_by_keys` finds                    |
| `inception_v3` (both), auxiliary head or not  | `inception_v3`, `aux=True` or not             |

Keys and shapes do not show everything. What leaves no trace in them is for the caller to know:
another activation function (timm's MobileNet-V1 has ReLU6 and so is not taken at all), a blur, and
how pictures are normalised (torchvision's and timm's pretrained Inception-V3: mean and std 0.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from fasttricks.errors import some_of
from fasttricks.models.builders import build_model
from fasttricks.models.config import (
    BOTTLENECK_DEPTHS,
    SE,
    InceptionConfig,
    ModelConfig,
    ResNetConfig,
)
from fasttricks.models.names import model_config
from fasttricks.models.resnet import BLOCK_COUNTS

LATER_ADDITIONS = {"num_batches_tracked": torch.tensor(0), "keep": torch.tensor(1.0)}
"""What old checkpoints lack (batch norm's counter) and what others do not have (DropBlock's share
kept): the value of a fresh model."""

WRAPPERS = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before every key."""


def convert(state: Mapping[str, Tensor], name: str, **overrides: Any) -> dict[str, Tensor]:
    """The state dict of a torchvision or timm model, for `create_model(name, **overrides)`.

    Args:
        state: theirs; left as it is. The result shares its tensors' memory.
        name, overrides: as for `create_model`; `num_classes` is theirs unless it is given.

    Raises:
        UnknownNameError: no such model.
        ValueError: `name` has no counterpart there, or keys are missing, left over or of another
            shape; the message names them as they are called there.
    """
    theirs = {_unwrapped(key): tensor for key, tensor in state.items()}
    if "fc.weight" in theirs:
        overrides.setdefault("num_classes", len(theirs["fc.weight"]))
    config = model_config(name, **overrides)
    if isinstance(config, InceptionConfig) and not config.aux:
        theirs = {key: x for key, x in theirs.items() if not key.startswith("AuxLogits.")}
    theirs_of = module_names(name, config)
    with torch.device("meta"):
        wanted = build_model(config).state_dict()

    converted: dict[str, Tensor] = {}
    missing, misshapen = [], []
    for key, like in wanted.items():
        module, _, leaf = key.rpartition(".")
        source = f"{theirs_of.get(module, module)}.{leaf}"
        if source in theirs:
            tensor = theirs.pop(source)
            converted[key] = _as_linear(tensor) if like.ndim == 2 else tensor
            if converted[key].shape != like.shape:
                misshapen.append(f"{source} {tuple(tensor.shape)} for {tuple(like.shape)}")
        elif leaf in LATER_ADDITIONS:
            converted[key] = LATER_ADDITIONS[leaf].clone()
        else:
            missing.append(source)
    problems = {"missing": missing, "unexpected": list(theirs), "of another shape": misshapen}
    if any(problems.values()):
        listed = "; ".join(f"{what}: {some_of(keys, 4)}" for what, keys in problems.items() if keys)
        raise ValueError(f"these are not weights of {name!r}; {listed}")
    return converted


def told_by_keys(state: Mapping[str, Tensor], name: str) -> dict[str, Any]:
    """Overrides of `name` that the keys of a state dict ask for: biases in squeeze-and-excitation.

    Raises:
        UnknownNameError: no such model.
    """
    config = model_config(name)
    biased = any(key.endswith(".se.fc1.bias") for key in state)
    if biased and isinstance(config, ResNetConfig) and isinstance(config.attention, SE):
        return {"attention": {"bias": True}}
    return {}


def module_names(name: str, config: ModelConfig) -> dict[str, str]:
    """Our name of every module with weights, and theirs.

    Raises:
        ValueError: torchvision and timm have no model that computes the same.
    """
    match config:
        case InceptionConfig():
            return dict(_inception_names())
        case ResNetConfig(variant="original", depth=depth) if depth in BOTTLENECK_DEPTHS:
            raise ValueError(
                f"{name!r} strides in the first 1 x 1 of a block, torchvision's and timm's ResNets "
                f"in the 3 x 3: their weights are for variant 'b', such as 'resnet{depth}b'"
            )
        case ResNetConfig(big_little=None, attention=None | SE()):
            return dict(_resnet_names(config))
    raise ValueError(
        f"torchvision and timm have no weights for {name!r}; they have some for ResNets of "
        "variants 'b', 'c' and 'd', also with SE, and for 'inception_v3'"
    )


PLAIN_STEM = ("conv1",), ("bn1",)
DEEP_STEM = ("conv1.0", "conv1.3", "conv1.6"), ("conv1.1", "conv1.4", "bn1")
"""Their convolutions and norms, in order."""


def _resnet_names(config: ResNetConfig) -> Iterator[tuple[str, str]]:
    yield "classifier", "fc"
    deep = config.variant in ("c", "d") and config.stem == "imagenet"
    convs, norms = DEEP_STEM if deep else PLAIN_STEM
    for i, (conv, norm) in enumerate(zip(convs, norms, strict=True), 1):
        yield f"stem.conv{i}", conv
        yield f"stem.norm{i}", norm
    pool = 1 if config.variant == "d" else 0  # the place that D's average takes
    for stage, count in enumerate(BLOCK_COUNTS[config.depth]):
        for block in range(count):
            ours, theirs = f"stages.{stage}.{block}", f"layer{stage + 1}.{block}"
            for i in (1, 2, 3):
                yield f"{ours}.path_a.conv{i}", f"{theirs}.conv{i}"
                yield f"{ours}.path_a.norm{i}", f"{theirs}.bn{i}"
            yield f"{ours}.path_a.se.squeeze", f"{theirs}.se.fc1"
            yield f"{ours}.path_a.se.excite", f"{theirs}.se.fc2"
            yield f"{ours}.path_b.conv", f"{theirs}.downsample.{pool}"
            yield f"{ours}.path_b.norm", f"{theirs}.downsample.{pool + 1}"


BLOCK_A = (
    ("1x1",),
    ("5x5_1", "5x5_2"),
    ("3x3dbl_1", "3x3dbl_2", "3x3dbl_3"),
    (None, "_pool"),
)
BLOCK_B = (("3x3",), ("3x3dbl_1", "3x3dbl_2", "3x3dbl_3"))
BLOCK_C = (
    ("1x1",),
    ("7x7_1", "7x7_2", "7x7_3"),
    ("7x7dbl_1", "7x7dbl_2", "7x7dbl_3", "7x7dbl_4", "7x7dbl_5"),
    (None, "_pool"),
)
BLOCK_D = (("3x3_1", "3x3_2"), ("7x7x3_1", "7x7x3_2", "7x7x3_3", "7x7x3_4"))
BLOCK_E = (
    ("1x1",),
    ("3x3_1", ("3x3_2a", "3x3_2b")),
    ("3x3dbl_1", "3x3dbl_2", ("3x3dbl_3a", "3x3dbl_3b")),
    (None, "_pool"),
)
"""What stands behind `branch` in their names: branch by branch, step by step, pools being None."""

INCEPTION_BLOCKS = {
    "stages.1.1": ("Mixed_5b", BLOCK_A),
    "stages.1.2": ("Mixed_5c", BLOCK_A),
    "stages.1.3": ("Mixed_5d", BLOCK_A),
    "stages.2.0": ("Mixed_6a", BLOCK_B),
    "stages.2.1": ("Mixed_6b", BLOCK_C),
    "stages.2.2": ("Mixed_6c", BLOCK_C),
    "stages.2.3": ("Mixed_6d", BLOCK_C),
    "stages.2.4": ("Mixed_6e", BLOCK_C),
    "stages.3.0": ("Mixed_7a", BLOCK_D),
    "stages.3.1": ("Mixed_7b", BLOCK_E),
    "stages.3.2": ("Mixed_7c", BLOCK_E),
}
INCEPTION_UNITS = {
    "stages.0.0": "Conv2d_1a_3x3",
    "stages.0.1": "Conv2d_2a_3x3",
    "stages.0.2": "Conv2d_2b_3x3",
    "stages.0.4": "Conv2d_3b_1x1",
    "stages.0.5": "Conv2d_4a_3x3",
    "aux.body.1": "AuxLogits.conv0",
    "aux.body.2": "AuxLogits.conv1",
}


def _inception_names() -> Iterator[tuple[str, str]]:
    yield "classifier", "fc"
    yield "aux.classifier", "AuxLogits.fc"
    units = INCEPTION_UNITS | dict(_units_in_blocks())
    for ours, theirs in units.items():
        yield f"{ours}.conv", f"{theirs}.conv"
        yield f"{ours}.norm", f"{theirs}.bn"


def _units_in_blocks() -> Iterator[tuple[str, str]]:
    for block, (theirs, branches) in INCEPTION_BLOCKS.items():
        for i, steps in enumerate(branches):
            for j, step in enumerate(steps):
                ours = f"{block}.branches.{i}.{j}"
                if isinstance(step, tuple):
                    yield from (
                        (f"{ours}.branches.{k}", f"{theirs}.branch{fork}")
                        for k, fork in enumerate(step)
                    )
                elif step is not None:
                    yield ours, f"{theirs}.branch{step}"


def _unwrapped(key: str) -> str:
    while key.startswith(WRAPPERS):
        key = key.partition(".")[2]
    return key


def _as_linear(weight: Tensor) -> Tensor:
    """A 1 x 1 convolution's weight as a linear layer's: timm's squeeze-and-excitation convolves."""
    return weight.flatten(1) if weight.shape[2:] == (1, 1) else weight
