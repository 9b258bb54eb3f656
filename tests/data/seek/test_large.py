"""The seek index of very many pictures: memory, not time."""

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from fasttricks.data.samples import Samples
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.seek.format import RECORD, checksum
from fasttricks.data.seek.source import names_of
from fasttricks.data.seek.writer import SeekWriter
from fasttricks.kernels.jpeg.seek import SEEK


class Sparse:
    """A file in which blocks of zeros take no room, for all that a SeekWriter does with one."""

    def __init__(self, file):
        self._file = file
        self.seek, self.truncate, self.flush = file.seek, file.truncate, file.flush

    def write(self, data):
        if not any(data[:64]) and bytes(data).count(0) == len(data):
            return self._file.seek(len(data), os.SEEK_CUR)
        return self._file.write(data)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A made-up index of 100,000 pictures with 240 points each, zeros all; 240 MB, but sparse."""
    count, share, points = 100_000, 1000, bytes(240 * SEEK.itemsize)
    path = tmp_path_factory.mktemp("large") / "x.seek"
    samples = Samples([f"/data/class_{n % 1000:04d}/{n:08d}.JPEG" for n in range(count)])
    record = np.zeros(1, RECORD)
    record["count"], record["size"] = 240, 100_000
    record["crc"] = checksum(record.tobytes(), points)
    with open(path, "w+b") as file:
        writer = SeekWriter(Sparse(file), names_of(samples), 1024)
        for _ in range(0, count, share):
            writer.add(np.repeat(record, share), points * share)
        writer.finish()
    return path, samples


def mapped_kb(file):
    """Memory that this process has of the file, KB."""
    resident, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ")[0]:
            inside = line.endswith(str(file))
        elif inside and line.startswith("Rss:"):
            resident += int(line.split()[1])
    return resident


def test_opening_takes_next_to_no_memory(large):
    file, samples = large
    SeekIndex.open(file, samples)  # compiles
    tracemalloc.start()
    index = SeekIndex.open(file, samples)
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(index) == 100_000
    assert kept < 2 * len(index) + 100_000  # a byte a picture, and what is always there
    assert most < 50e6 / 13  # 50 MB for 1.3 million
    assert mapped_kb(file) < 1024  # of 290 MB: not all its pages were read


def test_memory_stays_bounded_while_looking_up(large):
    file, _ = large
    index = SeekIndex.open(file)
    for number in np.random.default_rng(0).permutation(len(index))[:20_000].tolist():
        assert len(index.lookup(number, 100_000, 0)[1]) == 240
    assert mapped_kb(file) * 1024 < index.records.nbytes + 1e6
    index.points["state"][:: 4096 // SEEK.itemsize].sum()  # that would have shown
    assert mapped_kb(file) * 1024 > index.points.nbytes
