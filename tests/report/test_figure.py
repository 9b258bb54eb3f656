"""Figures are made without a display, told apart in the page, and saved whole."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from fasttricks.errors import DataError
from fasttricks.report.chart import Bar, Bars, Table
from fasttricks.report.figure import inline, make, write

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")

NASTY = '<b onclick="x">& $a_b$ \x00\ud800'


def chart(label: str = "roi", **changes: Any) -> Bars:
    bar = Bar(label=label, hue="roi", value=100.0, text="100", low=80.0, high=125.0)
    table = Table(header=("row",), lines=[])
    return Bars(**{"name": "x", "title": "Rates", "bars": [bar], "table": table, **changes})


def test_what_files_say_is_shown_as_it_is_and_escaped() -> None:
    drawn = inline(chart(NASTY, title="<b>"), "a")
    assert "<b" not in drawn
    texts = [node.text for node in ElementTree.fromstring(drawn).iter("text")]
    assert '<b onclick="x">& $a_b$ ��' in texts


def test_figures_of_one_page_share_no_ids_and_no_rules() -> None:
    first, second = (ElementTree.fromstring(inline(chart(), name)) for name in "ab")
    ids = [{node.get("id") for node in tree.iter()} - {None} for tree in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert {str(node.get("href"))[1:] for node in first.iter("use")} <= ids[0]
    assert not list(first.iter("style"))


def test_the_same_chart_is_drawn_alike_whatever_the_settings() -> None:
    before = inline(chart(), "a")
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 20}):
        assert inline(chart(), "a") == before
    assert matplotlib.rcParams["svg.hashsalt"] != "a"


def test_a_file_says_what_the_page_says_around_a_chart() -> None:
    figure = make([chart(caption="word " * 60), chart()], "settings")
    assert figure.get_suptitle() == "settings"
    first, second = (axes.get_title(loc="left").splitlines() for axes in figure.axes)
    assert (first[0], second) == ("Rates", ["Rates"])
    assert len(first) == 4  # the caption is broken into lines
    assert make([chart()]).axes[0].get_title(loc="left") == ""


@pytest.mark.parametrize(
    ("ending", "begins"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("SVG", b"<?xml")]
)
def test_the_ending_names_the_format(ending: str, begins: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"plot.{ending}"
    write([chart(), chart()], "heading", path)
    assert path.read_bytes().startswith(begins)
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    assert "matplotlib.pyplot" not in sys.modules


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write"):
        write([chart()], "", tmp_path / "no" / "plot.png")
