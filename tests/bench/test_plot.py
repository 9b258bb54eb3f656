from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from fasttricks.bench import plot
from fasttricks.bench.table import settings_of
from fasttricks.errors import DataError, MissingExtraError
from fasttricks.report import figure
from tests.bench.test_table import row

needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed"
)


def rows() -> list[dict[str, Any]]:
    one = [row(threads=1), row(row="stock-ffcv", threads=1, pixels="500 px", ratio=0.5)]
    return [*one, row(), row(row="stock-ffcv", pixels="500 px", ratio=0.25)]


def test_what_is_missing_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'fasttricks\[plot\]'"):
        plot.check(tmp_path / "x.png")


def test_places_and_endings_are_checked_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    plot.check(tmp_path / "x.SVG")
    with pytest.raises(DataError, match=r"must end in one of .png, .pdf, .svg"):
        plot.check(tmp_path / "x.jpg")
    with pytest.raises(DataError, match="cannot write"):
        plot.check(tmp_path / "no" / "x.png")


@needs_matplotlib
@pytest.mark.parametrize("ending", plot.ENDINGS)
def test_a_picture_is_drawn(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    plot.draw(rows(), path)
    assert path.stat().st_size > 5000
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_bars_curves_and_ratios_of_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(figure, "write", lambda *given: drawn.append(given))
    plot.draw(rows(), Path("x.png"))
    plot.draw(rows()[2:], Path("y.png"))
    (charts, heading, path), (alone, _, _) = drawn
    assert [chart.name for chart in charts] == ["throughput", "threads", "ratio"]
    assert [chart.name for chart in alone] == ["throughput", "ratio"]
    assert (heading, path) == (settings_of(rows()[0]), Path("x.png"))
    assert [bar.label for bar in charts[0].bars] == ["dali", "stock-ffcv *"]
    assert [(bar.low, bar.high) for bar in charts[0].bars] == [(1200.1, 1300.2)] * 2


@needs_matplotlib
def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write"):
        plot.draw(rows(), tmp_path / "no" / "x.png")
