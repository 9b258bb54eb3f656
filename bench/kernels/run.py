"""`fasttricks bench --kernels` as a whole: check, measure, show and save."""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Iterator, Sequence

import torch
from rich.console import Console

from fasttricks.bench import machine, report
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.kernels.case import Case, Scale, check
from fasttricks.bench.kernels.cases import all_cases
from fasttricks.bench.kernels.chains import OPTIONAL
from fasttricks.bench.kernels.clock import Clock, make_clock, one_torch_thread
from fasttricks.bench.kernels.measure import FEWEST_TURNS, measure, results
from fasttricks.bench.kernels.trial import Trial
from fasttricks.bench.progress import Teller
from fasttricks.bench.report import ResultRow
from fasttricks.bench.table import Lines, write_table, write_text
from fasttricks.errors import UnknownNameError
from fasttricks.installed import is_installed
from fasttricks.versions import versions

HEADER = ("kernel", "us", "p20-p80", "GB/s", "of\ncopy", "time\nto ours")
OTHER_WORK = " ~"
"""Behind the name of each way that does other work than the kernel; a note says which."""


def run_kernels(config: BenchConfig) -> int:
    """Measure as `config` says; table on stdout, progress on stderr.

    Returns:
        0, or 2 if a kernel of ours failed or is wrong. What fails of others is said and left out.

    Raises:
        FasttricksError: no kernel has the name asked for, or what was measured cannot be written.
    """
    clock = make_clock(config.device)
    scale = Scale(device=clock.device, batch_size=config.batch_size, size=config.size)
    cases = chosen(list(all_cases(scale)), config.only_names)
    with one_torch_thread(), Teller() as teller:
        if missing := [package for package in OPTIONAL if not is_installed(package)]:
            teller.note(f"left out, as not installed: {', '.join(missing)}")
        trials = _measure(cases, clock, config, teller)
    about = {
        "device": config.device,
        "batch_size": config.batch_size,
        "size": config.size,
        "seconds": config.seconds,
        "rounds": config.rounds,
        "machine": machine.machine(),
        "versions": versions(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": machine.commit(),
        "command": machine.command_line(),
        "failed": [line for trial in trials for line in trial.failures],
    }
    found = (row for trial in trials for row in results(trial.case, trial.times))
    rows = [row | about for row in found]
    if rows:
        show(rows, Console())
    if rows and config.json:
        report.write(config.json, rows)
    return 2 if any(trial.own_failed for trial in trials) else 0


def chosen(cases: Sequence[Case], words: Sequence[str]) -> list[Case]:
    """Those whose names begin with one of the words; the usual ones where there are none.

    Raises:
        UnknownNameError: no name begins so.
    """
    for word in words:
        if not any(case.name.startswith(word) for case in cases):
            raise UnknownNameError("kernel", word, [case.name for case in cases])
    if not words:
        return [case for case in cases if case.usual]
    return [case for case in cases if case.name.startswith(tuple(words))]


def _measure(
    cases: Sequence[Case], clock: Clock, config: BenchConfig, teller: Teller
) -> list[Trial]:
    """All cases are checked first, then gone through in rounds, which share the time of each."""
    seconds, fewest = config.seconds / config.rounds, -(-FEWEST_TURNS // config.rounds)
    teller.expect(len(cases) * (config.rounds + 1))
    trials = [Trial(case, teller.note) for case in cases]
    for trial in trials:
        teller.doing(f"{trial.case.name}: checking")
        trial.attempt(lambda case, _: check(case))
        teller.step()
    for number in range(1, config.rounds + 1):
        for trial in trials:
            teller.doing(f"{trial.case.name}: round {number} of {config.rounds}")
            trial.attempt(lambda case, times: measure(case, clock, seconds, times, fewest))
            teller.step()
            if clock.device.type == "cuda":
                torch.cuda.empty_cache()
    return trials


def cells(row: ResultRow) -> list[str]:
    """One row under HEADER; the kernel's name stands above its ways."""
    us = row["us"]
    return [
        "  " + row["way"] + (OTHER_WORK if row["differs"] else ""),
        f"{us['median']:,.1f}",
        f"{us['p20']:,.1f}-{us['p80']:,.1f}",
        f"{row['gb_per_s']:,.3g}" if row["gb_per_s"] < 100 else f"{row['gb_per_s']:,.0f}",
        f"{100 * row['copy_share']:.2g}%" if row["copy_share"] < 1 else f"{row['copy_share']:.0%}",
        f"{row['ratio']:.2f}",
    ]


def show(rows: Sequence[ResultRow], console: Console) -> None:
    """Machine, table, and what the numbers mean."""
    first = rows[0]
    write_text(console, machine.describe(first["machine"], first["versions"]))
    where = "one thread" if first["device"] == "cpu" else "cold L2"
    write_text(
        console, f"{where}, {first['seconds']:g} s a kernel in {first['rounds']} rounds, in turn"
    )
    lines: Lines = []
    for kernel, ways in itertools.groupby(rows, key=lambda row: row["row"]):
        lines.append([kernel, *[""] * (len(HEADER) - 1)])
        lines += map(cells, ways)
    write_table(console, HEADER, lines)
    for line in notes(rows):
        write_text(console, line)


def notes(rows: Sequence[ResultRow]) -> list[str]:
    """What stands under the table."""
    copies = [row["copy_gb_per_s"] for row in rows]
    lines = [
        "us: microseconds of a call, no inputs or outputs in a cache; GB/s: what the kernel must "
        "read and write over that",
        "of copy: of the rate of a plain copy in the same turn, which read and wrote "
        f"{min(copies):,.1f} to {max(copies):,.1f} GB/s; time to ours: median over turns",
    ]
    return [*lines, *_other_work(rows), *(f"failed: {line}" for line in rows[0]["failed"])]


def _other_work(rows: Sequence[ResultRow]) -> Iterator[str]:
    """In what ways differ, and where one differs in several, for which kernels."""
    ways: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        if row["differs"]:
            kernel = re.sub(r" \d+ x .*", "", row["row"])
            ways.setdefault(row["way"], {}).setdefault(row["differs"], []).append(kernel)
    for way, found in ways.items():
        for how, kernels in found.items():
            which = f" ({', '.join(dict.fromkeys(kernels))})" if len(found) > 1 else ""
            yield f"{way}{OTHER_WORK}{which}: other work: {how}"
