"""Adding up what was found; costs some 20 bytes a picture, however many there are."""

from __future__ import annotations

import re
from array import array
from collections import Counter, defaultdict
from typing import NamedTuple

from fasttricks.data.probe import Kind
from fasttricks.doctor.duplicates import Digests
from fasttricks.doctor.findings import Fault, Look

_NUMBER = re.compile(r"(?<![\w-])\d+")  # not those in names, like CRC-32


class Extreme(NamedTuple):
    """A side of a picture, in pixels, that no other goes beyond."""

    side: int
    number: int


class Tally:
    """What is known after `looked` pictures of a data set.

    Attributes:
        broken: why, by sample index.
        noted: sample indices by label by kind of note.
        kinds, causes: how many faults of each kind, and of each cause with its numbers taken out.
        traits: JPEGs by process and colour.
        plain, odd: sound pictures of these kinds.
        bytes, pixels: of pictures that could be read, and of sound ones.
        shortest, longest: sides of sound pictures, pixels.
        digests: of sound pictures.
    """

    def __init__(self, count: int) -> None:
        self.looked = self.plain = self.odd = self.bytes = self.pixels = 0
        self.broken: dict[int, tuple[Fault, ...]] = {}
        self.noted: defaultdict[str, defaultdict[str, array[int]]] = defaultdict(
            lambda: defaultdict(lambda: array("q"))
        )
        self.kinds: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.traits: Counter[str] = Counter()
        self.shortest: Extreme | None = None
        self.longest: Extreme | None = None
        self.digests = Digests(count)
        self._seen: dict[Fault, Fault] = {}

    def add(self, look: Look) -> None:
        """Count one picture."""
        self.looked += 1
        self.bytes += look.size
        self.traits.update(look.traits)
        for note in look.notes:
            self.noted[note.kind][note.label].append(look.index)
        if look.broken:
            # A lost shard gives its cause a thousand times: it is kept once.
            self.broken[look.index] = tuple(self._seen.setdefault(f, f) for f in look.faults)
            self.kinds.update(fault.kind for fault in look.faults)
            self.causes.update(_NUMBER.sub("N", fault.cause) for fault in look.faults)
        else:
            self._sound(look)

    def _sound(self, look: Look) -> None:
        probe = look.probe
        assert probe is not None, "a picture without faults was read"
        self.plain += probe.kind == Kind.PLAIN
        self.odd += probe.kind == Kind.ODD
        self.pixels += probe.height * probe.width
        self.digests.add(look.index, look.digest)
        short, long = sorted((probe.height, probe.width))
        if self.shortest is None or short < self.shortest.side:
            self.shortest = Extreme(short, look.index)
        if self.longest is None or long > self.longest.side:
            self.longest = Extreme(long, look.index)

    @property
    def sound(self) -> int:
        """Pictures without faults."""
        return self.looked - len(self.broken)

    def count_noted(self, kind: str) -> int:
        """Pictures with a note of this kind."""
        return sum(map(len, self.noted[kind].values())) if kind in self.noted else 0
