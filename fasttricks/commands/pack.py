"""`fasttricks pack`."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from fasttricks.terminated import terminated_as_interrupted

_FLAGS = {
    "mode": "a .beton",
    "baseline": "a pack of tar shards",
    "shard_size": "a pack of tar shards",
    "shuffle": "a pack of tar shards",
    "index": "a pack of tar shards",
}
"""What the flags are for that only one kind of destination takes."""


@dataclass(frozen=True)
class Pack:
    """Pack a data set into WebDataset tar shards, or into one FFCV file for the `ffcv` pipeline."""

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")]
    """Folder of class folders (root/class/picture), of tars, or with train and val inside; a tar;
    a pack; an official archive of ILSVRC2012 or the folder that holds them."""
    destination: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DESTINATION")]
    """The folder to make, or the .beton file; a pack there is replaced when the new one is
    complete."""
    baseline: bool = False
    """Turn progressive JPEGs, and others that cannot be cut, into baseline ones without loss."""
    max_size: int | None = None
    """Reduce pictures whose shorter side is longer than this many pixels."""
    quality: int | None = None
    """JPEG quality of pictures that are encoded again with loss, 1 to 100; default: 90."""
    shard_size: float | None = None
    """Megabytes of a shard; default: 1000."""
    shuffle: bool = True
    """Mix the samples of a training set in the shards, for programs that read them as streams."""
    index: bool = True
    """Make the seek index, by which only the crop has to be decoded."""
    labels: Path | None = None
    """Ground truth of ILSVRC2012_img_val.tar, where it does not lie beside it: the development kit,
    LOC_val_solution.csv, or a text file."""
    mode: Literal["source", "jpg", "raw"] | None = None
    """For a .beton. source: the files' own bytes, unchanged, the default; jpg: encoded again; raw:
    decoded pixels."""
    workers: int | None = None
    """Threads; default: the CPUs that this process may use."""

    def run(self) -> int:
        """Pack and say what was done."""
        is_beton = self.destination.suffix == ".beton"
        self._check_flags("a .beton" if is_beton else "a pack of tar shards")
        self._check_values()
        if not is_beton and self.quality is not None and self.max_size is None:
            raise ValueError("--quality is for pictures that --max-size reduces; give both")
        with terminated_as_interrupted():
            print(self._beton() if is_beton else self._shards())
        return 0

    def _check_flags(self, kind: str) -> None:
        for name, owner in _FLAGS.items():
            if owner != kind and getattr(self, name) != getattr(Pack, name):
                flag = ("--no-" if getattr(Pack, name) is True else "--") + name.replace("_", "-")
                raise ValueError(f"{flag} is for {owner}, and {self.destination} becomes {kind}")

    def _check_values(self) -> None:
        limits = {
            "max_size": (1, math.inf, "at least 1"),
            "quality": (1, 100, "1 to 100"),
            "shard_size": (math.ulp(0), sys.float_info.max, "more than 0 MB"),
            "workers": (1, math.inf, "at least 1"),
        }
        for name, (least, most, words) in limits.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ValueError(f"--{name.replace('_', '-')} must be {words}; got {value}")

    def _shards(self) -> Any:
        from fasttricks.pack import pack

        return pack(
            self.source,
            self.destination,
            labels=self.labels,
            workers=self.workers,
            baseline=self.baseline,
            max_size=self.max_size,
            quality=self.quality,
            shuffle=self.shuffle,
            index=self.index,
            shard_size=1000 if self.shard_size is None else self.shard_size,
        )

    def _beton(self) -> Any:
        from fasttricks.pack.source import open_source
        from fasttricks.pipelines.beton.pack import pack

        return pack(
            open_source(self.source, self.labels)[0].samples,  # of a divided one train, or all
            self.destination,
            mode=self.mode or "source",
            max_size=self.max_size,
            quality=90 if self.quality is None else self.quality,
            workers=self.workers,
        )
