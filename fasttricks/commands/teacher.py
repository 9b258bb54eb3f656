"""`fasttricks teacher`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from fasttricks.precision import Precision


@dataclass(frozen=True)
class Teacher:
    """Keep a trained model's logits for every training picture, to distil from without running it.

    Then `fasttricks train RECIPE --loss.teacher OUT`.
    """

    checkpoint: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CHECKPOINT")]
    """A checkpoint or run folder of `fasttricks train`, or weights of torchvision (.pth) or timm
    (.pth, .safetensors)."""
    data: Annotated[Path, tyro.conf.arg(name="data")]
    """Training set: a folder of class folders, a pack, or a folder with train inside."""
    out: Path
    """The .npy to write; 2 bytes per picture and class."""
    model: str = ""
    """Which model the weights are for, as `fasttricks models` lists them; our own files tell."""
    pipeline: str = "roi"
    """What reads the pictures."""
    size: int = 0
    """Side of the centre crop in pixels. 0: what the recipe evaluates at, or the model's own."""
    batch_size: int = 64
    """Pictures per batch."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; auto: on the GPU if there is one."""
    dtype: Precision = "float32"
    """Of the forward pass (autocast)."""
    store: Literal["float16", "float32"] = "float16"
    """Of the file."""
    average: bool = True
    """Take the averaged weights (EMA) where the checkpoint has them."""
    best: bool = True
    """Of a run folder take the best checkpoint; else the newest."""

    def run(self) -> int:
        """Compute, write and say what was written."""
        if self.out.suffix != ".npy":
            raise ValueError(f"--out must end in .npy, by which training knows it; got {self.out}")
        from fasttricks.train.run_teacher import run

        return run(self)
