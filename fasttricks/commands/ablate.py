"""`fasttricks ablate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from fasttricks.bench.config import words


@dataclass(frozen=True)
class Ablate:
    """Climb a paper's ladder of tricks: train every rung with every seed, and show what each
    brought beside what it brought the paper.

    Under torchrun every run is trained by all processes.
    """

    ladder: Literal["bag-of-tricks", "assemble"]
    """bag-of-tricks: tables 4, 5 and 6 of "Bag of Tricks"; assemble: E0 to E11 of "Assembled
    CNN"."""
    data: str
    """Folder with train and val inside, of class folders; or a pack of each."""
    out: Path
    """Folder for the runs, one folder each, and for ladder.json and ladder.png."""
    epochs: int = 120
    """Epochs that stand for the 120 of the papers: warm-up, drops and longer rungs follow in
    proportion."""
    seeds: str = "0,1,2"
    """Of the runs of each rung, separated by commas."""
    model: str = ""
    """A network that stands in for ResNet-50; rungs that change the network change this one."""
    size: int = 224
    """Side of training and evaluation pictures in pixels."""
    batch_size: int | None = None
    """Pictures per update of the first rung; the linear scaling of bag-of-tricks makes it 4 times
    as large. None: the paper's, 256 or 1024."""
    settings: Annotated[tuple[str, ...], tyro.conf.arg(name="set")] = ()
    """Other settings of the first rung, as `fasttricks train` has them: `optim.lr-per-256=0.4
    augment.area=0.25 "model.options=width 0.25"`."""
    teacher: str = ""
    """Checkpoint or stored logits to distil from; without it these rungs are skipped."""
    equal_epochs: bool = False
    """Train no rung longer than the others, as the papers do with mixup and DropBlock."""
    pipeline: str = "roi"
    """What reads the pictures."""
    val: str = ""
    """What to evaluate on, if it is not val inside --data."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train."""
    resume: Literal["no", "auto"] = "no"
    """auto: read the finished runs in the folder and go on with the others."""
    plan: bool = False
    """Only say which rungs there would be, and what each changes."""

    def run(self) -> int:
        """Climb and show; 130 if it was asked to stop before the end."""
        from fasttricks.bench.ablation.run import run

        return run(self)

    @property
    def seed_list(self) -> list[int]:
        """The seeds, in order, each once.

        Raises:
            ValueError: one is no number, or there is none.
        """
        seeds = words(self.seeds)
        if not seeds or not all(seed.isdecimal() for seed in seeds):
            raise ValueError(f"--seeds takes numbers separated by commas; got {self.seeds!r}")
        return list(dict.fromkeys(map(int, seeds)))
