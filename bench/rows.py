"""Which rows a bench has, and what is started for each of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fasttricks.bench.child import Settings
from fasttricks.bench.config import BenchConfig, expand
from fasttricks.bench.files import PictureFiles
from fasttricks.bench.packs import PACKS
from fasttricks.bench.variants import VARIANTS, pipeline_of
from fasttricks.cpus import available_cpus
from fasttricks.errors import DataError, FasttricksError, MissingExtraError, UnknownNameError
from fasttricks.installed import NO_TURBOJPEG, find_turbojpeg, is_installed
from fasttricks.pipelines.registry import REGISTRY, require

PIPELINE_SOURCE = "fasttricks.bench.pipeline_source"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: a pipeline or a peer at one number of threads."""

    name: str
    threads: int
    source: str
    """Dotted name of the module that makes the batches; a path for another interpreter."""
    python: str = sys.executable
    pack: str = ""
    """Which .beton it reads, a key of `fasttricks.bench.packs.PACKS`; empty for none."""
    pixels: str = ""
    """What is less about its pixels than about those of the files, decoded in full; empty where
    nothing is. Every table marks these rows."""
    batches: bool = True
    """Whether it makes batches of pictures, or only works through the files."""
    cuts: bool = False
    """Whether it cuts pictures by their seek index before it decodes them."""
    prepares: bool = False
    """Whether it decodes all pictures before its first batch, which may take long."""

    @property
    def label(self) -> str:
        """What to call it in messages."""
        return f"{self.name} x{self.threads}"


@dataclass(frozen=True, kw_only=True)
class Peer:
    """What our pipelines are held against: a loader of others, or the floor; and what it needs."""

    row: Row
    package: str
    extra: str = ""
    """The extra of ours that brings the package; empty: it lives in an interpreter of its own."""
    cuda: bool = True
    folder: bool = True
    """Whether it needs a folder of files and cannot read tar shards."""


def _peer_row(name: str, **facts: Any) -> Row:
    source = f"fasttricks.bench.peers.{name.replace('-', '_')}"
    return Row(name=name, threads=0, source=source, **facts)


_FFCV_PIXELS = f"{PACKS['half']}; fast DCT"
_TF_PIXELS = "fast DCT, not antialiased"
PEERS = {
    peer.row.name: peer
    for peer in (
        Peer(row=_peer_row("stock-dali"), package="nvidia.dali", extra="dali"),
        Peer(
            row=_peer_row("stock-ffcv", pack="half", pixels=_FFCV_PIXELS),
            package="ffcv",
            extra="ffcv",
        ),
        Peer(row=_peer_row("stock-torchvision"), package="torchvision", extra="peers"),
        Peer(row=_peer_row("timm"), package="timm", extra="peers"),
        Peer(row=_peer_row("tf-data", pixels=_TF_PIXELS), package="tensorflow", cuda=False),
        Peer(row=_peer_row("floor", cuts=True), package="numba", cuda=False, folder=False),
        Peer(row=_peer_row("index", batches=False), package="numba", cuda=False, folder=False),
    )
}

PACKED = {"ffcv": "source", "ffcv:jpg": "jpg", "ffcv:raw": "raw"}
"""Pipelines that read a .beton, and which; a variant reads that of its pipeline. With
"source", the files' own bytes, tar shards are read as they are instead."""

RESIDENT = "resident"
"""The pipeline that decodes every picture once, when it is opened."""

LARGE = 20_000
"""Pictures above which `--pipeline all` makes no packs, which would take hours and fill a disk, and
decodes no set into memory."""


