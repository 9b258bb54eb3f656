"""Results for the eye: a rich table on a terminal, aligned plain text elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from fasttricks.bench import machine
from fasttricks.bench.report import ResultRow, paired
from fasttricks.bench.scaling import curves
from fasttricks.bench.stats import FEWEST_ROUNDS

Lines = list[list[str]]

HEADER = (
    *("row", "thr", "images\n/s", "p20-p80", "per\ncore", "ratio", "p50\nms", "p99\nms"),
    *("CPU s\n/1000", "RSS\nMB", "first\ns"),
)
"""Column heads; a line break is a space in plain text. Eighty columns hold the usual numbers."""
OTHER_PIXELS = " *"
"""Behind the name of each row whose pixels are less than the files' own; a note says in what."""
UNCUT = " !"
"""Behind the name of each row that could not cut all that it was to cut; a note says how many."""
OWN_HEADER = ("against its own pipeline", "thr", "ratio", "p20-p80")
SHARED_MB = 1.0
"""Shared memory from which on a note speaks of it."""


def cells(row: ResultRow) -> list[str]:
    """One row under HEADER."""
    return [
        name_of(row),
        str(row["threads"]),
        f"{row['images_per_s']:.0f}",
        f"{row['p20']:.0f}-{row['p80']:.0f}",
        f"{row['images_per_s_per_core']:.0f}",
        f"{row['ratio']:.2f}",
        short(row["latency_p50_ms"]) if row["batches"] else "-",
        short(row["latency_p99_ms"]) if row["batches"] else "-",
        f"{row['cpu_s_per_1000']:.2f}",
        f"{row['peak_rss_mb']:.0f}",
        f"{row['first_batch_s']:.1f}",
    ]


def name_of(row: ResultRow) -> str:
    """The row as tables call it, with its mark."""
    name: str = row["row"]
    return name + (OTHER_PIXELS if row["pixels"] else "") + (UNCUT if row["uncut"] else "")


