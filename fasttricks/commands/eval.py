"""`fasttricks eval`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fasttricks.commands.of_trained import OfTrained


@dataclass(frozen=True, kw_only=True)
class Eval(OfTrained):
    """Top-1 and top-5 of a trained model on a validation set, each sample counted once.

    Under torchrun every process evaluates its part.
    """

    data: Path
    """Validation set: a folder of class folders, a pack, or a folder with val inside."""
    crop: float = 0.0
    """Crop over resized shorter side. 0: as in the recipe, else 0.875."""
    interpolation: Literal["auto", "bilinear", "bicubic"] = "auto"
    """Filter that pictures are resized with; most of timm's weights want bicubic. auto: as in the
    recipe, else bilinear."""
    normalize: Literal["auto", "bag-of-tricks", "torch", "half", "mean-only"] = "auto"
    """Mean and standard deviation of pixels. auto: as in the recipe, else torchvision's, and half
    (127.5 for both) for Inception-V3."""
    on_error: Literal["raise", "replace"] = "raise"
    """A picture that cannot be decoded ends the evaluation, or is left out and counted."""
    flip: bool = False
    """Test-time augmentation: average the logits of each picture and its mirror image."""
    throughput: bool = False
    """Also measure inference alone: batch 64 on pictures that are on the device already."""
    json: Path | None = None
    """Also write the numbers to this file, as one JSON object."""

    def run(self) -> int:
        """Evaluate and print; nothing but process 0 prints."""
        from fasttricks.train.run_eval import run

        return run(self)
