"""Statistics of a ladder against figures worked out by hand, and how they are told."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from fasttricks.bench.ablation.rows import make_rows
from fasttricks.bench.ablation.show import notes, show, show_plan
from fasttricks.train.ablate import Result
from fasttricks.train.config import Recipe
from fasttricks.train.ladder import Planned, Rung, Skip, climb
from fasttricks.train.rungs import cosine, smoothing


def impossible(recipe: Recipe) -> Recipe:
    raise Skip("it cannot be")


RUNGS = (
    Rung(name="start", what="start", change=lambda recipe: recipe, top1=70.0),
    Rung(name="smooth", what="+ smoothing", change=smoothing, top1=71.5),
    Rung(name="gone", what="+ nothing", change=impossible, top1=72.0),
    Rung(name="long", what="+ length", change=lambda r: replace(r, ema=0.9), top1=73.0, epochs=240),
    Rung(name="branch", what="+ other", change=cosine, top1=70.4, on="start"),
)
ABOUT = {
    "ladder": "bag-of-tricks",
    "source": "a paper",
    "data": "pictures",
    "machine": {"cpu": "A CPU", "cores": 8, "usable_cores": 2, "gpus": []},
    "versions": {"python": "3.12.1", "torch": "2.15", "PIL": "pillow-simd 12"},
}


@pytest.fixture
def plan() -> list[Planned]:
    base = Recipe()
    return list(climb(RUNGS, replace(base, schedule=replace(base.schedule, kind="step"))))


def result(rung: str, seed: int, top1: float | None) -> Result:
    problem = "" if top1 is not None else "not finite"
    return Result(
        rung=rung, seed=seed, top1=top1, count=200, images_per_s=100.0 + seed, problem=problem
    )


RESULTS = [
    *(result("start", seed, top1) for seed, top1 in enumerate((0.50, 0.52, 0.54))),
    *(result("smooth", seed, top1) for seed, top1 in enumerate((0.60, 0.64, 0.62))),
    *(result("long", seed, top1) for seed, top1 in enumerate((0.61, None, 0.64))),
    result("branch", 1, 0.40),
]


@pytest.fixture
def rows(plan: list[Planned]) -> list[dict[str, Any]]:
    return [row | ABOUT for row in make_rows(plan, RESULTS)]


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["row"]: row for row in rows}


def test_mean_and_spread_are_over_seeds(rows: list[dict[str, Any]]) -> None:
    start = by_name(rows)["start"]
    assert start["top1"] == {"0": 50.0, "1": 52.0, "2": 54.0}
    assert (start["mean"], start["std"], start["min"], start["max"]) == (52.0, 2.0, 50.0, 54.0)
    assert (start["delta"], start["in_spread"], start["paper_delta"]) == (None, None, None)
    assert (start["images_per_s"], start["val_pictures"]) == (101.0, 200)


def test_deltas_are_over_the_seeds_that_both_have(rows: list[dict[str, Any]]) -> None:
    named = by_name(rows)
    smooth, long, branch = named["smooth"], named["long"], named["branch"]
    assert (smooth["delta"], smooth["spread"], smooth["in_spread"]) == (10.0, 2.0, False)
    assert smooth["paper_delta"] == 1.5
    # Without seed 1: 62.5 less 61, and the larger deviation is that of 61 and 64.
    assert (long["against"], long["delta"], long["spread"]) == ("smooth", 1.5, 2.1213)
    assert long["in_spread"] is True
    assert long["diverged"] == [1]
    assert long["paper_delta"] == 1.0
    assert (branch["against"], branch["delta"], branch["spread"]) == ("start", -12.0, None)
    assert named["gone"]["skipped"] == "it cannot be"
    assert named["gone"]["delta"] is None


def test_a_rung_says_what_it_changed(rows: list[dict[str, Any]]) -> None:
    named = by_name(rows)
    assert named["smooth"]["changes"] == ["loss.smoothing: 0.0, now 0.1"]
    assert named["long"]["changes"] == ["ema: 0.0, now 0.9", "schedule.epochs: 120, now 240"]
    assert named["branch"]["changes"] == ["schedule.kind: step, now cosine"]


def test_rows_are_plain_json(rows: list[dict[str, Any]]) -> None:
    assert json.loads(json.dumps(rows)) == rows


def test_the_table_has_both_deltas_and_warns(rows: list[dict[str, Any]]) -> None:
    out = io.StringIO()
    show(rows, Console(file=out))
    text = out.getvalue()
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "start 3 52.00 2.00 50.00-54.00 - 70.00 -" in lines
    assert "+ smoothing 3 62.00 2.00 60.00-64.00 +10.00 71.50 +1.50" in lines
    assert "+ length 2 62.50 2.12 61.00-64.00 +1.50 ? 73.00 +1.00" in lines
    assert "+ other 1 40.00 - 40.00-40.00 -12.00 70.40 +0.40" in lines
    assert "?: WARNING: the spread over seeds is as large as the delta" in text
    assert "WARNING: with one seed nobody knows the spread" in text
    assert "one is 0.5 points" in text
    assert "+ other: adds to start" in text
    assert "+ length: the loss diverged with seed 1" in text
    assert "+ nothing: skipped: it cannot be" in text
    assert "epochs, in proportion to the paper's: + length 240" in text


def test_no_warning_without_reason(plan: list[Planned]) -> None:
    few = [result("start", 0, 0.5), result("start", 1, 0.52)]
    sure = [result("smooth", 0, 0.6), result("smooth", 1, 0.62)]
    rows = [row | ABOUT for row in make_rows(plan[:2], few + sure)]
    assert not [line for line in notes(rows) if "WARNING" in line]


def test_the_plan_names_changes_and_skips(plan: list[Planned]) -> None:
    out = io.StringIO()
    show_plan(plan, Console(file=out, width=300))
    text = out.getvalue()
    assert "smooth (+ smoothing; the paper: 71.50): on start: loss.smoothing: 0.0, now 0.1" in text
    assert "gone (+ nothing; the paper: 72.00): skipped, it cannot be" in text
