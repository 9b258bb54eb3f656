"""A row's source that needs nothing: pretended batches, made by a thread into a queue of ten.

What it does besides is in the row's name: "dies", "raises", "misshapes", "nests" (starts a
process), "stalls" (delivers nothing), "unstaged" (cannot split its time), "indexes" (makes no
batches), "stale" (tells of pictures that were not cut), "keeps" (memory that it shares).
"""

from __future__ import annotations

import mmap
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

QUEUE = 10
SHARED = 24_000_000
"""Bytes of anonymous shared memory."""


class Pictures:
    dtype = "uint8"

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def __len__(self) -> int:
        return self.shape[0]


def batches(settings: Any, facts: Any) -> Iterator[Pictures]:
    print("chatter on stdout that must not disturb the protocol")
    name, size = settings["name"], settings["size"]
    facts.update(does="pretends", ahead=QUEUE, versions={"fake": "1.2"})
    facts["stages"] = lambda count: {"decode": float(count)}
    if name == "unstaged":
        facts["stages"] = lambda count: {}["no such stage"]
    if name == "raises":
        raise ValueError("no such luck")
    if name == "stalls":
        time.sleep(3600)
    if name == "nests":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
    if name == "stale":
        facts.update(samples=80, uncut={"stale": 7, "damaged": 1})
    if name == "keeps":
        kept = mmap.mmap(-1, SHARED)
        kept[:] = b"1" * SHARED
        facts.update(kept_mb=SHARED / 1e6, open_s=2.5)
    made: queue.Queue[Pictures] = queue.Queue(QUEUE)
    shape = (1, 2) if name == "misshapes" else (settings["batch_size"], 3, size, size)
    if name == "indexes":
        facts.update(jpeg_mb_per_image=0.11, index_share=0.02)
        shape = (5,)

    def produce() -> None:
        while True:
            time.sleep(0.002)
            made.put(Pictures(*shape))

    threading.Thread(target=produce, daemon=True).start()
    for number in range(1_000_000):
        if name == "dies" and number == 40:
            print("the last thing it said", file=sys.stderr, flush=True)
            os._exit(7)
        yield made.get()
