"""Weights of trained models: from checkpoints of ours, of torchvision and of timm."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from fasttricks.errors import MissingExtraError
from fasttricks.kernels.augment import Augment
from fasttricks.models import create_model
from fasttricks.models.convert import convert, told_by_keys
from fasttricks.models.inception import InceptionV3
from fasttricks.train.checkpoint import file_of
from fasttricks.train.checkpoint_file import CheckpointError, checked, is_ours, read
from fasttricks.train.config import Recipe
from fasttricks.train.normalize import CONSTANTS

_INSIDE = ("state_dict_ema", "model_ema", "state_dict", "model")
"""Where other trainers' checkpoints keep their weights; averaged ones first."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model with its weights."""

    model: nn.Module
    name: str
    """As `create_model` takes it."""
    classes: list[str] = field(default_factory=list)
    """Names of the classes, in the order of the logits; empty if the file does not tell."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """What it was trained by; empty for other people's weights."""
    averaged: bool = False
    """Whether the weights are an average over steps (EMA)."""

    @property
    def size(self) -> int:
        """Side in pixels of the pictures that it is evaluated on."""
        model: Any = self.model
        return int(self.recipe["data"]["eval_size"] if self.recipe else model.input_size)

    @property
    def augment(self) -> Augment:
        """What makes a picture into what it was trained to see, for `make_loader(train=False)`."""
        mean, std = CONSTANTS[normalization(self)]
        given = self.recipe.get("augment") or Recipe().as_dict()["augment"]
        names = ("crop_ratio", "interpolation")
        return Augment(mean=mean, std=std, **{name: given[name] for name in names})


def load_trained(path: str | os.PathLike[str], name: str = "", *, average: bool = True) -> Trained:
    """Build the model of a file and load its weights into it, on the CPU.

    Args:
        path: a checkpoint of `fasttricks train` or the folder of a run, whose best one is taken; or
            a state dict as torchvision (`.pth`) and timm (`.pth`, `.safetensors`) publish them,
            bare or inside a checkpoint.
        name: which model the weights are for; needed where the file is not ours.
        average: take the averaged weights where a checkpoint has them.

    Raises:
        CheckpointError: the file cannot be read, or holds no weights.
        ValueError: `name` is missing or unknown, or the weights are those of another model.
        MissingExtraError: a `.safetensors` file, and safetensors is not installed.
    """
    path = file_of(Path(path), best=True)
    content = read_weights(path)
    if is_ours(content):
        return _ours(checked(content, path)["state"], name, average)
    if not name:
        raise ValueError(f"{path} is not a checkpoint of fasttricks: say which model it is for")
    return _others(state_dict_of(content, path), name)


def outputs_of(trained: Trained) -> int:
    """How many classes a model tells apart."""
    classifier: Any = trained.model.classifier
    return int(classifier.out_features)


def normalization(trained: Trained) -> str:
    """The name in `CONSTANTS` of what the weights were trained with.

    Inception-V3 of torchvision (whose model makes that of torch's own, `transform_input`), of timm
    and of TensorFlow wants pixels in [-1, 1]; gluon-cv's (timm's `inception_v3.gluon_in1k`) does
    not, and its weights do not tell.
    """
    if trained.recipe:
        return str(trained.recipe["augment"]["normalize"])
    return "half" if isinstance(trained.model, InceptionV3) else "torch"


def read_weights(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a file of weights holds, without running any code in it.

    Raises:
        CheckpointError: it cannot be read.
        MissingExtraError: safetensors is needed and missing.
    """
    if Path(path).suffix != ".safetensors":
        content = read(path)
    elif not Path(path).is_file():
        raise CheckpointError(f"there is no file {path}")
    else:
        try:
            from safetensors.torch import load_file
        except ImportError as error:
            raise MissingExtraError("safetensors", "peers") from error
        content = load_file(path)
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not weights by name")
    return content


def state_dict_of(content: Mapping[str, Any], path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The weights by name in what some trainer saved.

    Raises:
        CheckpointError: there are none.
    """
    for key in _INSIDE:
        if isinstance(content.get(key), Mapping):
            return state_dict_of(content[key], path)
    weights = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    if not weights:
        raise CheckpointError(f"{path} holds no weights; it has: {', '.join(list(content)[:8])}")
    return weights


def averaged(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of a checkpoint of ours, averaged where it has them so."""
    return {**state["model"], **(state["ema"]["model"] if state["ema"] is not None else {})}


def _ours(state: dict[str, Any], name: str, average: bool) -> Trained:
    described = state["recipe"]["model"]
    if name and name != described["name"]:
        raise ValueError(f"the checkpoint is of {described['name']}, not of {name}")
    model = create_model(
        described["name"], num_classes=state["num_classes"], **described["overrides"]
    )
    model.load_state_dict(averaged(state) if average else state["model"])
    return Trained(
        model=model,
        name=described["name"],
        classes=list(state["classes"]),
        recipe=state["recipe"],
        averaged=average and state["ema"] is not None,
    )


def _others(weights: dict[str, Tensor], name: str) -> Trained:
    told = told_by_keys(weights, name)
    converted = convert(weights, name, **told)
    last = [value for value in converted.values() if value.ndim == 2][-1]
    model = create_model(name, num_classes=len(last), **told)
    model.load_state_dict(converted)
    return Trained(model=model, name=name)
