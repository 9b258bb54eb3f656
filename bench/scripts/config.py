"""What the race of training scripts takes; what all of them have, and nothing else, may be set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fasttricks.precision import Precision
from fasttricks.train.config import (
    AugmentConfig,
    DataConfig,
    ModelConfig,
    OptimConfig,
    Recipe,
    ScheduleConfig,
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Race `fasttricks train` against the training scripts of others, all told to do the same."""

    torchvision: Path | None = None
    """A clone of pytorch/vision."""
    timm: Path | None = None
    """A clone of huggingface/pytorch-image-models."""
    data: Path | None = None
    """Folder of class folders, or of pictures. Without it: generated files like ImageNet's."""
    pipeline: str = "roi"
    """Pipelines of ours to measure, separated by commas: each costs a training in every round."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where all of them train."""
    threads: int | None = None
    """Decoding threads or workers; default: the CPUs that this process may use."""
    rounds: int = 7
    """In each one, every trainer runs once, in turn."""
    json: Path | None = None
    """Write one JSON object per trainer to this file."""
    model: Literal["resnet18", "resnet34", "resnet50b", "resnet101b", "resnet152b"] = "resnet50b"
    """The network, by our name; all libraries have these."""
    batch_size: int = 256
    """Pictures per batch."""
    size: int = 224
    """Side of the pictures that are trained on."""
    precision: Precision = "float32"
    """Of the network; torchvision's script has no bfloat16, and no other on a CPU."""
    compile: bool = False
    """Compile the network."""
    optim: Literal["sgd", "nesterov"] = "nesterov"
    """Kind of momentum."""
    lr: float = 0.001
    """Learning rate: so small that no loss diverges, whatever the pictures."""
    momentum: float = 0.9
    """Of the optimiser."""
    weight_decay: float = 0.0001
    """Of the optimiser."""
    decay_rule: Literal["all", "weights-only"] = "all"
    """Which parameters decay."""
    max_steps: int | None = None
    """Of each training, those that are not timed as well; default: 20 or so, on a GPU 250."""

    def check(self) -> None:
        """Raises ValueError: no script is named, or a number is out of range."""
        if not self.torchvision and not self.timm:
            raise ValueError("name a clone to race against: --torchvision FOLDER, --timm FOLDER")
        for name in ("threads", "rounds", "batch_size", "size"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"--{name.replace('_', '-')} must be at least 1; got {value}")

    @property
    def recipe(self) -> Recipe:
        """The training that all can do: one network, one optimiser, crop and flip, and no trick."""
        return Recipe(
            name="plain",
            device=self.device,
            precision=self.precision,
            compile=self.compile,
            max_steps=self.max_steps,
            log_every=1 if self.device == "cpu" else 10,
            model=ModelConfig(name=self.model, preset={"zero_gamma": False}),
            data=DataConfig(batch_size=self.batch_size, size=self.size, threads=self.threads),
            augment=AugmentConfig(color="none", lighting=0.0),
            optim=OptimConfig(
                kind=self.optim,
                lr=self.lr,
                momentum=self.momentum,
                weight_decay=self.weight_decay,
                decay_rule=self.decay_rule,
            ),
            schedule=ScheduleConfig(epochs=1, kind="constant"),
        )
