"""How long it takes to open a seek index of a million pictures, or a pack, and how much memory.

    python -m fasttricks.bench.index_open [--count 1300000] [--json FILE]

Makes an index of made-up names, whose entries all are that of one synthetic picture, in a temporary
folder; then opens it and looks pictures up in a fresh process, with the file dropped from the page
cache before it is opened for the first time. Then the same with the two index files of a pack.
"""

from __future__ import annotations

import ctypes
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from fasttricks.bench import pagecache
from fasttricks.bench.machine import commit, describe, machine
from fasttricks.data.pack_index import BLOCK, INDEX_NAME, MEMBER, SEEK_NAME, write_pack_index
from fasttricks.data.samples import Samples
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.seek.pictures import Work
from fasttricks.data.seek.source import names_of
from fasttricks.data.seek.writer import SeekWriter
from fasttricks.data.synthetic import encode_synthetic
from fasttricks.data.tar_pack import TarPack
from fasttricks.kernels.jpeg.seek import TILE_PIXELS
from fasttricks.versions import versions

_SHARE = 1000  # entries written at a time
_ROUNDS = 5
_LOOKUPS = 100_000
_SHARDS = 300


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to run."""

    count: int = 1_300_000
    """Pictures in the index."""
    folder: Path | None = None
    """Where to put it for the time of the measurement: 2.6 GB at the default count."""
    json: Path | None = None
    """Also write the result to this file."""


def made_up(count: int) -> Samples:
    """Names like those of ImageNet's training set; there are no such files."""
    return Samples([f"/data/train/n{n % 1000:08d}/n{n % 1000:08d}_{n}.JPEG" for n in range(count)])


def make_index(path: Path, samples: Samples, picture: bytes) -> None:
    """An index in which each sample has the entry of `picture`."""
    records, points = Work(Samples([picture]), TILE_PIXELS)(0, 1)
    with open(path, "w+b") as file:
        writer = SeekWriter(file, names_of(samples), TILE_PIXELS)
        for first in range(0, len(samples), _SHARE):
            share = min(_SHARE, len(samples) - first)
            writer.add(np.repeat(records, share), points * share)
        writer.finish()


def make_pack(folder: Path, count: int, picture: bytes) -> None:
    """The index files of a pack of so many members; its shards are not there."""
    members = np.zeros(count, MEMBER)
    members["size"], members["shard"] = len(picture), np.arange(count) % _SHARDS
    members["offset"] = BLOCK + np.arange(count) // _SHARDS * (1 << 17)
    shards = [(f"shard-{n:06d}.tar", 1 << 40) for n in range(_SHARDS)]
    with open(folder / INDEX_NAME, "w+b") as file:
        write_pack_index(
            file,
            shards=shards,
            members=members,
            names=[f"n{n % 1000:08d}/n{n % 1000:08d}_{n}.jpg".encode() for n in range(count)],
            targets=np.arange(count) % 1000,
            classes=[f"n{n:08d}" for n in range(1000)],
        )
    make_index(folder / SEEK_NAME, TarPack(folder), picture)


def memory_mb() -> dict[str, float]:
    """What this process has in memory: `anon` is heap, `file` mapped files, `peak` most of both."""
    found = {}
    for line in Path("/proc/self/status").read_text().splitlines():
        name, value = line.split(":")
        if name in ("RssAnon", "RssFile", "VmHWM"):
            found[name] = int(value.split()[0]) * 1024 / 1e6
    return {"anon": found["RssAnon"], "file": found["RssFile"], "peak": found["VmHWM"]}


