"""What is painted, read back from matplotlib's axes."""

from __future__ import annotations

from typing import Any

import pytest

from fasttricks.report.chart import (
    Bar,
    Bars,
    Dots,
    Line,
    Lines,
    Segment,
    Spot,
    Stack,
    Stacks,
    Table,
    number,
)
from fasttricks.report.colour import HUES
from fasttricks.report.paint import LONGEST_LABEL, paint, printable, rows_of, spaced

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

COMMON: dict[str, Any] = {"name": "x", "title": "t", "table": Table(header=("row",), lines=[])}
TWO = (
    Bar(label="roi", hue="roi", value=100.0, text="100", low=80.0, high=125.0),
    Bar(label="dali:whole", hue="dali", value=50.0, text="50", faint=True),
)


def painted(chart: Any) -> Any:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    paint(axes, chart)
    return axes


def words(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_bars_are_as_long_as_their_values_from_zero_and_variants_are_faint() -> None:
    axes = painted(Bars(**COMMON, bars=TWO))
    assert [(bar.get_x(), bar.get_width()) for bar in axes.patches] == [(0, 100), (0, 50)]
    assert [round(bar.get_facecolor()[3], 1) for bar in axes.patches] == [1.0, 0.5]
    assert axes.get_xlim()[0] == 0
    assert words(axes) == ["100", "50"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["roi", "dali:whole"]


def test_a_whisker_goes_from_p20_to_p80_and_the_text_stands_behind() -> None:
    axes = painted(Bars(**COMMON, bars=TWO))
    assert [list(line.get_xdata()) for line in axes.lines] == [[80, 125]] * 2  # and what is under
    assert [text.xy[0] for text in axes.texts] == [125, 50]


def test_dots_have_places_on_a_logarithmic_axis_and_a_mark() -> None:
    axes = painted(Dots(**COMMON, bars=TWO, mark=100.0, mark_text="same"))
    assert axes.get_xscale() == "log"
    assert axes.collections[0].get_offsets().tolist() == [[100, 0], [50, 1]]
    assert list(axes.lines[-1].get_xdata()) == [100, 100]
    assert "same" in words(axes)
    assert painted(Dots(**COMMON, bars=TWO, log=False)).get_xscale() == "linear"


def test_each_value_is_a_dot_and_bars_go_below_zero() -> None:
    low = Bar(label="a", hue="ours", value=-2.0, text="-2", each=(-3.0, -1.0))
    axes = painted(Bars(**COMMON, bars=[low]))
    assert list(axes.lines[0].get_xdata()) == [-3, -1]
    assert axes.get_xlim()[0] <= -3
    assert axes.texts[0].xy[0] == 0  # not on the bar


def test_a_group_has_one_heading_in_a_row_of_its_own() -> None:
    bars = [Bar(label=n, hue="ours", value=1.0, text="1", group=g) for n, g in ("ax", "bx", "cy")]
    assert rows_of(bars) == ([1, 2, 4], {0: "x", 3: "y"})
    assert words(painted(Bars(**COMMON, bars=bars)))[-2:] == ["x", "y"]


def test_labels_too_long_are_cut_and_odd_letters_replaced() -> None:
    axes = painted(Bars(**COMMON, bars=[Bar(label="x" * 99, hue="ours", value=1.0, text="1")]))
    assert axes.get_yticklabels()[0].get_text() == "x" * (LONGEST_LABEL - 1) + "…"
    assert printable("a\x00\nµ") == "a\ufffd\ufffdµ"


def stacks(*values: float) -> Stacks:
    parts = [Segment(name=n, value=v) for n, v in zip(("read", "decode"), values, strict=True)]
    return Stacks(**COMMON, stacks=[Stack(label="roi", hue="roi", segments=parts)], unit="ms")


def test_stacks_lie_end_to_end_and_say_their_sum() -> None:
    axes = painted(stacks(1.0, 3.0))
    assert [(bar.get_x(), bar.get_width()) for bar in axes.patches] == [(0, 1), (1, 3)]
    assert words(axes) == ["read 1", "decode 3", "4 ms"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["read", "decode"]


def test_a_part_too_narrow_for_its_name_stays_unnamed() -> None:
    assert words(painted(stacks(0.01, 3.0))) == ["", "decode 3", "3.01 ms"]
    assert words(painted(stacks(0.0, 0.0))) == ["", "", "0 ms"]


def lines(log: bool) -> Lines:
    spots = [Spot(x=1, y=100, low=90, high=110), Spot(x=2, y=150), Spot(x=4, y=200)]
    flat = [Spot(x=1, y=50), Spot(x=4, y=199)]
    made = [
        Line(label="roi", hue="roi", spots=spots, text="200"),
        Line(label="dali", hue="dali", spots=flat),
    ]
    return Lines(**COMMON, lines=made, x_title="threads", y_title="", log=log, proportional=log)


def test_lines_have_their_points_names_spread_and_what_the_first_promises() -> None:
    axes = painted(lines(True))
    line, spread, ideal, *_ = axes.lines
    assert line.get_xydata().tolist() == [[1, 100], [2, 150], [4, 200]]
    assert spread.get_xydata().tolist() == [[1, 90], [1, 110]]
    assert (ideal.get_linestyle(), list(ideal.get_ydata())) == ("--", [100, 200, 400])
    assert words(axes) == ["roi 200", "dali"]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "2", "4"]
    flat = painted(lines(False))
    assert {line.get_linestyle() for line in flat.lines} == {"-"}
    assert flat.get_ylim()[0] == 0


def test_one_epoch_alone_can_be_drawn() -> None:
    line = Line(label="roi", hue="roi", spots=[Spot(x=1, y=5)])
    axes = painted(Lines(**COMMON, lines=[line], x_title="", y_title=""))
    assert axes.lines[0].get_color() == HUES["roi"]


def test_labels_keep_apart() -> None:
    assert spaced([0.1, 0.9, 0.8, 0.7], 0.25) == pytest.approx([0.1, 0.9, 0.65, 0.4])


@pytest.mark.parametrize("rates", [(1, 1), (0.9, 1.1), (3e-5, 4e7), (970, 26700)])
def test_every_logarithmic_axis_has_ticks_within(rates: tuple[float, float]) -> None:
    axes = painted(
        Dots(**COMMON, bars=[Bar(label="", hue="ours", value=v, text="") for v in rates])
    )
    low, high = axes.get_xlim()
    assert 1 <= len([t for t in axes.get_xticks() if low <= t <= high]) <= 16


def test_numbers_are_short() -> None:
    found = [number(value) for value in (0, 0.01234, 3.14159, 99.96, 12345.6)]
    assert found == ["0", "0.0123", "3.14", "100", "12,346"]
