"""`fasttricks report`: read results, write the page and the plots."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fasttricks.errors import DataError, MissingExtraError
from fasttricks.files import check_writable, replacing
from fasttricks.report import (
    ablation,
    figure,
    kernels,
    machines,
    memory,
    models,
    pipelines,
    plain,
    train,
)
from fasttricks.report.chart import Section
from fasttricks.report.config import ReportConfig
from fasttricks.report.page import page
from fasttricks.report.results import Run, read_runs

SECTIONS = {
    "pipelines": pipelines.section,
    "memory": memory.section,
    "train": train.section,
    "kernels": kernels.section,
    "models": models.section,
    "ablation": ablation.section,
}
ORDER = (*SECTIONS, "")
"""Sections of the page by mode; last what has no charts of its own."""
TITLE = "fasttricks: measured"


def run(config: ReportConfig) -> int:
    """Make the page, and the plots where asked for; stdout names what was written.

    Returns:
        0.

    Raises:
        DataError: a file is no result that this version knows, or something cannot be written.
        MissingExtraError: plots are asked for and matplotlib is not installed.
        ValueError: no file is named, or the page would overwrite one of them.
    """
    if not config.results:
        raise ValueError("report: name at least one file that `fasttricks bench --json` wrote")
    if any(_same(config.out, path) for path in config.results):
        raise ValueError(f"--out {config.out} is one of the results: name another file")
    check_writable(config.out)
    if config.png:
        figure.require()
        _make_folder(config.png)
    runs = sorted(read_runs(config.results), key=_place)
    sections = [section_of(number, run, runs) for number, run in enumerate(runs, 1)]
    with replacing(config.out) as part:
        every = [*sections, *machines.sections(runs)]
        text = page(TITLE, _lead(runs), every, drawn=figure.installed())
        part.write_text(text, encoding="utf-8")
    print(f"wrote {config.out}")
    if not figure.installed():
        print(f"tables without charts: {MissingExtraError('matplotlib', 'plot')}", file=sys.stderr)
    if config.png:
        _write_pngs(sections, config.png)
    return 0


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"--png {folder}: cannot make the folder: {error.strerror}") from error
    check_writable(folder / "plot.png")


def _write_pngs(sections: Sequence[Section], folder: Path) -> None:
    """One file for each chart, named by its run's number and what it shows."""
    for place, section in enumerate(sections, 1):
        for chart in section.charts:
            path = folder / f"{place:02}-{chart.name}.png"
            figure.write([chart], section.title, path)
            print(f"wrote {path}")


def section_of(number: int, run: Run, runs: Sequence[Run]) -> Section:
    """A run's section, with its number, where it came from and how it was started."""
    made = (
        SECTIONS[run.mode](run.rows) if run.mode in SECTIONS else plain.section(run.mode, run.rows)
    )
    return replace(
        made,
        title=f"Run {number}: {made.title}",
        source=run.path.name,
        about=[*made.about, _origin(run, runs)],
        command=str(run.about.get("command", "")),
    )


def _place(run: Run) -> int:
    return ORDER.index(run.mode if run.mode in SECTIONS else "")


def _lead(runs: Sequence[Run]) -> str:
    dates = sorted({_date(run) for run in runs} - {""})
    when = f", measured {' to '.join(dict.fromkeys((dates[0], dates[-1])))}" if dates else ""
    count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    names = dict.fromkeys(str(found.get("cpu", "")) for found in machines.distinct(runs))
    where = f" on {', '.join(names)}" if any(names) else ""
    return f"{count}{where}{when}"


def _origin(run: Run, runs: Sequence[Run]) -> str:
    """Machine, date and commit."""
    known, machine = machines.distinct(runs), machines.machine_of(run)
    parts = (
        [_machine(machine, known.index(machine) + 1 if len(known) > 1 else 0)] if machine else []
    )
    if date := _date(run):
        parts.append(date)
    if commit := run.about.get("commit"):
        dirty = ", with changes" if str(commit).endswith("+dirty") else ""
        parts.append(f"commit {str(commit)[:12]}{dirty}")
    return "; ".join(parts)


def _machine(machine: dict[str, object], number: int) -> str:
    cores = f"{machine.get('usable_cores', '?')} of {machine.get('cores', '?')} cores"
    gpus = machine.get("gpus")
    cards = ", ".join(map(str, gpus)) if isinstance(gpus, list) else ""
    name = f"machine {number}: " if number else ""
    return f"{name}{machine.get('cpu', 'unknown processor')}, {cores}, {cards or 'no GPU'}"


def _date(run: Run) -> str:
    return str(run.about.get("date", ""))[:10]


def _same(a: Path, b: Path) -> bool:
    return a.exists() and b.exists() and a.samefile(b)
