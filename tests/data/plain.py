"""Pictures under names of all kinds, what compiled code reads of them, and what it should."""

import ctypes
import os

import numpy as np

from fasttricks.data.plain_pictures import index_of, read_plain
from fasttricks.data.probe import Kind, probe
from fasttricks.data.samples import Samples
from tests.pictures import jpeg

ROOM = 1 << 20


def samples_in(folder):
    """Four plain JPEGs."""
    odd = [b"plain.jpg", b"\xff\xfe not utf-8.jpg", "ü \n'.jpg".encode(), b"x" * 255]
    names = [os.fsencode(folder) + b"/" + name for name in odd]
    for i, name in enumerate(names):
        with open(name, "wb") as file:
            file.write(jpeg(40 + i, 60 + i, seed=i))
    return Samples([os.fsdecode(name) for name in names])


def bytes_at(address, size):
    return ctypes.string_at(int(address), int(size))


def read(samples, index=None, indices=None, room=ROOM):
    indices = np.arange(len(samples)) if indices is None else np.array(indices)
    places = samples.places(indices)
    kept = np.full(room, 0xFF, np.uint8)
    found, frames = read_plain(places, index_of(index), indices, kept)
    return found, frames, (places, kept)


def check_plain(found, samples, indices=None):
    """All were read as `read_stamped` and `probe` have it."""
    for i, here in zip(range(len(samples)) if indices is None else indices, found, strict=True):
        data, stamp = samples.read_stamped(i)
        facts = probe(data)
        assert here["plain"] == 1
        assert facts.kind == Kind.PLAIN
        assert bytes_at(here["data"], here["size"]) == data
        assert (here["size"], here["mtime_ns"]) == stamp
        assert (here["height"], here["width"]) == (facts.height, facts.width)
