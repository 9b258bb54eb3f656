"""Figures are made without a display, and saved whole."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fasttricks.bench.figure import new_figure, open_frame, save
from fasttricks.errors import DataError

pytest.importorskip("matplotlib", reason="matplotlib is not installed")


@pytest.mark.parametrize(
    ("ending", "begins"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_the_ending_names_the_format(ending: str, begins: bytes, tmp_path: Path) -> None:
    figure = new_figure(2.0, 1.0)
    axes = figure.subplots()
    open_frame(axes)
    assert [name for name, spine in axes.spines.items() if spine.get_visible()] == [
        "left",
        "bottom",
    ]
    path = tmp_path / f"plot.{ending}"
    save(figure, path)
    assert path.read_bytes().startswith(begins)
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    assert "matplotlib.pyplot" not in sys.modules


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write"):
        save(new_figure(1.0, 1.0), tmp_path / "no" / "plot.png")
