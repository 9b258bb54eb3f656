"""`fasttricks bench --model` as a whole: build, measure, show and save."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import torch

from fasttricks.bench import machine, report
from fasttricks.bench.config import BenchConfig, beginning
from fasttricks.bench.kernels.clock import make_clock
from fasttricks.bench.models.measure import NetworkEntry, measure, results
from fasttricks.bench.models.peers import Library, libraries
from fasttricks.bench.models.show import show
from fasttricks.bench.models.slowdown import with_slowdowns
from fasttricks.bench.models.step import Setting, make_step, prepared
from fasttricks.bench.progress import Teller
from fasttricks.bench.stats import FEWEST_ROUNDS
from fasttricks.bench.turns import warm_up
from fasttricks.errors import FasttricksError
from fasttricks.models.count import count
from fasttricks.models.traffic import traffic

ROWS = tuple(map(" ".join, itertools.product(("training", "inference"), ("eager", "compiled"))))
"""What is measured of each library's network, unless --only chooses."""
MANY = 1 << 10
"""Networks that may run the same code compiled."""


def run_models(config: BenchConfig) -> int:
    """Measure as `config` says; table on stdout, progress and what fails on stderr.

    Returns:
        0, or 2 if a row failed (the others are measured and shown all the same).

    Raises:
        UnknownNameError: no such model, or --only begins no row.
        ValueError: the model cannot take pictures of this size.
        FasttricksError: no row of the model works; or what was measured cannot be written (it has
            been shown).
    """
    chosen = beginning("row", ROWS, config.only_names) or list(ROWS)
    clock = make_clock(config.device)
    setting = Setting(
        device=clock.device,
        dtype=getattr(torch, config.dtype),
        batch_size=config.batch_size,
        size=config.size,
    )
    with torch_set_up(config.thread_counts), Teller() as teller:
        networks = libraries(config.model, config.against_names)
        facts = {network.key: _facts(network, setting) for network in networks}
        entries = _entries(networks, chosen, setting)
        rounds = max(FEWEST_ROUNDS, config.rounds)
        teller.expect(len(entries) * (rounds + 1))
        working = [entry for entry in entries if _works(entry, config, teller)]
        ours = networks[0].key
        if not any(entry.network == ours for entry in working):
            raise FasttricksError(f"nothing to measure: no row of {config.model} works")
        copies, nbytes = measure(
            working, clock, rounds=rounds, seconds=config.seconds, tell=teller.tell
        )
        about = _about(config) | {"threads": torch.get_num_threads()}
    rows = with_slowdowns(
        [
            row | facts[row["library"], row["library_model"]] | about
            for row in results(working, ours, copies, nbytes, config.batch_size)
        ]
    )
    report.finish(rows, config.json, show)
    return 0 if working == entries else 2


def _works(entry: NetworkEntry, config: BenchConfig, teller: Teller) -> bool:
    """Warm an entry up. What a compiler cannot do, or memory does not hold, costs its row only."""
    teller.doing(f"{entry.label}: first steps")
    try:
        warm_up(entry, seconds=config.seconds, warmup=config.warmup)
    except Exception as error:
        told = str(error).strip().splitlines() or [""]
        teller.note(f"{entry.label} failed: {type(error).__name__}: {told[0]}")
        return False
    teller.step()
    return True


@contextlib.contextmanager
def torch_set_up(threads: list[int]) -> Iterator[None]:
    """Within, torch computes with the given number of CPU threads, or with what it took itself, and
    cuDNN looks for its fastest algorithms, as trainers have it. Compiled code is dropped after.

    All our ResNets run the same code, which torch compiles for eight of them and no more.
    """
    before = torch.get_num_threads(), torch.backends.cudnn.benchmark
    torch.set_num_threads(threads[0] if threads else before[0])
    torch.backends.cudnn.benchmark = True
    try:
        with torch._dynamo.config.patch(recompile_limit=MANY):
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.backends.cudnn.benchmark = before[1]
        torch.compiler.reset()


def _entries(
    networks: Sequence[Library], chosen: list[str], setting: Setting
) -> list[NetworkEntry]:
    """What takes turns, row by row."""
    entries = {}
    for network in networks:
        for mode, rows in itertools.groupby(chosen, key=lambda row: row.split()[0]):
            training = mode == "training"
            model = prepared(network.build(), setting, training=training)
            for row in rows:
                compiled = row.endswith("compiled")
                moved = traffic(
                    model,
                    setting.size,
                    setting.dtype,
                    training=training,
                    compiled=compiled,
                    batch=setting.batch_size,
                )
                entries[row, network.key] = NetworkEntry(
                    label=f"{row}, {network.name} {network.model}",
                    once=make_step(model, setting, training=training, compiled=compiled),
                    settle=setting.settle,
                    row=row,
                    network=network.key,
                    nbytes=moved.nbytes,
                )
    return [entries[row, network.key] for row in chosen for network in networks]


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
        "differs": library.differs,
        "made_for": getattr(model, "input_size", None),
        **{key: counts[key] for key in ("parameters", "macs", "activations")},
    }


def _about(config: BenchConfig) -> dict[str, object]:
    return {
        "model": config.model,
        "warmup": config.warmup,
        "device": config.device,
        "dtype": config.dtype,
        "batch_size": config.batch_size,
        "size": config.size,
        "seconds": config.seconds,
        **machine.provenance(),
    }
