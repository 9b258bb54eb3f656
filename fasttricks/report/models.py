"""A run of `fasttricks bench --model`."""

from __future__ import annotations

from collections.abc import Sequence

from fasttricks.bench.models import OURS
from fasttricks.bench.models.slowdown import sentence
from fasttricks.bench.report import ResultRow
from fasttricks.report.chart import Bar, Bars, Section, Table, number, ratio

OTHER_NETWORK = " ~"


def section(rows: Sequence[ResultRow]) -> Section:
    """Images per second of each library's network, by what is measured."""
    first = rows[0]
    return Section(
        title=f"Model {first['model']} on the {first['device'].upper()}",
        lead=_lead(rows),
        about=[
            f"{first['size']} px, batch {first['batch_size']}, {first['dtype']}, channels_last, "
            f"made-up pictures, {first['rounds']} rounds of {first['seconds']:g} s a row, in turn"
        ],
        charts=[_chart(rows)],
        notes=[
            "ours to it: our images/s over this network's in the same round, median; to eager: "
            "this network's images/s over its own in eager mode; GB/s: bytes by the byte model of "
            "docs/models.md over the time; of copy: of the rate of a plain copy",
            *dict.fromkeys(
                f"{_name(row)}: another network: {row['differs']}" for row in rows if row["differs"]
            ),
            *(sentence(row) for row in rows if row["slowdown"]),
        ],
    )


def _name(row: ResultRow) -> str:
    mark = OTHER_NETWORK if row["differs"] else ""
    return f"{row['library']} {row['library_model']}{mark}"


def _lead(rows: Sequence[ResultRow]) -> str:
    said = [
        f"{row['row']} {row['ours_to_it']['ratio']:.2f} times {_whose(row)}"
        for row in rows
        if row["ours_to_it"]
    ]
    return f"Our network's rate: {'; '.join(said)}." if said else ""


def _whose(row: ResultRow) -> str:
    """The library; of our own the network."""
    name: str = row["library_model" if row["library"] == OURS else "library"]
    return name


def _chart(rows: Sequence[ResultRow]) -> Bars:
    return Bars(
        name="model",
        title="Training and inference",
        caption="Images per second, median over rounds, whisker from p20 to p80.",
        bars=[
            Bar(
                label=_name(row),
                hue="ours" if row["library"] == OURS else "others",
                value=row["images_per_s"],
                text=number(row["images_per_s"]),
                low=row["p20"],
                high=row["p80"],
                group=row["row"],
            )
            for row in rows
        ],
        table=Table(
            header=(
                *("what", "network", "images/s", "p20-p80", "ours to it", "to eager"),
                *("MB an image", "GB/s", "of copy"),
            ),
            lines=[_cells(row) for row in rows],
        ),
    )


def _cells(row: ResultRow) -> list[str]:
    eager = row["to_eager"]
    return [
        row["row"],
        _name(row),
        number(row["images_per_s"]),
        f"{number(row['p20'])}-{number(row['p80'])}",
        ratio(row["ours_to_it"]),
        f"{eager['ratio']:.2f}" if eager else "-",
        number(row["mb_per_image"]),
        number(row["gb_per_s"]),
        f"{100 * row['copy_share']:.2g}%",
    ]
