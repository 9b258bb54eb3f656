"""All pictures of a data set, decoded once for the processes of a node.

Two passes with all threads: the first probes every file, which tells exactly how many bytes the
pixels take, and refuses a set that does not fit before anything is decoded; the second decodes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fasttricks.data.pixels import Pixels, decode_rgb
from fasttricks.data.probe import Kind, probe_and_decode
from fasttricks.data.progress import progress_bar
from fasttricks.data.samples import Samples, Stamp
from fasttricks.data.seek.source import names_of
from fasttricks.errors import BadSampleError, DataError
from fasttricks.pipelines.decode.decoder import find_decoder
from fasttricks.pipelines.job import Indices
from fasttricks.pipelines.resident.store import Block, Bytes, Recipe, share

ODD, REPAIRED = 1, 2
ENTRY = np.dtype([("offset", "<i8"), ("height", "<i4"), ("width", "<i4"), ("by_pil", "<i8")])
"""A decoded picture: where in the block it begins; its sides, which mean nothing for a bad one;
who has decoded it: PIL if it is ODD, and only PIL decodes it surely, or REPAIRED, as the decoder
complained about it; else 0."""

ADVICE = (
    "use a pack of smaller pictures (fasttricks pack SRC DST --max-size N) or the pipeline roi, "
    "which decodes again each time"
)

_VERSION = b"fasttricks resident 2"
_ALIGN = 64  # so that no two pictures share a cache line
_SHARE = 16  # pictures that a thread takes at a time
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Decoded:
    """The decoded pictures of a data set, in memory that all processes of the node share.

    Attributes:
        entries: ENTRY [N], of which those mean nothing that were not asked for.
        causes: why a picture is bad, by number.
        bytes: uint8, what the offsets are in.
        size: bytes that entries and pixels take.
    """

    def __init__(self, block: Block, count: int) -> None:
        self._block = block
        self.bytes = block.bytes
        self.entries = self.bytes[: count * ENTRY.itemsize].view(ENTRY)
        self.size = int(_ends(self.entries["offset"], self.entries)[-1])
        told = json.loads(self.bytes[self.size :].tobytes())
        self.causes: dict[int, str] = {int(number): cause for number, cause in told.items()}

    @property
    def addresses(self) -> npt.NDArray[np.uint64]:
        """Where in this process's memory the pictures begin, [N]; read-only memory."""
        return self.bytes.ctypes.data + self.entries["offset"].astype(np.uint64)

    def close(self) -> None:
        """Use them no longer; their pixels may not be read after it."""
        self.bytes = np.empty(0, np.uint8)
        self.entries = self.entries.copy()
        self._block.close()


def decode_all(
    samples: Samples, threads: int, most: Callable[[int], None] | None = None
) -> Decoded:
    """The decoded pictures of a data set, by their numbers in `samples.base`; decoded here if no
    process has them yet.

    What is keyed are the pictures' names, sizes and times (their content if they are in memory) as
    they are now. Changes after that are not noticed.

    Args:
        samples: pictures by path, in memory or in a pack. Of what these are taken from, only
            pictures that are among them are read.
        threads: that decode.
        most: told how many bytes the pixels take before they are decoded, to raise DataError.

    Raises:
        DataError: they do not fit; says how much they need.
    """
    whole, which = samples.base, np.unique(samples.numbers(np.arange(len(samples))))
    decoding = _Decoding(whole, which, threads)

    def prepare() -> Recipe:
        decoding.survey()
        if most is not None:
            most(decoding.size)
        return Recipe(decoding.size, decoding.fill, f"{len(which):,} decoded pictures", ADVICE)

    decoded = Decoded(share(_key(whole, which), prepare), len(whole))
    if most is not None:
        try:
            most(decoded.size)
        except DataError:
            decoded.close()
            raise
    return decoded


