"""By how much slower a network is than another of ours, beside what there was to expect. No torch
in here: reports tell it too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fasttricks.bench.models import OURS
from fasttricks.bench.report import ResultRow
from fasttricks.bench.stats import spread
from fasttricks.models.paper import published_slowdown


def slowdown(row: ResultRow, other: ResultRow) -> dict[str, Any]:
    """What `row`'s network takes more than `other`'s, as shares: 0.1 is a tenth more.

    Args:
        row, other: results of the same row, with what is counted of their networks.

    time: median over rounds of the two in the same round, p20 and p80 beside it. bytes: by the byte
    model. macs, conv_outputs: as counted. paper: what a paper says of the time, as `time`, `source`
    and `what` was measured; null where none does.
    """
    more = [b / a - 1 for a, b in zip(row["rates"], other["rates"], strict=True)]
    paper = published_slowdown(row["library_model"], other["library_model"], _mode(row))
    return {
        **spread(more, "time"),
        "bytes": _more(row, other, "mb_per_image"),
        "macs": _more(row, other, "macs"),
        "conv_outputs": _more(row, other, "activations"),
        "paper": paper and {"time": paper.more, "source": paper.source, "what": paper.what},
    }


def with_slowdowns(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """The rows; those of our other networks say under `slowdown` by how much the bench's own is
    slower than they are; it is null in all others."""
    own = {row["row"]: row for row in rows if is_own(row)}
    return [
        row | {"slowdown": slowdown(own[row["row"]], row) if _paired(row, own) else None}
        for row in rows
    ]


def is_own(row: ResultRow) -> bool:
    """Whether the row is of the network that the bench is about."""
    return bool(row["library"] == OURS and row["library_model"] == row["model"])


def sentence(row: ResultRow) -> str:
    """The slowdown of a row that has one, in words."""
    found, paper = row["slowdown"], row["slowdown"]["paper"]
    told = (
        f"{row['row']}: {row['model']} beside {row['library_model']}: time {_signed(found['time'])}"
        f" (p20 {_signed(found['p20'])}, p80 {_signed(found['p80'])}); by the byte model "
        f"{_signed(found['bytes'])}, by multiply-accumulates {_signed(found['macs'])}, by outputs "
        f"of convolutions {_signed(found['conv_outputs'])}"
    )
    said = f"; {paper['source']} says {_signed(paper['time'])} ({paper['what']})" if paper else ""
    return told + said


def _paired(row: ResultRow, own: dict[str, ResultRow]) -> bool:
    return row["library"] == OURS and not is_own(row) and row["row"] in own


def _mode(row: ResultRow) -> str:
    mode: str = row["row"].split()[0]
    return mode


def _more(row: ResultRow, other: ResultRow, key: str) -> float:
    return round(float(row[key] / other[key] - 1), 4)


def _signed(share: float) -> str:
    return f"{share:+.1%}"
