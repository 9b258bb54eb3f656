"""What commands ask that take a trained model and run it over pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from fasttricks.precision import Precision


@dataclass(frozen=True, kw_only=True)
class OfTrained:
    """Which weights, and how they are run."""

    checkpoint: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CHECKPOINT")]
    """A checkpoint or run folder of `fasttricks train`, or weights of torchvision (.pth) or timm
    (.pth, .safetensors)."""
    model: str = ""
    """Which model the weights are for, as `fasttricks models` lists them; our own files tell."""
    pipeline: str = "roi"
    """What reads the pictures."""
    size: int = 0
    """Side of the centre crop in pixels. 0: what the recipe evaluates at, or the model's own."""
    batch_size: int = 64
    """Pictures per batch, over all processes."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; auto: on the GPU if there is one."""
    dtype: Precision = "float32"
    """Of the forward pass (autocast)."""
    average: bool = True
    """Take the averaged weights (EMA) where the checkpoint has them."""
    best: bool = True
    """Of a run folder take the best checkpoint; else the newest."""

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"--batch-size must be at least 1; got {self.batch_size}")
