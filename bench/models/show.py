"""The results of `fasttricks bench --model` for the eye."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from fasttricks.bench.models.slowdown import is_own, sentence
from fasttricks.bench.report import ResultRow
from fasttricks.bench.table import (
    grouped,
    ratio_cells,
    share_cell,
    short,
    short_range,
    write_results,
)

HEADER = (
    *("network", "images\n/s", "p20-p80", "ours\nto it", "p20-p80", "to\neager"),
    *("MB an\nimage", "GB/s", "of\ncopy"),
)
OTHER_NETWORK = " ~"
"""Behind the name of each network that is another than ours; a note says in what."""


def show(rows: Sequence[ResultRow], console: Console) -> None:
    """Machine, table, and what the numbers mean."""
    first = rows[0]
    threads = f", CPU threads {first['threads']}" if first["device"] == "cpu" else ""
    settings = (
        f"{first['model']}, {first['size']} px, batch {first['batch_size']}, {first['dtype']}, "
        f"channels_last, {first['device']}{threads}, made-up pictures; {first['rounds']} rounds of "
        f"{first['seconds']:g} s a row, in turn"
    )
    write_results(console, first, settings, HEADER, grouped(rows, cells), notes(rows))


def cells(row: ResultRow) -> list[str]:
    """One row under HEADER; what is measured stands above its networks."""
    eager = row["to_eager"]
    return [
        "  " + name_of(row),
        short(row["images_per_s"]),
        short_range(row),
        *ratio_cells(row["ours_to_it"]),
        f"{eager['ratio']:.2f}" if eager else "-",
        short(row["mb_per_image"]),
        short(row["gb_per_s"]),
        share_cell(row["copy_share"]),
    ]


def name_of(row: ResultRow) -> str:
    """Library and what the network is called there, with its mark."""
    mark = OTHER_NETWORK if row["differs"] else ""
    return f"{row['library']} {row['library_model']}{mark}"


def notes(rows: Sequence[ResultRow]) -> list[str]:
    """What stands under the table."""
    own = next(row for row in rows if is_own(row))
    copies = [row["copy_gb_per_s"] for row in rows]
    lines = [
        "ours to it: our images/s over this network's in the same round, median; p20-p80 of these "
        "ratios beside it; to eager: this network's images/s over its own in eager mode",
        "training: forward, cross-entropy, backward, SGD; MB an image: moved by the byte model of "
        "docs/models.md; GB/s: these bytes over the time; of copy: of the rate of a plain copy in "
        f"the same round, which read and wrote {max(copies):,.1f} GB/s",
    ]
    if took := [
        f"{row['row'].split()[0]} {row['library']} {row['library_model']} "
        f"{row['first_step_s']:.1f} s"
        for row in rows
        if row["row"].endswith("compiled")
    ]:
        what = "first compiled steps, with compiling what torch's caches do not have"
        lines.append(f"{what}: {', '.join(took)}")
    lines += dict.fromkeys(
        f"{name_of(row)}: another network: {row['differs']}; {_sizes(row)}, ours {_sizes(own)}"
        for row in rows
        if row["differs"]
    )
    lines += [sentence(row) for row in rows if row["slowdown"]]
    if len({row["library"] for row in rows}) == 1:
        lines.append(f"neither torchvision nor timm, as installed, has {own['model']}")
    if own["made_for"] not in (None, own["size"]):
        lines.append(f"{own['model']} is trained at {own['made_for']} px: --size")
    return lines


def _sizes(row: ResultRow) -> str:
    return f"{row['parameters']:,} parameters and {row['macs'] / 1e9:.3f} GMACs"