def _key(samples: Samples, which: Indices) -> str:
    names = names_of(samples)
    root = os.path.realpath(names.root) if names.root else b""
    digest = hashlib.sha256(_VERSION + names.digest + root + b"\0")
    with contextlib.suppress(OSError):  # else a power cut could leave a file that looks complete
        digest.update(_BOOT.read_bytes())
    if len(which) < len(samples):
        digest.update(which.tobytes())
    for number in which.tolist():
        digest.update(repr(samples.stamp(number)).encode())
        if samples.in_memory:
            digest.update(samples.read(number))
    return digest.hexdigest()[:32]


def _ends(begins: npt.NDArray[np.int64], entries: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
    """Where the pixels of each picture end, with what is left free behind them."""
    taken = 3 * entries["height"].astype(np.int64) * entries["width"]
    return begins + -(-taken // _ALIGN) * _ALIGN


class _Decoding:
    """Decoding those pictures of a data set that have the numbers `which`, in threads."""

    def __init__(self, samples: Samples, which: Indices, threads: int) -> None:
        self._samples, self._which, self._threads = samples, which.tolist(), threads
        self._entries = np.zeros(len(samples), ENTRY)
        self._causes: dict[int, str] = {}
        self._stamps: list[Stamp | None] = [None] * len(samples)
        self._memory = np.empty(0, np.uint8)
        self._decoder = find_decoder()
        self.size = 0

    def survey(self) -> None:
        """Look at every picture; `size` is known then."""
        self._all("measuring pictures", self._look_at)
        begin = -(-self._entries.nbytes // _ALIGN) * _ALIGN
        sizes = _ends(np.zeros(len(self._entries), np.int64), self._entries)
        self._entries["offset"] = begin + np.cumsum(sizes) - sizes
        self.size = int(begin + sizes.sum())

    def fill(self, memory: Bytes) -> bytes:
        """Decode every picture to its place; gives why which are bad."""
        self._memory = memory
        self._all("decoding pictures", self._decode)
        memory[: self._entries.nbytes] = self._entries.view(np.uint8)
        self._memory = np.empty(0, np.uint8)
        return json.dumps(self._causes).encode()

    def _look_at(self, number: int) -> None:
        try:
            data, self._stamps[number] = self._samples.read_stamped(number)
        except BadSampleError as error:
            self._causes[number] = error.cause
            return
        facts, _ = probe_and_decode(data)
        if facts.kind == Kind.BAD:
            self._causes[number] = facts.reason
            return
        entry = self._entries[number]
        entry["height"], entry["width"] = facts.height, facts.width
        entry["by_pil"] = ODD if facts.kind == Kind.ODD else 0

    def _decode(self, number: int) -> None:
        entry = self._entries[number]
        begin, height, width = (int(entry[name]) for name in ("offset", "height", "width"))
        if number in self._causes:
            return
        try:
            data, stamp = self._samples.read_stamped(number)
            pixels = self._pixels(data, height, width, entry)
        except (BadSampleError, DataError) as error:
            self._causes[number] = getattr(error, "cause", str(error))
            return
        if stamp != self._stamps[number] or pixels.shape != (height, width, 3):
            name = self._samples.name(number)
            raise DataError(f"{name} changed while the pictures were decoded; start again")
        self._memory[begin : begin + pixels.size] = pixels.reshape(-1)

    def _pixels(self, data: bytes, height: int, width: int, entry: np.void) -> Pixels:
        if entry["by_pil"] != ODD:
            with contextlib.suppress(DataError):
                return self._decoder.decode(data, height, width)
            entry["by_pil"] = REPAIRED
        return decode_rgb(data)

    def _all(self, text: str, each: Callable[[int], None]) -> None:
        """Do something with every picture, in all threads, while a bar on stderr shows it."""
        count, stopped = len(self._which), threading.Event()

        def some(first: int) -> int:
            share = self._which[first : first + _SHARE]
            for number in share:
                if stopped.is_set():
                    break
                each(number)
            return len(share)

        with (
            ThreadPoolExecutor(self._threads, "fasttricks-decode") as pool,
            progress_bar(text, count, visible=True) as advance,
            _setting(stopped),
        ):
            for done in pool.map(some, range(0, count, _SHARE)):
                advance(done)


@contextlib.contextmanager
def _setting(event: threading.Event) -> Iterator[Any]:
    try:
        yield
    finally:
        event.set()
