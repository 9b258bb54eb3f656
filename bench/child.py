"""The process behind one row: makes batches when told to, and says how long they took.

Run as a script, also by interpreters that lack fasttricks, so it imports the standard library only.
A row's source is a module with one function, `batches(settings, facts)`: a generator that fills in
`facts` and yields batches of pictures for ever. First line on stdin: the settings as JSON; then one
command per line; end of file ends it. Events go to stdout as JSON lines, everything else to stderr.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import os
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, TypedDict


class Settings(TypedDict):
    """What a source is asked for."""

    name: str
    root: str
    """Folder of class folders, or a pack of tar shards."""
    repeat: int
    """How often the set is to be gone through in one epoch, so that small sets do not measure
    how a loader starts an epoch."""
    batch_size: int
    size: int
    device: str
    dtype: str
    threads: int
    train: bool
    work: str
    cold: bool
    """Files are to be read from disk: what is mapped into memory would stay there."""
    pack: str
    """The .beton of rows that need one, else empty."""


class Facts(TypedDict, total=False):
    """What a source says about itself; it may add to it at any time."""

    does: str | tuple[str, str, str]
    """How far its own operators go, in words; or what they do in training, in evaluation, and to
    the colour, of which the bench says what is measured."""
    ahead: int
    """Batches that its queues may hold when nobody takes any."""
    compile_s: float
    open_s: float
    """Seconds that opening the loader took."""
    kept_mb: float
    """Decoded pictures that it keeps in memory, 10^6 bytes."""
    samples: int
    """Pictures made so far."""
    uncut: dict[str, int]
    """How many of them were decoded whole though they were to be cut, by what the seek index lacks:
    "stale" for files that have changed, "damaged"."""
    jpeg_mb_per_image: float
    """Of rows that index: mean size of the files worked through so far, 10^6 bytes."""
    index_share: float
    """Of rows that index: bytes of the index per byte of the files worked through so far."""
    versions: dict[str, str]
    stages: Callable[[int], dict[str, float]]
    """Milliseconds of one core per picture and stage, from a pass over that many pictures."""


def timed_round(
    stream: Iterator[Any],
    held: deque[Any],
    *,
    seconds: float,
    drain_batches: int,
    drain_seconds: float,
    limit: int,
    clock: Callable[[], float],
    begin: Callable[[], None],
    settle: Callable[[], None],
) -> dict[str, Any]:
    """Take what was made before the round, then time batch after batch.

    Args:
        held: batches that are held while the next one is made, as a training loop holds them.
        seconds: how long to take batches; at least one is taken.
        drain_batches, drain_seconds: what to take before the clock starts, both at least.
        limit: end once this many pictures were seen, drained ones included; 0: no limit.
        begin: called when the clock starts.
        settle: called before the clock is read at the start and the end (waits for the GPU).

    Returns:
        images, seconds, gaps (seconds between batches) and begin (the clock then).
    """
    seen = drained = 0
    start = clock()
    while drained < drain_batches or clock() - start < drain_seconds:
        held.append(next(stream))
        seen += len(held[-1])
        drained += 1
    settle()
    begin()
    images = 0
    gaps: list[float] = []
    start = last = clock()
    while not gaps or (last - start < seconds and not (limit and seen + images >= limit)):
        held.append(next(stream))
        now = clock()
        images += len(held[-1])
        gaps.append(now - last)
        last = now
    settle()
    return {"images": images, "seconds": clock() - start, "gaps": gaps, "begin": start}


def _load(source: str) -> ModuleType:
    """A module by its dotted name, or by its path where the name cannot be imported."""
    if not source.endswith(".py"):
        return importlib.import_module(source)
    spec = importlib.util.spec_from_file_location("bench_source", source)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _waiter(device: str) -> Callable[[], None]:
    if device == "cpu":
        return lambda: None
    synchronize: Callable[[], None] = importlib.import_module("torch.cuda").synchronize
    return synchronize


def _reason(error: BaseException) -> str:
    """One line: the message alone where it was written for users, else with type and place."""
    lines = str(error).strip().splitlines() or [""]
    if any(kind.__name__ == "FasttricksError" for kind in type(error).__mro__):
        return " ".join(lines)
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {lines[-1]}{place}"


def serve(order: dict[str, Any], emit: Callable[..., None]) -> None:
    """Open the source, deliver the first batch, warm up, then carry out commands from stdin."""
    settings: Settings = order["settings"]
    facts: Facts = {"does": "", "ahead": 2 * settings["threads"] + 4}
    stream = _load(order["source"]).batches(settings, facts)
    settle = _waiter(settings["device"])
    try:
        images = next(stream)
        settle()
        emit("first", seconds=time.monotonic() - order["spawned"])
        shape = [int(n) for n in images.shape]
        dtype = getattr(images.dtype, "name", str(images.dtype))
        # One that a step works on; where batches are transferred, its successor on the way, too.
        held = deque([images], maxlen=1 if settings["device"] == "cpu" else 2)
        del images
        start = time.monotonic()
        while time.monotonic() - start < order["warmup"]:
            held.append(next(stream))
        gc.collect()
        emit("ready", shape=shape, dtype=dtype, facts=_plain(facts))
        for line in sys.stdin:
            command = json.loads(line)
            if command["do"] == "round":
                limits = {key: value for key, value in command.items() if key != "do"}
                result = timed_round(
                    stream,
                    held,
                    **limits,
                    clock=time.monotonic,
                    begin=lambda: emit("begin"),
                    settle=settle,
                )
                emit("round", **result, facts=_plain(facts))
            elif command["do"] == "stages":
                stages = facts.get("stages")
                emit("stages", stages=stages(command["count"]) if stages else {})
    finally:
        stream.close()


def _plain(facts: Facts) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if not callable(value)}


def main() -> None:
    """Set up the pipes and run; an error becomes an event and a traceback on stderr."""
    # Libraries print on stdout as they please: keep it for the events alone.
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def emit(event: str, **fields: Any) -> None:
        events.write(json.dumps({"event": event, **fields}) + "\n")

    order = json.loads(sys.stdin.readline())
    # Python put this script's own folder first; its neighbours must not hide anybody's modules.
    sys.path[:] = order["path"] or sys.path[1:]
    try:
        serve(order, emit)
    except BaseException as error:
        traceback.print_exc()
        emit("error", reason=_reason(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
