from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from fasttricks.bench import table
from fasttricks.bench.table import plain, show, show_comparison


def row(**changes: Any) -> dict[str, Any]:
    given = {
        "row": "dali",
        "threads": 2,
        "device": "cpu",
        "batch_size": 64,
        "size": 224,
        "work": "full",
        "dtype": "float32",
        "eval": False,
        "cold": False,
        "seconds": 5.0,
        "rounds": 5,
        "images_per_s": 1234.5,
        "p20": 1200.1,
        "p80": 1300.2,
        "images_per_s_per_core": 617.2,
        "ratio": 1.0,
        "latency_p50_ms": 51.8,
        "latency_p99_ms": 80.0,
        "cpu_s_per_1000": 1.61,
        "peak_rss_mb": 912.3,
        "first_batch_s": 3.2,
        "compile_s": 0.0,
        "stages": {},
        "does": "the plan, whole",
        "pack": "",
        "reencoded": False,
        "notes": [],
        "data": "/data",
        "files": 1000,
        "machine": {"cpu": "A CPU", "cores": 8, "usable_cores": 2, "gpus": []},
        "versions": {"python": "3.12.1", "torch": "2.15", "PIL": "pillow-simd 12"},
        "date": "2026-01-02",
        "commit": "0123456789abcdef",
    }
    return {**given, **changes}


def shown(rows: list[dict[str, Any]], terminal: bool = False) -> str:
    out = io.StringIO()
    show(rows, Console(file=out, force_terminal=terminal, width=140))
    return out.getvalue()


def test_plain_text_is_aligned() -> None:
    text = plain(("row", "n"), [["a", "1"], ["long name", "1000"]])
    assert text == "row           n\na             1\nlong name  1000"


def test_piped_output_is_plain_and_complete() -> None:
    text = shown([row(), row(row="stock-ffcv", reencoded=True, pack="500 px", does="all")])
    assert "\x1b" not in text
    assert not any(sign in text for sign in "│┃━")
    assert "A CPU, 2 of 8 cores, no GPU; Python 3.12.1, torch 2.15, pillow-simd 12" in text
    assert "1,000 files (/data), training, work full, batch 64, 224 px, cpu" in text
    line = next(line for line in text.splitlines() if line.startswith("dali "))
    assert line.split() == [
        *("dali", "2", "1234", "1200-1300", "617", "1.00", "51.8", "80.0", "1.61"),
        *("912", "3.2"),
    ]
    assert "stock-ffcv * " in text
    assert "stock-ffcv *: all; reads a pack, 500 px" in text
    assert "ratio: to dali x2" in text


def test_terminal_gets_a_table() -> None:
    text = shown([row()], terminal=True)
    assert "━" in text or "─" in text
    assert "1234" in text
    assert "the plan, whole" in text


def test_no_number_is_cut_off_on_a_narrow_terminal() -> None:
    out = io.StringIO()
    show([row(images_per_s=123456.0)], Console(file=out, force_terminal=True, width=40))
    assert "123456" in out.getvalue()
    assert "1200-1300" in out.getvalue()
    assert "…" not in out.getvalue()


def test_usual_rows_fit_eighty_columns() -> None:
    out = io.StringIO()
    show(
        [row(row="stock-torchvision *", peak_rss_mb=2345.0, latency_p99_ms=1234.0)],
        Console(file=out, force_terminal=True, width=80, color_system=None),
    )
    assert max(map(len, out.getvalue().splitlines())) <= 80


def test_names_in_brackets_are_no_markup() -> None:
    assert "[bold]" in shown([row(data="[bold]")], terminal=True)


def test_stages_only_where_known() -> None:
    assert "ms of one core" not in shown([row()])
    both = shown([row(stages={"read": 0.01, "decode": 1.5}), row(row="x"), row(stages={"read": 2})])
    part = both[both.index("ms of one core") :].splitlines()
    assert part[0].split()[-2:] == ["read", "decode"]
    assert part[1].split() == ["dali", "2", "0.010", "1.500"]
    assert part[2].split() == ["dali", "2", "2.000", "-"]


def test_notes_mark_what_differs() -> None:
    text = shown([row(), row(row="b", dtype="uint8", compile_s=7.0, notes=["not cold"])])
    assert "b: the plan, whole; uint8; 7.0 s of its start are compiling" in text
    assert text.rstrip().endswith("not cold")
    assert "cold page cache" in shown([row(cold=True, eval=True)])


def compared(now: list[dict[str, Any]], then: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    show_comparison(now, then, Console(file=out))
    return out.getvalue()


def test_comparison() -> None:
    text = compared([row(), row(row="new")], [row(images_per_s=617.25)])
    assert "2026-01-02, commit 0123456789ab;" in text
    assert text.splitlines()[2].split() == ["dali", "2", "617", "1234", "2.00"]
    assert "new" not in text
    assert "machines differ" not in text


def test_comparison_of_different_things() -> None:
    assert "none of these rows" in compared([row()], [row(threads=1)])
    assert "machines differ" in compared([row()], [row(machine={"cpu": "B"})])


def test_header_and_cells_fit() -> None:
    assert len(table.cells(row())) == len(table.HEADER)