def plan_rows(config: BenchConfig, files: PictureFiles) -> tuple[list[Row], list[str]]:
    """The rows in the order they are run and shown, and a line for each that is left out.

    Raises:
        UnknownNameError: no such pipeline.
        MissingExtraError: one that was asked for by name is not installed.
        DataError: nothing is left to measure.
    """
    check_names(config)
    rows: list[Row] = []
    left_out: list[str] = []
    usual = [name for name in known_pipelines() if name not in VARIANTS]
    for name in expand(config.pipeline_names, usual):
        optional = name not in config.pipeline_names  # only `all` asks for it
        if why := _misfit(name, config, files, optional):
            left_out.append(f"{name}: {why}")
            continue
        with _noted_if(optional, left_out):
            rows.append(_pipeline_row(name, files))
    for name in config.peer_names:
        peer = PEERS[name]
        if config.device == "cuda" and not peer.cuda:
            left_out.append(f"{name}: works on the CPU only")
            continue
        if files.is_pack and peer.folder:
            left_out.append(f"{name}: needs a folder of picture files; these are in tar shards")
            continue
        with _noted_if(name in config.optional_peers, left_out):
            rows.append(_checked_peer(peer, config.tf_python))
    if not rows:
        raise DataError("nothing to measure: " + "; ".join(left_out))
    counts = config.thread_counts or [available_cpus()]
    return [replace(row, threads=count) for count in counts for row in rows], left_out


def known_pipelines() -> list[str]:
    """Every name that --pipeline takes, but `all`."""
    return list(dict.fromkeys((*REGISTRY, *PACKED, *VARIANTS)))


@contextmanager
def _noted_if(optional: bool, left_out: list[str]) -> Iterator[None]:
    """Within, what is missing for a row that nobody named is a line in `left_out`, no error."""
    try:
        yield
    except FasttricksError as error:
        if not optional:
            raise
        left_out.append(str(error))


def _misfit(name: str, config: BenchConfig, files: PictureFiles, optional: bool) -> str:
    """Why a pipeline is left out that could be opened; "" if it is not."""
    if name in VARIANTS and (why := VARIANTS[name].misfit(config)):
        return why
    resident = pipeline_of(name) == RESIDENT
    if resident and config.cold:
        return "has all pictures in memory: nothing is read that could be cold"
    if optional and files.count > LARGE and (resident or _pack_of(name, files)):
        would = "decode into memory" if resident else "pack"
        return f"would {would} {files.count:,} pictures; ask for it by name"
    return ""


def _pack_of(name: str, files: PictureFiles) -> str:
    """Which .beton a pipeline reads; "" for none."""
    kind = PACKED.get(name, PACKED.get(pipeline_of(name), ""))
    return "" if kind == "source" and files.is_pack else kind


def check_names(config: BenchConfig) -> None:
    """Raises UnknownNameError for a pipeline that is not known."""
    known = ["all", *known_pipelines()]
    for name in config.pipeline_names:
        if name not in known:
            raise UnknownNameError("pipeline", name, known)


def _pipeline_row(name: str, files: PictureFiles) -> Row:
    require(pipeline_of(name))
    pack, resident = _pack_of(name, files), pipeline_of(name) == RESIDENT
    pixels = PACKS[pack] if pack not in ("", "source") else ""
    cut = True
    if name in VARIANTS:
        pixels, cut = VARIANTS[name].pixels, VARIANTS[name].options.get("cut", True)
    return Row(
        name=name,
        threads=0,
        source=PIPELINE_SOURCE,
        pack=pack,
        pixels=pixels,
        cuts=cut and pack != "raw" and not resident,
        prepares=resident,
    )


def _checked_peer(peer: Peer, tf_python: Path | None) -> Row:
    """The row of a peer.

    Raises:
        FasttricksError: what it needs is not installed.
    """
    name = peer.row.name
    if name == "tf-data" and tf_python is not None:
        source = Path(__file__).with_name("peers") / "tf_data.py"
        return replace(peer.row, source=str(source), python=str(tf_python))
    if name == "floor" and not find_turbojpeg():
        raise FasttricksError(f"floor: {NO_TURBOJPEG}")
    if not is_installed(peer.package):
        if peer.extra:
            raise MissingExtraError(peer.package, peer.extra)
        raise FasttricksError(
            f"{name}: {peer.package} is not installed here; name an interpreter that has it with "
            "--tf-python"
        )
    return peer.row


def settings_of(row: Row, config: BenchConfig, files: PictureFiles, pack: str) -> Settings:
    """What a row's process is asked for.

    Args:
        pack: the .beton that it reads; "" for none.
    """
    return Settings(
        name=row.name,
        root=str(files.root),
        repeat=1 if config.cold else files.repeat,
        batch_size=config.batch_size,
        size=config.size,
        device=config.device,
        dtype=config.dtype,
        threads=row.threads,
        train=not config.eval,
        work=config.work,
        cold=config.cold,
        pack=pack,
    )
