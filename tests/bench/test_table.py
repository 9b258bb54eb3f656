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
        "decode_s": 0.0,
        "kept_mb": 0.0,
        "peak_shared_mb": 0.2,
        "uncut": {},
        "own": {},
        "stages": {},
        "does": "the plan, whole",
        "pack": "",
        "pixels": "",
        "batches": True,
        "rates": [1200.0, 1234.5, 1300.0],
        "notes": [],
        "data": "/data",
        "files": 1000,
        "shards": 0,
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
    text = shown([row(), row(row="stock-ffcv", pixels="fast DCT", pack="500 px", does="all")])
    assert "\x1b" not in text
    assert not any(sign in text for sign in "│┃━")
    assert "A CPU, 2 of 8 cores, no GPU; Python 3.12.1, torch 2.15, pillow-simd 12" in text
    assert "1,000 files (/data), training, work full, batch 64, 224 px, cpu" in text
    line = next(line for line in text.splitlines() if line.startswith("dali "))
    assert line.split() == [
        *("dali", "2", "1234", "1200-1300", "617", "1.00", "51.8", "80", "1.61"),
        *("912", "3.2"),
    ]
    assert "stock-ffcv * " in text
    assert "stock-ffcv *: all; its pixels: fast DCT" in text
    assert "*: pixels that are less" in text
    assert "ratio: to dali x2" in text


def test_few_rounds_are_nothing_to_quote() -> None:
    few = "too few rounds for numbers that others are to rely on: give --rounds 7 or more\n"
    assert few in shown([row(rounds=6)])
    assert few not in shown([row(rounds=7)])


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


def test_no_mark_where_all_pixels_are_the_files_own() -> None:
    text = shown([row(), row(row="ffcv", pack="the files' own bytes")])
    assert "*" not in text
    assert "ffcv: the plan, whole; reads a .beton, the files' own bytes" in text


def test_a_row_that_did_not_cut_is_marked_and_says_how_much() -> None:
    text = shown([row(), row(row="roi", uncut={"stale": 1200, "damaged": 1, "samples": 2400})])
    assert any(line.startswith("roi ! ") for line in text.splitlines())
    assert (
        "roi ! x2: not the speed of cutting: of 2,400 pictures 1,200 had changed since they were "
        "indexed and 1 had a damaged entry; these were decoded whole\n"
    ) in text
    assert "dali !" not in text


def test_variants_have_a_table_against_their_own_pipeline() -> None:
    assert "own pipeline" not in shown([row()])
    own = {"row": "dali", "ratio": 0.9712, "p20": 0.9648, "p80": 0.99}
    text = shown([row(), row(row="dali:mixup", own=own)])
    part = text[text.index("against its own pipeline") :].splitlines()
    assert part[0].split() == ["against", "its", "own", "pipeline", "thr", "ratio", "p20-p80"]
    assert part[1].split() == ["dali:mixup", "/", "dali", "2", "0.971", "0.965-0.990"]


def test_memory_that_is_kept_and_shared_is_told() -> None:
    kept = row(row="resident", decode_s=12.34, kept_mb=1234.5, peak_shared_mb=1300.4)
    text = shown([row(), kept])
    assert (
        "resident: the plan, whole; opened in 12.3 s, decoding all pictures unless another row had "
        "done so; keeps 1,234 MB of decoded pictures; 1,300 MB of its RSS are shared memory\n"
    ) in text
    assert "dali: the plan, whole\n" in text


def test_shards_are_counted() -> None:
    assert "1,000 pictures in 3 shards (/data), training" in shown([row(shards=3)])


def test_a_row_that_indexes_has_no_latency_but_bytes() -> None:
    figures = {"jpeg_mb_per_s": 212.4, "jpeg_mb_per_s_per_core": 106.2, "index_share": 0.0212}
    text = shown([row(), row(row="index", batches=False, dtype="void64", **figures)])
    line = next(line for line in text.splitlines() if line.startswith("index "))
    assert line.split()[6:8] == ["-", "-"]
    assert "index: the plan, whole; makes no batches\n" in text
    assert "index x2: 212 MB of JPEG a second, 106 per core; the index has 2.12% of" in text


def test_several_thread_counts_make_a_table_of_their_own() -> None:
    assert "by threads" not in shown([row(), row(row="b")])
    one = row(threads=1, images_per_s=800.0, rates=[700.0, 800.0, 900.0])
    text = shown([one, row(rates=[1050.0, 1200.0, 1350.0], images_per_s=1200.0), row(row="b")])
    part = text[text.index("images/s by threads") :].splitlines()
    assert part[0].split()[-2:] == ["1", "2"]
    assert part[1].split() == ["dali", "800", "1200", "(75%)"]
    assert not part[2].startswith("b ")
    assert "in brackets: images/s per thread" in text


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
    assert "differ" not in compared([row()], [row()])
    for other in ({"data": "/elsewhere"}, {"files": 7}, {"shards": 3}):
        assert "the pictures differ" in compared([row()], [row(**other)])


def test_header_and_cells_fit() -> None:
    assert len(table.cells(row())) == len(table.HEADER)