def measure_pack(folder: Path) -> dict[str, float]:
    """Open both index files of a pack several times, in this process."""
    _open_one(folder / SEEK_NAME)
    os.sync()
    pagecache.drop([str(folder / INDEX_NAME), str(folder / SEEK_NAME)])
    ctypes.CDLL(None).malloc_trim(0)
    before, seconds = memory_mb(), []
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        pack = TarPack(folder)
        index = SeekIndex.open(pack.seek_index, pack)
        seconds.append(time.perf_counter() - begin)
    opened = memory_mb()
    if len(index) != len(pack):
        raise RuntimeError("the two index files are of different sets")
    return {
        "pack_index_mb": (folder / INDEX_NAME).stat().st_size / 1e6,
        "pack_open_cold_s": seconds[0],
        "pack_open_warm_s": min(seconds[1:]),
        "pack_heap_mb": opened["anon"] - before["anon"],
        "pack_mapped_mb_after_opening": opened["file"] - before["file"],
    }


def measure(path: Path, samples: Samples) -> dict[str, Any]:
    """Open the index several times and look pictures up, in this process."""
    _open_one(path)  # so that what is measured is neither importing nor compiling
    os.sync()  # only what is on the disk can be dropped
    pagecache.drop([str(path)])
    ctypes.CDLL(None).malloc_trim(0)  # else the list of names, now free, would hide what is taken
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before, seconds = memory_mb(), []
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        index = SeekIndex.open(path, samples)
        seconds.append(time.perf_counter() - begin)
    opened = memory_mb()
    size, mtime_ns = int(index.records["size"][0]), int(index.records["mtime_ns"][0])
    chosen = np.random.default_rng(0).permutation(len(index))[:_LOOKUPS].tolist()
    passes, most = [], 0.0
    for _ in range(2):
        begin = time.perf_counter()
        for done, number in enumerate(chosen):
            found = index.lookup(number, size, mtime_ns)
            if found is None:
                raise RuntimeError(f"entry {number} was not found")
            if done % 1000 == 0:
                most = max(most, memory_mb()["file"])
        passes.append((time.perf_counter() - begin) / len(chosen) * 1e6)
    return {
        "pictures": len(index),
        "file_mb": path.stat().st_size / 1e6,
        "open_cold_s": seconds[0],
        "open_warm_s": min(seconds[1:]),
        "heap_mb": opened["anon"] - before["anon"],
        "peak_mb": opened["peak"] - before["anon"] - before["file"],
        "mapped_mb_after_opening": opened["file"] - before["file"],
        "mapped_mb_most_in_lookups": most - before["file"],
        "first_lookup_us": passes[0],
        "second_lookup_us": passes[1],
    }


def _open_one(path: Path) -> None:
    """Open an index of one picture beside `path`, which loads all code."""
    small = path.with_suffix(".one")
    make_index(small, made_up(1), encode_synthetic(0, 0))
    SeekIndex.open(small, made_up(1))


def _in_a_fresh_process(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "fasttricks.bench.index_open", *arguments]
    result: dict[str, Any] = json.loads(
        subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    )
    return result


def main(config: Config) -> None:
    """Make the index, measure in a fresh process, print, write the JSON."""
    picture = encode_synthetic(0, 0)
    with tempfile.TemporaryDirectory(dir=config.folder) as folder:
        path = Path(folder, "made-up.seek")
        make_index(path, made_up(config.count), picture)
        found = _in_a_fresh_process("--measure", str(path), str(config.count))
    with tempfile.TemporaryDirectory(dir=config.folder) as folder:
        make_pack(Path(folder), config.count, picture)
        found |= _in_a_fresh_process("--measure-pack", folder)
    facts = {"machine": machine(), "versions": versions()}
    print(describe(facts["machine"], facts["versions"]))
    for name, value in found.items():
        print(f"{name:28}{value:12,.3f}" if isinstance(value, float) else f"{name:28}{value:12,}")
    if config.json:
        date = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        result = {**found, **facts, "date": date, "commit": commit()}
        config.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(Path(sys.argv[2]), made_up(int(sys.argv[3])))))
    elif sys.argv[1:2] == ["--measure-pack"]:
        print(json.dumps(measure_pack(Path(sys.argv[2]))))
    else:
        main(tyro.cli(Config, description=__doc__))
