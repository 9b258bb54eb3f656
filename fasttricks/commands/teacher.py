"""`fasttricks teacher`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fasttricks.commands.of_trained import OfTrained


@dataclass(frozen=True, kw_only=True)
class Teacher(OfTrained):
    """Keep a trained model's logits for every training picture, to distil from without running it.

    Then `fasttricks train RECIPE --loss.teacher OUT`.
    """

    data: Path
    """Training set: a folder of class folders, a pack, or a folder with train inside."""
    out: Path
    """The .npy to write; 2 bytes per picture and class."""
    store: Literal["float16", "float32"] = "float16"
    """Of the file."""

    def run(self) -> int:
        """Compute, write and say what was written."""
        if self.out.suffix != ".npy":
            raise ValueError(f"--out must end in .npy, by which training knows it; got {self.out}")
        from fasttricks.train.run_teacher import run

        return run(self)
