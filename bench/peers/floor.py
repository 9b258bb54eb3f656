"""The limit: libjpeg-turbo decoding the cuts of a plan, already in memory, and nothing else.

No loader that decodes the same crops with the same library can be faster. Reading, cutting,
resizing and finishing are left out: the cuts of one epoch are made before the first batch, pixels
go to a buffer that nobody reads, and what is handed over is empty memory of the right shape.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import torch

from fasttricks.data.open import open_data
from fasttricks.data.samples import Samples
from fasttricks.errors import DataError
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.native import fetch_add
from fasttricks.kernels.plan import epoch_order, plan_batch
from fasttricks.pipelines.cutter import Cutter, needed
from fasttricks.pipelines.decode.turbojpeg import Handles, decompress
from fasttricks.pipelines.fetch import Fetched, Fetcher

if TYPE_CHECKING:
    from fasttricks.bench.child import Facts, Settings

MOST = 2000
"""Samples of the epoch that are kept in memory."""
AHEAD = 2
"""Batches in work while the caller has one, so that no thread waits for the end of a batch."""
SEED, EPOCH = 0, 0

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

PLACE = np.dtype([("start", "<i8"), ("size", "<i8"), ("height", "<i8"), ("width", "<i8")])
"""Where a JPEG stands in `Streams.block`, its bytes, and its sides in pixels."""


class Streams(NamedTuple):
    """JPEGs in memory."""

    block: Bytes
    """All of them, joined."""
    places: npt.NDArray[Any]
    """PLACE [N]"""


class Thread(NamedTuple):
    """What a decoding thread needs of its own."""

    handle: int
    """libturbojpeg's."""
    room: Bytes
    """Holds the largest picture."""


def batches(settings: Settings, facts: Facts) -> Iterator[torch.Tensor]:
    """Decode the cuts of one epoch again and again; the batch handed over is always the same."""
    facts["does"] = "libjpeg-turbo decodes the cuts and does nothing else"
    facts["ahead"] = AHEAD + 1
    size, batch_size = settings["size"], settings["batch_size"]
    samples = open_data(settings["root"], train=settings["train"])
    streams = decodable(cut_streams(samples, size=size, train=settings["train"]))
    images = torch.empty(batch_size, 3, size, size, dtype=torch.uint8)
    handles = Handles(settings["threads"])
    threads: SimpleQueue[Thread] = SimpleQueue()
    for handle in handles.addresses:
        threads.put(_thread(int(handle), streams))

    def take_part(*batch: Any) -> None:
        thread = threads.get()  # a pool gives the parts of a batch to any of its threads
        try:
            decode_rows(*batch, thread)
        finally:
            threads.put(thread)

    work: deque[list[Future[None]]] = deque()
    start = 0
    with ThreadPoolExecutor(len(handles.addresses), "fasttricks-floor") as pool:
        while True:
            rows = np.arange(start, start + batch_size) % len(streams.places)
            start += batch_size
            counter, good = np.zeros(1, np.int64), np.zeros(batch_size, np.int64)
            batch = counter, rows, streams, good
            work.append([pool.submit(take_part, *batch) for _ in handles.addresses])
            if len(work) > AHEAD:
                for finished in work.popleft():
                    finished.result()
                yield images


def cut_streams(samples: Samples, *, size: int, train: bool) -> Streams:
    """What the plan of an epoch makes a decoder read of its first `MOST` samples.

    Files that cannot be cut (progressive ones) are taken whole; those that libturbojpeg is not to
    decode at all (odd ones, which go to PIL in every pipeline) are left out.

    Raises:
        DataError: no picture is left.
        BadSampleError: one cannot be read.
    """
    params = Augment().params(size=size, train=train, work="decode")
    cutter, fetch = Cutter(samples, index=True), Fetcher(samples, "raise")
    count = len(samples)
    order = epoch_order(np.uint64(SEED), EPOCH, count) if train else np.arange(count)
    chunks: list[Bytes] = []
    places: list[tuple[int, int, int, int]] = []
    start = 0
    for index in order[:MOST]:
        found = fetch(int(index))
        if found.pixels is not None:
            continue
        sides = found.probe.height, found.probe.width
        plans, _ = plan_batch(SEED, EPOCH, [index], [0], [sides[0]], [sides[1]], params)
        data, height, width = _stream(cutter, found, plans[0], size)
        chunks.append(data)
        places.append((start, len(data), height, width))
        start += len(data)
    if not places:
        raise DataError("no picture is one that libturbojpeg may decode")
    return Streams(np.concatenate(chunks), np.array(places, PLACE))


def _stream(cutter: Cutter, found: Fetched, plan: np.void, size: int) -> tuple[Bytes, int, int]:
    """(JPEG, height, width) that a row is decoded from: the cut, else the file."""
    part = cutter.cut(found, *needed(plan, size))
    if part is not None:
        return part.data, part.height, part.width
    return np.frombuffer(found.data, np.uint8), found.probe.height, found.probe.width


def decodable(streams: Streams) -> Streams:
    """Those that libturbojpeg decodes without complaint: giving up early would look fast.

    Raises:
        DataError: there are none.
    """
    count = len(streams.places)
    good = np.zeros(count, np.int64)
    handles = Handles(1)
    thread = _thread(int(handles.addresses[0]), streams)
    decode_rows(np.zeros(1, np.int64), np.arange(count), streams, good, thread)
    if not good.any():
        raise DataError("libturbojpeg decodes none of the pictures")
    return Streams(streams.block, streams.places[good == 1])


def _thread(handle: int, streams: Streams) -> Thread:
    pixels = streams.places["height"] * streams.places["width"]
    return Thread(handle, np.empty(3 * int(pixels.max()), np.uint8))


# Not cached on disk: what it calls stands in another folder, whose changes numba would not notice.
@numba.njit(nogil=True)
def decode_rows(counter: Ints, rows: Ints, streams: Streams, good: Ints, thread: Thread) -> None:
    """Decode rows of a batch until none is left; several threads call it for the same batch.

    Args:
        counter: [1], the next row that nobody has taken.
        rows: [B], which streams.
        good: [B], set to 1 where libturbojpeg had no complaint.
    """
    block, room = streams.block.ctypes.data, thread.room.ctypes.data
    row = fetch_add(np.uint64(counter.ctypes.data))
    while row < len(rows):
        place = streams.places[rows[row]]
        data = block + place.start
        if decompress(thread.handle, data, place.size, room, place.height, place.width):
            good[row] = 1
        row = fetch_add(np.uint64(counter.ctypes.data))
