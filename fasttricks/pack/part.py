"""Packing one data set: its shards, then what stands beside them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fasttricks.data.folder import EXTENSIONS
from fasttricks.data.read_ahead import read_ahead
from fasttricks.kernels.plan import epoch_order
from fasttricks.pack.journal import Journal
from fasttricks.pack.keys import ending_by_content, ending_of, unique_keys
from fasttricks.pack.manifest import Summary, summarise, write_index, write_manifest
from fasttricks.pack.reencode import Packed, Packer
from fasttricks.pack.settings import PackSettings
from fasttricks.pack.source import Part
from fasttricks.pack.writer import ShardWriter

_SHUFFLE_SEED = np.uint64(0)
_AHEAD = 4  # pictures in flight per thread


@dataclass(frozen=True, kw_only=True)
class Workers:
    """What does the work, and what is told of it."""

    pool: ThreadPoolExecutor
    threads: int
    advance: Callable[[int], None]
    """Called with how many samples more are done."""


def pack_part(
    part: Part, folder: Path, journal: Journal, settings: PackSettings, workers: Workers
) -> tuple[Summary, int]:
    """Write shards, index and manifest of a data set, except its seek index.

    Args:
        part: the data set.
        folder: where they belong; it may hold the shards that `journal` knows.
        journal: of that folder.

    Returns:
        What has become of it, and how many shards were there before.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keys, order = list(unique_keys(part.names())), physical_order(part, settings)
    with ShardWriter(folder, journal, settings.shard_bytes) as writer:
        workers.advance(writer.samples_before)
        rest = order[writer.samples_before :].tolist()
        packer, depth = Packer(part.samples, settings), _AHEAD * workers.threads
        with closing(read_ahead(workers.pool, packer, rest, depth)) as pictures:
            for index, packed in zip(rest, pictures, strict=True):
                key, ending = keys[index], _ending(part, index, packed)
                who = {"sample": index, "key": key, "source": part.samples.name(index)}
                writer.add(key, ending, packed, part.samples.targets[index], who)
                workers.advance(1)
        writer.finish()
    summary = summarise(journal)
    write_index(folder, journal, part, keys, order)
    mixed = settings.shuffle and part.train
    head = {"source": part.origin, "split": part.split, "mixed": mixed, **settings.stated()}
    write_manifest(folder, journal, head | summary.stated())
    return summary, writer.shards_before


def physical_order(part: Part, settings: PackSettings) -> npt.NDArray[np.int64]:
    """The samples in the order in which they stand in the shards.

    Those of a training set are mixed, always in the same way, so that programs that read the shards
    as a stream get mixed classes.
    """
    count = len(part.samples)
    if settings.shuffle and part.train:
        return np.asarray(epoch_order(_SHUFFLE_SEED, 0, count))
    return np.arange(count)


def _ending(part: Part, index: int, packed: Packed) -> str:
    """Of a picture's member, without the dot."""
    if packed.ending is not None:
        return packed.ending
    ending = ending_of(part.name(index)) if part.name else ""
    return ending if f".{ending}" in EXTENSIONS else ending_by_content(packed.data)
