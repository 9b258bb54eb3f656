from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from fasttricks.bench import plot
from fasttricks.errors import DataError, MissingExtraError
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


@needs_matplotlib
def test_bars_whiskers_and_ratios() -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    plot._bars(axes, rows()[2:])
    assert [bar.get_width() for bar in axes.patches] == [1234.5, 1234.5]
    assert [text.get_text() for text in axes.texts] == ["1,234  (1.00)", "1,234  (0.25)"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dali", "stock-ffcv *"]
    (whiskers,) = axes.collections
    assert whiskers.get_segments()[0][:, 0].tolist() == pytest.approx([1200.1, 1300.2])


@needs_matplotlib
def test_curves_over_threads_and_what_the_first_promises() -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    plot._curves(axes, plot.curves(rows()[::2]))
    curve, ideal = axes.lines
    assert curve.get_xydata().tolist() == [[1, 1234.5], [2, 1234.5]]
    assert ideal.get_xydata().tolist() == [[1, 1234.5], [2, 2469.0]]


@needs_matplotlib
def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write"):
        plot.draw(rows(), tmp_path / "no" / "x.png")
