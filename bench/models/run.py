"""`fasttricks bench --model` as a whole: build, measure, show and save."""

from __future__ import annotations

import contextlib
import datetime
import itertools
from collections.abc import Iterator
from dataclasses import asdict

import torch
from rich.console import Console

from fasttricks.bench import machine, report
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.kernels.clock import make_clock
from fasttricks.bench.models.measure import FEWEST_ROUNDS, Entry, measure, results
from fasttricks.bench.models.peers import Library, libraries
from fasttricks.bench.models.show import show
from fasttricks.bench.models.step import Setting, make_step, prepared
from fasttricks.bench.progress import Teller
from fasttricks.errors import UnknownNameError
from fasttricks.models.count import count
from fasttricks.models.traffic import traffic

ROWS = tuple(map(" ".join, itertools.product(("training", "inference"), ("eager", "compiled"))))
"""What is measured of each library's network, unless --only chooses."""


def run_models(config: BenchConfig) -> int:
    """Measure as `config` says; table on stdout, progress on stderr.

    Returns:
        0.

    Raises:
        UnknownNameError: no such model, or --only begins no row.
        ValueError: the model cannot take pictures of this size.
        FasttricksError: what was measured cannot be written.
    """
    chosen = chosen_rows(config.only_names)
    clock = make_clock(config.device)
    setting = Setting(
        device=clock.device,
        dtype=getattr(torch, config.dtype),
        batch_size=config.batch_size,
        size=config.size,
    )
    with torch_set_up(config.thread_counts), Teller() as teller:
        entries, about = _entries(config.model, chosen, setting)
        rounds = max(FEWEST_ROUNDS, config.rounds)
        teller.expect(len(entries) * (rounds + 1))

        def tell(text: str) -> None:
            teller.doing(text)
            teller.step()

        copies, nbytes = measure(entries, clock, rounds=rounds, seconds=config.seconds, tell=tell)
        threads = torch.get_num_threads()
    rows = [
        row | about[row["library"]] | _about(config) | {"threads": threads}
        for row in results(entries, copies, nbytes, config.batch_size)
    ]
    show(rows, Console())
    if config.json:
        report.write(config.json, rows)
    return 0


def chosen_rows(words: list[str]) -> list[str]:
    """Those of ROWS that begin with one of the words; all where there are none.

    Raises:
        UnknownNameError: no row begins so.
    """
    for word in words:
        if not any(row.startswith(word) for row in ROWS):
            raise UnknownNameError("row", word, list(ROWS))
    return [row for row in ROWS if not words or row.startswith(tuple(words))]


@contextlib.contextmanager
def torch_set_up(threads: list[int]) -> Iterator[None]:
    """Within, torch computes with the given number of CPU threads, or with what it took itself, and
    cuDNN looks for its fastest algorithms, as trainers have it. Compiled code is dropped after."""
    before = torch.get_num_threads(), torch.backends.cudnn.benchmark
    torch.set_num_threads(threads[0] if threads else before[0])
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.backends.cudnn.benchmark = before[1]
        torch.compiler.reset()


def _entries(
    name: str, chosen: list[str], setting: Setting
) -> tuple[list[Entry], dict[str, dict[str, object]]]:
    """What takes turns, row by row, and what is to be said of each library's network."""
    entries, about = {}, {}
    for library in libraries(name):
        about[library.name] = _facts(library, setting)
        for mode, rows in itertools.groupby(chosen, key=lambda row: row.split()[0]):
            training = mode == "training"
            model = prepared(library.build(), setting, training=training)
            for row in rows:
                compiled = row.endswith("compiled")
                entries[row, library.name] = Entry(
                    row=row,
                    library=library.name,
                    step=make_step(model, setting, training=training, compiled=compiled),
                    nbytes=traffic(
                        model,
                        setting.size,
                        setting.dtype,
                        training=training,
                        compiled=compiled,
                        batch=setting.batch_size,
                    ).nbytes,
                )
    return [entries[row, library] for row in chosen for library in about], about


def _facts(library: Library, setting: Setting) -> dict[str, object]:
    with torch.device("meta"):
        model = library.build()
    try:
        counts = asdict(count(model, setting.size))
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"--size {setting.size}: {library.model} cannot take it: {error}"
        ) from error
    return {
        "library_model": library.model,
        "differs": library.differs,
        "made_for": getattr(model, "input_size", None),
        **{key: counts[key] for key in ("parameters", "macs", "activations")},
    }


def _about(config: BenchConfig) -> dict[str, object]:
    return {
        "model": config.model,
        "device": config.device,
        "dtype": config.dtype,
        "batch_size": config.batch_size,
        "size": config.size,
        "seconds": config.seconds,
        "machine": machine.machine(),
        "versions": machine.versions(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": machine.commit(),
        "command": machine.command_line(),
    }
