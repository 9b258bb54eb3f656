"""`fasttricks bench --kernels` as a whole: check, measure, show and save."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from rich.console import Console

from fasttricks.bench import machine, report
from fasttricks.bench.config import BenchConfig, beginning
from fasttricks.bench.kernels.case import Case, Scale, check, reason
from fasttricks.bench.kernels.cases import all_cases
from fasttricks.bench.kernels.chains import OPTIONAL
from fasttricks.bench.kernels.clock import Clock, make_clock, one_torch_thread
from fasttricks.bench.kernels.measure import FEWEST_TURNS, Times, WayFailed, measure, results
from fasttricks.bench.progress import Teller
from fasttricks.bench.report import ResultRow
from fasttricks.bench.table import grouped, share_cell, short, write_results
from fasttricks.errors import FasttricksError
from fasttricks.installed import is_installed

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
        teller.expect(len(cases) * (config.rounds + 1))
        log = FailureLog(teller)
        checked = [_checked(case, log) for case in cases]
        timed = _timed([case for case in checked if case.ways], clock, config, log)
    about = {
        "device": config.device,
        "batch_size": config.batch_size,
        "size": config.size,
        "seconds": config.seconds,
        "rounds": config.rounds,
        **machine.provenance(),
        "failed": log.lines,
    }
    rows = [row | about for case, times in timed for row in results(case, times)]
    if rows:
        report.finish(rows, config.json, show)
    return 2 if log.ours else 0


class FailureLog:
    """What could not be timed: lines, and whether anything of ours is among it."""

    def __init__(self, teller: Teller) -> None:
        self.teller = teller
        self.lines: list[str] = []
        self.ours = False

    def add(self, line: str, *, ours: bool) -> None:
        """Note a failure, and tell it."""
        self.lines.append(line)
        self.ours |= ours
        self.teller.note(line)


def chosen(cases: Sequence[Case], words: Sequence[str]) -> list[Case]:
    """Those whose names begin with one of the words; the usual ones where there are none.

    Raises:
        UnknownNameError: no name begins so.
    """
    if not words:
        return [case for case in cases if case.usual]
    names = beginning("kernel", [case.name for case in cases], words)
    return [case for case in cases if case.name in names]


def _checked(case: Case, log: FailureLog) -> Case:
    """The case with those of its ways that work; none where its first fails, which is ours and what
    the others are compared with."""
    log.teller.tell(f"{case.name}: checking")
    working = []
    for number, way in enumerate(case.ways):
        try:
            check(replace(case, ways=(way,)))
            working.append(way)
        except FasttricksError as error:
            others = ", ".join(other.name for other in case.ways[1:])
            without = f"; not timed without it: {others}" if others and not number else ""
            log.add(f"{case.name}: {error}{without}", ours=way.ours)
            if not number:
                return replace(case, ways=())
    return replace(case, ways=tuple(working))


def _timed(
    cases: Sequence[Case], clock: Clock, config: BenchConfig, log: FailureLog
) -> list[tuple[Case, Times]]:
    """Go through all cases in rounds, which share the time of each. What fails, as when memory runs
    out, is over and left out: a way of others, or the case with its first way."""
    seconds, fewest = config.seconds / config.rounds, -(-FEWEST_TURNS // config.rounds)
    timed = {case.name: (case, Times.of(case)) for case in cases}
    for number in range(1, config.rounds + 1):
        for name, (case, times) in list(timed.items()):
            log.teller.tell(f"{name}: round {number} of {config.rounds}")
            try:
                timed[name] = _measured(case, clock, seconds, times, fewest, log), times
            except Exception as error:
                log.add(_cut_short(case, error), ours=True)
                del timed[name]
            if clock.device.type == "cuda":
                torch.cuda.empty_cache()
    return list(timed.values())


def _measured(
    case: Case, clock: Clock, seconds: float, times: Times, fewest: int, log: FailureLog
) -> Case:
    """`measure`, again without each way that fails; gives the case with those that did not."""
    while True:
        try:
            measure(case, clock, seconds, times, fewest)
            return case
        except WayFailed as failed:
            if failed.way not in case.ways[1:]:  # ours, or the copy: nothing to compare with
                raise
            log.add(_cut_short(case, failed), ours=failed.way.ours)
            number = case.ways.index(failed.way)
            times.forget(number)
            case = replace(case, ways=case.ways[:number] + case.ways[number + 1 :])


def _cut_short(case: Case, error: Exception) -> str:
    way, cause = "", error
    if isinstance(error, WayFailed):
        way, cause = f"{error.way.name}: ", error.cause
    return f"{case.name}: {way}not timed to the end: {reason(cause)}"


def cells(row: ResultRow) -> list[str]:
    """One row under HEADER; the kernel's name stands above its ways."""
    us = row["us"]
    return [
        "  " + row["way"] + (OTHER_WORK if row["differs"] else ""),
        f"{us['median']:,.1f}",
        f"{us['p20']:,.1f}-{us['p80']:,.1f}",
        short(row["gb_per_s"]),
        share_cell(row["copy_share"]),
        f"{row['ratio']:.2f}",
    ]


def show(rows: Sequence[ResultRow], console: Console) -> None:
    """Machine, table, and what the numbers mean."""
    first = rows[0]
    where = "one thread" if first["device"] == "cpu" else "cold L2"
    settings = f"{where}, {first['seconds']:g} s a kernel in {first['rounds']} rounds, in turn"
    write_results(console, first, settings, HEADER, grouped(rows, cells), notes(rows))


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
