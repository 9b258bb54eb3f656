"""`fasttricks eval`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from fasttricks.precision import Precision


@dataclass(frozen=True)
class Eval:
    """Top-1 and top-5 of a trained model on a validation set, each sample counted once.

    Under torchrun every process evaluates its part.
    """

    checkpoint: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CHECKPOINT")]
    """A checkpoint or run folder of `fasttricks train`, or weights of torchvision (.pth) or timm
    (.pth, .safetensors)."""
    data: Annotated[Path, tyro.conf.arg(name="data")]
    """Validation set: a folder of class folders, a pack, or a folder with val inside."""
    model: str = ""
    """Which model the weights are for, as `fasttricks models` lists them; our own files tell."""
    pipeline: str = "roi"
    """What reads the pictures."""
    size: int = 0
    """Side of the centre crop in pixels. 0: what the recipe evaluates at, or the model's own."""
    crop: float = 0.0
    """Crop over resized shorter side. 0: as in the recipe, else 0.875."""
    interpolation: Literal["auto", "bilinear", "bicubic"] = "auto"
    """Filter that pictures are resized with; most of timm's weights want bicubic. auto: as in the
    recipe, else bilinear."""
    normalize: Literal["auto", "bag-of-tricks", "torch", "half", "mean-only"] = "auto"
    """Mean and standard deviation of pixels. auto: as in the recipe, else torchvision's, and half
    (127.5 for both) for Inception-V3."""
    batch_size: int = 64
    """Pictures per batch, over all processes."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; auto: on the GPU if there is one."""
    dtype: Precision = "float32"
    """Of the forward pass (autocast)."""
    flip: bool = False
    """Test-time augmentation: average the logits of each picture and its mirror image."""
    average: bool = True
    """Take the averaged weights (EMA) where the checkpoint has them."""
    best: bool = True
    """Of a run folder take the best checkpoint; else the newest."""
    throughput: bool = False
    """Also measure inference alone: batch 64 on pictures that are on the device already."""
    json: Path | None = None
    """Also write the numbers to this file, as one JSON object."""

    def run(self) -> int:
        """Evaluate and print; nothing but process 0 prints."""
        from fasttricks.train.run_eval import run

        return run(self)
