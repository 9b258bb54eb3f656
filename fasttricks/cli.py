"""The command line: `fasttricks bench`, `fasttricks index`, `fasttricks pack`.

Commands are frozen dataclasses that tyro turns into flags. Nothing here imports torch, numba or a
back end before the flags are understood, so `--help` and mistakes answer at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from fasttricks.bench.config import BenchConfig
from fasttricks.errors import FasttricksError
from fasttricks.version import __version__


@dataclass(frozen=True)
class Bench(BenchConfig):
    """Measure input pipelines on the same files, interleaved, each in a process of its own."""

    def run(self) -> int:
        """Measure, print the table; 2 if a row failed."""
        from fasttricks.bench.run import run

        return run(self)


@dataclass(frozen=True)
class Pack:
    """Write a folder of pictures as one FFCV file for the `ffcv` pipeline."""

    source: tyro.conf.Positional[Path]
    """Folder of class folders (root/class/picture)."""
    destination: tyro.conf.Positional[Path]
    """The .beton file to write; replaced only when the new one is complete."""
    mode: Literal["source", "jpg", "raw"] = "source"
    """source: the files' own bytes, unchanged; jpg: encoded again; raw: decoded pixels."""
    max_size: int | None = None
    """For jpg and raw: reduce pictures whose shorter side is longer than this many pixels."""
    quality: int = 90
    """JPEG quality for mode jpg, 1 to 100."""
    workers: int | None = None
    """Threads; default: the CPUs that this process may use."""

    def run(self) -> int:
        """Pack and say what was done."""
        from fasttricks.pipelines.beton import pack

        report = pack(
            self.source,
            self.destination,
            mode=self.mode,
            max_size=self.max_size,
            quality=self.quality,
            workers=self.workers,
        )
        print(report)
        return 0


@dataclass(frozen=True)
class Index:
    """Note where the JPEGs of a folder can be cut; loaders do it by themselves at first use."""

    data: tyro.conf.Positional[Path]
    """Folder of class folders (root/class/picture), or with train and val inside."""
    out: Path | None = None
    """The index file; default: one in the cache folder, where loaders look for it."""
    workers: int | None = None
    """Threads; default: the CPUs that this process may use."""
    refresh: bool = False
    """Look at every file again, and index those that have changed."""
    eval: bool = False
    """Where the folder is divided, index val instead of train."""

    def run(self) -> int:
        """Index and say what was done."""
        from fasttricks.data.folder import scan_folder
        from fasttricks.data.seek_build import build_index
        from fasttricks.data.seek_file import SeekIndex

        samples = scan_folder(self.data, train=not self.eval)
        path = build_index(
            samples, self.out, workers=self.workers, progress=True, refresh=self.refresh
        )
        print(f"{path}: {SeekIndex.open(path, samples).summary()}")
        return 0


Command = (
    Annotated[Bench, tyro.conf.subcommand("bench")]
    | Annotated[Index, tyro.conf.subcommand("index")]
    | Annotated[Pack, tyro.conf.subcommand("pack")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0 done, 2 a mistake in the arguments or the data (one line says which), 130
        interrupted.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments == ["--version"]:
        print(f"fasttricks {__version__}")
        return 0
    try:
        command: Bench | Index | Pack = tyro.cli(
            Command,
            args=arguments,
            prog="fasttricks",
            description="The fastest honest input path for image-classification training.",
            config=(tyro.conf.OmitSubcommandPrefixes,),
        )
        return command.run()
    except (FasttricksError, ValueError, OSError) as error:
        print(f"fasttricks: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fasttricks: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