def short(value: float) -> str:
    """Three figures, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def short_range(row: ResultRow) -> str:
    """From p20 to p80 of a row."""
    return f"{short(row['p20'])}-{short(row['p80'])}"


def ratio_cells(ratio: dict[str, float] | None) -> tuple[str, str]:
    """A ratio and its spread; dashes where there is none."""
    if ratio is None:
        return "-", "-"
    return f"{ratio['ratio']:.3f}", f"{ratio['p20']:.3f}-{ratio['p80']:.3f}"


def share_cell(share: float) -> str:
    """A share of something as percents: two figures, or all before the point."""
    return f"{100 * share:.2g}%" if share < 1 else f"{share:.0%}"


def write_results(
    console: Console,
    first: ResultRow,
    settings: str,
    header: Sequence[str],
    lines: Lines,
    notes: Sequence[str],
) -> None:
    """Machine, settings, a table, and what its numbers mean."""
    write_text(console, machine.describe(first["machine"], first["versions"]))
    write_text(console, settings)
    write_table(console, header, lines)
    for line in notes:
        write_text(console, line)


def grouped(rows: Sequence[ResultRow], cells: Callable[[ResultRow], list[str]]) -> Lines:
    """Lines of rows, those with one name under it."""
    lines: Lines = []
    for name, group in itertools.groupby(rows, key=lambda row: row["row"]):
        own = [cells(row) for row in group]
        lines += [[name, *[""] * (len(own[0]) - 1)], *own]
    return lines


def show(rows: Sequence[ResultRow], console: Console) -> None:
    """Machine, table, stages where known, and what the numbers mean."""
    first = rows[0]
    write_text(console, machine.describe(first["machine"], first["versions"]))
    write_text(console, settings_of(first))
    write_table(console, HEADER, [cells(row) for row in rows])
    if variants := [row for row in rows if row["own"]]:
        write_table(console, OWN_HEADER, [_own_cells(row) for row in variants])
    if any(row["stages"] for row in rows):
        stages = list(dict.fromkeys(stage for row in rows for stage in row["stages"]))
        lines = [_stage_cells(row, stages) for row in rows if row["stages"]]
        write_table(console, ("ms of one core per picture", "thr", *stages), lines)
    if lines := scaling_lines(rows):
        counts = dict.fromkeys(str(row["threads"]) for row in rows)
        write_table(console, ("images/s by threads", *counts), lines)
    for line in notes(rows):
        write_text(console, line)


def scaling_lines(rows: Sequence[ResultRow]) -> Lines:
    """For each row with several thread counts: images/s, in brackets the efficiency."""
    counts = dict.fromkeys(row["threads"] for row in rows)
    lines = []
    for name, curve in curves(rows).items():
        cell = {curve[0].threads: f"{curve[0].rate:.0f}"}
        cell |= {p.threads: f"{p.rate:.0f} ({p.efficiency:.0%})" for p in curve[1:]}
        lines.append([name, *(cell.get(count, "-") for count in counts)])
    return lines


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
        write_text(console, f"none of these rows was measured then ({when})")
        return
    write_text(console, f"compared with {when}; ratio: now over then, of medians")
    write_table(console, ("row", "thr", "then", "now", "ratio"), lines)
    for what, keys in (("machines", ("machine",)), ("pictures", ("data", "files", "shards"))):
        if any(old[0].get(key) != rows[0][key] for key in keys):
            write_text(console, f"the {what} differ: the ratios say nothing about the code")


def notes(rows: Sequence[ResultRow]) -> list[str]:
    """What stands under the table."""
    first = rows[0]
    lines = [
        f"ratio: to {first['row']} x{first['threads']}, median over rounds of the two rates in the "
        "same round; per core: images/s over threads",
        "p50, p99: time from batch to batch; RSS: sum of each process's peak, shared pages counted "
        "in each; first: from start of process to first batch",
    ]
    if first["rounds"] < FEWEST_ROUNDS:
        lines.append(
            f"too few rounds for numbers that others are to rely on: give --rounds {FEWEST_ROUNDS} "
            "or more"
        )
    for name in dict.fromkeys(row["row"] for row in rows):
        row = next(row for row in rows if row["row"] == name)
        marks = [f"reads a .beton, {row['pack']}"] if row["pack"] else []
        if row["pixels"]:
            marks = [f"its pixels: {row['pixels']}"]
        if not row["batches"]:
            marks.append("makes no batches")
        elif row["dtype"] != first["dtype"]:
            marks.append(row["dtype"])
        if row["compile_s"]:
            marks.append(f"{row['compile_s']:.1f} s of its start are compiling")
        if row["decode_s"]:
            opened = f"opened in {row['decode_s']:.1f} s"
            marks.append(f"{opened}, decoding all pictures unless another row had done so")
        if row["kept_mb"]:
            marks.append(f"keeps {row['kept_mb']:,.0f} MB of decoded pictures")
        if row["peak_shared_mb"] >= SHARED_MB:
            marks.append(f"{row['peak_shared_mb']:,.0f} MB of its RSS are shared memory")
        lines.append(f"{name_of(row)}: " + "; ".join([row["does"], *marks]))
    if any(row["pixels"] for row in rows):
        lines.append("*: pixels that are less than those of the files decoded in full")
    lines += [_not_cut(row) for row in rows if row["uncut"]]
    lines += [_indexed(row) for row in rows if "index_share" in row]
    if curves(rows):
        lines.append("in brackets: images/s per thread against that at the first thread count")
    lines += dict.fromkeys(note for row in rows for note in row["notes"])
    return lines


def _not_cut(row: ResultRow) -> str:
    found = row["uncut"]
    return (
        f"{name_of(row)} x{row['threads']}: not the speed of cutting: of {found['samples']:,} "
        f"pictures {found['stale']:,} had changed since they were indexed and "
        f"{found['damaged']:,} had a damaged entry; these were decoded whole"
    )


def _own_cells(row: ResultRow) -> list[str]:
    own = row["own"]
    return [f"{row['row']} / {own['row']}", str(row["threads"]), *ratio_cells(own)]


def _indexed(row: ResultRow) -> str:
    return (
        f"{row['row']} x{row['threads']}: {row['jpeg_mb_per_s']:.0f} MB of JPEG a second, "
        f"{row['jpeg_mb_per_s_per_core']:.0f} per core; the index has {row['index_share']:.2%} of "
        "the data's size"
    )


def settings_of(row: ResultRow) -> str:
    """What was measured, in one line."""
    mode = "evaluation" if row["eval"] else "training"
    shards = f"pictures in {row['shards']} shards" if row["shards"] else "files"
    return (
        f"{row['files']:,} {shards} ({row['data']}), {mode}, work {row['work']}, batch "
        f"{row['batch_size']}, {row['size']} px, {row['device']}, {row['rounds']} rounds of "
        f"{row['seconds']:g} s" + (", cold page cache" if row["cold"] else "")
    )


def _stage_cells(row: ResultRow, stages: Sequence[str]) -> list[str]:
    times = [f"{row['stages'][s]:.3f}" if s in row["stages"] else "-" for s in stages]
    return [row["row"], str(row["threads"]), *times]


def write_text(console: Console, line: str) -> None:
    """A line of text."""
    if console.is_terminal:
        console.print(line, markup=False, highlight=False, style="dim")
    else:
        console.file.write(line + "\n")


def write_table(console: Console, header: Sequence[str], lines: Lines) -> None:
    """A table, the first column to the left, the others to the right."""
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
