"""The results of `python -m fasttricks.bench.scripts` for the eye, with what they mean in words."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from fasttricks.bench.report import ResultRow
from fasttricks.bench.table import ratio_cells, short, short_range, write_results


def show(rows: Sequence[ResultRow], console: Console) -> None:
    """Machine, what was equal, the table, and who was faster."""
    scripts = list(rows[0]["scripts"])
    header = ["what", "images\n/s", "p20-p80"]
    header += [cell for name in scripts for cell in (f"of\n{name}", "p20-p80")]
    header += ["CPU s\n/1000", "whole\ns"]
    lines = [cells(row, scripts) for row in rows]
    write_results(console, rows[0], equal(rows[0]), header, lines, notes(rows))


def equal(row: ResultRow) -> str:
    """What was the same for all, in one line."""
    return (
        f"equal for all: {row['model']} of {row['classes']} classes, {row['size']} px, batch "
        f"{row['batch_size']}, {row['precision']}{', compiled' if row['compile'] else ''}, "
        f"{row['device']}, {row['optim']}, random crops and flips only, no smoothing, loader "
        f"threads {row['threads']}, torch threads {row['torch_threads']} (OpenMP waits "
        f"{row['omp_wait_policy']}); {row['steps']} steps, of which {row['timed']} are timed; "
        f"{row['data']}; {row['rounds']} rounds, in turn"
    )


def cells(row: ResultRow, scripts: Sequence[str]) -> list[str]:
    """One row of the table."""
    line = [row["row"], short(row["images_per_s"]), short_range(row)]
    for name in scripts:
        found = row["to"].get(name)
        line += ratio_cells(found["speed"] if found else None)
    return [*line, short(row["cpu_s_per_1000"]), short(row["whole_s"])]


def notes(rows: Sequence[ResultRow]) -> list[str]:
    """What stands under the table."""
    lines = ["of ...: our images/s over the script's in the same round, median; whole: median "
             "seconds from the process's start to its end, with imports, a tiny evaluation and "
             "checkpoints"]  # fmt: skip
    for row in rows:
        lines += [f"{row['row']}: {_verdict(name, its)}" for name, its in row["to"].items()]
    lines += [f"{name}: {_identity(its)}" for name, its in rows[0]["scripts"].items()]
    lines += [f"{row['row']} also: {'; '.join(row['differs'])}" for row in rows]
    return lines


def _verdict(script: str, found: dict[str, dict[str, float]]) -> str:
    """Who is faster: nobody, where the rounds differ by more than the trainers."""
    speed = found["speed"]
    if speed["p20"] > 1:
        word = "faster than"
    elif speed["p80"] >= 1:
        word = "as fast as"
    else:
        word = "slower than"
    cpu = f"; CPU time {1 / found['cpu']['ratio']:.3f} of its" if "cpu" in found else ""
    return (
        f"{word} {script}: {speed['ratio']:.3f} of its images/s (p20 {speed['p20']:.3f}, p80 "
        f"{speed['p80']:.3f}){cpu}; whole run {1 / found['whole']['ratio']:.3f} of its seconds"
    )


def _identity(script: dict[str, str]) -> str:
    version = f", version {script['version']}" if script["version"] else ""
    commit = f", commit {script['commit'][:12]}" if script["commit"] else ""
    return f"{script['file']}{version}{commit}, sha256 {script['sha256'][:12]}"
