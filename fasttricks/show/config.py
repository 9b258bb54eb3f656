"""The settings of `fasttricks show`; the command line is made from them, so nothing heavy here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MIXING = ("mixup", "cutmix", "mixup-or-cutmix", "ricap")
MIXES = (*MIXING, "cutout", "erasing")
MOST_ROWS = 50
SIZES = 16, 512
"""The smallest and the largest --size: a picture of this many cells has to stay one."""


@dataclass(frozen=True, kw_only=True)
class ShowConfig:
    """Draw what the pipelines make of some pictures: crop boxes, augmented, mixed, differences."""

    data: Path | None = None
    """Folder of class folders, a pack of tar shards, or a .beton. Without it: generated pictures
    like ImageNet's."""
    pipeline: str = "all"
    """Pipelines to put side by side, separated by commas; the others are compared with the first.
    `all`: those that are installed, read this data and need not decode all of it first."""
    mix: str = ""
    """What is mixed or erased: one of mixup, cutmix, mixup-or-cutmix and ricap, or cutout (half the
    picture's side) and erasing, or several, separated by commas, of which the first mixes. Empty:
    nothing."""
    alpha: float | None = None
    """Parameter of the Beta distribution that the shares of --mix are drawn from. Default: 0.2 for
    mixup, 1 for cutmix, 0.3 for ricap."""
    index: str = ""
    """Samples to show, numbers from 0 separated by commas, one row each. Empty: the first six of
    the epoch's order."""
    epoch: int = 0
    """Epoch whose augmentations are shown, from 0."""
    seed: int = 0
    """Seed that with the epoch and the sample decides everything random."""
    size: int = 224
    """Side of the augmented pictures in pixels, 16 to 512."""
    out: Path = Path("fasttricks-show.png")
    """The PNG to write."""

    def check(self) -> None:
        """Find what is wrong in itself.

        Raises:
            ValueError: a number is out of range, or a name is unknown.
        """
        for name, low, high in (
            ("size", *SIZES),
            ("seed", 0, 2**64 - 1),
            ("epoch", 0, 2**32 - 1),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"--{name} must lie in [{low}, {high}]; got {getattr(self, name)}")
        for name in self.mix_names:
            if name not in MIXES:
                raise ValueError(f"--mix: unknown {name!r}; known: {', '.join(MIXES)}")
        if self.alpha is not None and not set(self.mix_names) & set(MIXING):
            raise ValueError(f"--alpha goes with --mix {', '.join(MIXING)}")
        if len(self.indices) > MOST_ROWS:
            raise ValueError(f"--index: at most {MOST_ROWS} samples; got {len(self.indices)}")
        if not self.pipeline_names:
            raise ValueError("nothing to show: give --pipeline")
        if self.out.suffix.lower() != ".png":
            raise ValueError(f"--out: {self.out} must end in .png")

    @property
    def pipeline_names(self) -> list[str]:
        """Names given with --pipeline, in order, each once; `all` is left as it is."""
        return list(dict.fromkeys(_words(self.pipeline)))

    @property
    def mix_names(self) -> list[str]:
        """Names given with --mix, in order."""
        return _words(self.mix)

    @property
    def indices(self) -> list[int]:
        """Numbers given with --index, in order, each once; empty for the default.

        Raises:
            ValueError: one is no number from 0.
        """
        for word in _words(self.index):
            if not (word.isascii() and word.isdecimal()):
                raise ValueError(f"--index takes numbers from 0, with commas; got {word!r}")
        return list(dict.fromkeys(map(int, _words(self.index))))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
