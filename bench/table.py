"""Results for the eye: a rich table on a terminal, aligned plain text elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from fasttricks.bench import machine
from fasttricks.bench.report import ResultRow, paired

Lines = list[list[str]]

HEADER = (
    *("row", "thr", "images\n/s", "p20-p80", "per\ncore", "ratio", "p50\nms", "p99\nms"),
    *("CPU s\n/1000", "RSS\nMB", "first\ns"),
)
"""Column heads; a line break is a space in plain text. Eighty columns hold the usual numbers."""
REENCODED = " *"


def cells(row: ResultRow) -> list[str]:
    """One row under HEADER."""
    return [
        row["row"] + (REENCODED if row["reencoded"] else ""),
        str(row["threads"]),
        f"{row['images_per_s']:.0f}",
        f"{row['p20']:.0f}-{row['p80']:.0f}",
        f"{row['images_per_s_per_core']:.0f}",
        f"{row['ratio']:.2f}",
        _short(row["latency_p50_ms"]),
        _short(row["latency_p99_ms"]),
        f"{row['cpu_s_per_1000']:.2f}",
        f"{row['peak_rss_mb']:.0f}",
        f"{row['first_batch_s']:.1f}",
    ]


def _short(value: float) -> str:
    """Three figures, or all before the point."""
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def show(rows: Sequence[ResultRow], console: Console) -> None:
    """Machine, table, stages where known, and what the numbers mean."""
    first = rows[0]
    _text(console, machine.describe(first["machine"], first["versions"]))
    _text(console, _settings(first))
    _table(console, HEADER, [cells(row) for row in rows])
    if any(row["stages"] for row in rows):
        stages = list(dict.fromkeys(stage for row in rows for stage in row["stages"]))
        lines = [_stage_cells(row, stages) for row in rows if row["stages"]]
        _table(console, ("ms of one core per picture", "thr", *stages), lines)
    for line in notes(rows):
        _text(console, line)


def show_comparison(rows: Sequence[ResultRow], old: Sequence[ResultRow], console: Console) -> None:
    """Each row that both have: then, now, and now over then."""
    lines = [
        [
            now["row"],
            str(now["threads"]),
            f"{then['images_per_s']:.0f}",
            f"{now['images_per_s']:.0f}",
            f"{now['images_per_s'] / then['images_per_s']:.2f}",
        ]
        for now, then in paired(rows, old)
    ]
    when = f"{old[0].get('date', 'at an unknown date')}, commit {str(old[0].get('commit'))[:12]}"
    if not lines:
        _text(console, f"none of these rows was measured then ({when})")
        return
    _text(console, f"compared with {when}; ratio: now over then, of medians")
    _table(console, ("row", "thr", "then", "now", "ratio"), lines)
    if old[0].get("machine") != rows[0]["machine"]:
        _text(console, "the machines differ: the ratios say nothing about the code")


def notes(rows: Sequence[ResultRow]) -> list[str]:
    """What stands under the table."""
    first = rows[0]
    lines = [
        f"ratio: to {first['row']} x{first['threads']}, median over rounds of the two rates in the "
        "same round; per core: images/s over threads",
        "p50, p99: time from batch to batch; RSS: sum of each process's peak, shared pages counted "
        "in each; first: from start of process to first batch",
    ]
    for name in dict.fromkeys(row["row"] for row in rows):
        row = next(row for row in rows if row["row"] == name)
        marks = [f"reads a pack, {row['pack']}"] if row["pack"] else []
        if row["dtype"] != first["dtype"]:
            marks.append(row["dtype"])
        if row["compile_s"]:
            marks.append(f"{row['compile_s']:.1f} s of its start are compiling")
        mark = REENCODED if row["reencoded"] else ""
        lines.append(f"{name}{mark}: " + "; ".join([row["does"], *marks]))
    lines += dict.fromkeys(note for row in rows for note in row["notes"])
    return lines


def _settings(row: ResultRow) -> str:
    mode = "evaluation" if row["eval"] else "training"
    return (
        f"{row['files']:,} files ({row['data']}), {mode}, work {row['work']}, batch "
        f"{row['batch_size']}, {row['size']} px, {row['device']}, {row['rounds']} rounds of "
        f"{row['seconds']:g} s" + (", cold page cache" if row["cold"] else "")
    )


def _stage_cells(row: ResultRow, stages: Sequence[str]) -> list[str]:
    times = [f"{row['stages'][s]:.3f}" if s in row["stages"] else "-" for s in stages]
    return [row["row"], str(row["threads"]), *times]


def _text(console: Console, line: str) -> None:
    if console.is_terminal:
        console.print(line, markup=False, highlight=False, style="dim")
    else:
        console.file.write(line + "\n")


def _table(console: Console, header: Sequence[str], lines: Lines) -> None:
    if not console.is_terminal:
        console.file.write(plain(header, lines) + "\n")
        return
    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for number, name in enumerate(header):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for line in lines:
        table.add_row(*line)
    # A number cut off is worse than a line that the terminal breaks.
    table.width = console.measure(table, options=console.options.update_width(1000)).maximum
    console.print(table, crop=False)


def plain(header: Sequence[str], lines: Lines) -> str:
    """Columns aligned by spaces, the first to the left, the others to the right."""
    everything = [[name.replace("\n", " ") for name in header], *lines]
    widths = [max(len(line[column]) for line in everything) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in everything
    )
