from fasttricks.report.chart import Bars
from fasttricks.report.plain import section
from tests.report import made


def test_an_unknown_mode_is_a_table_of_all_it_says() -> None:
    rows = [
        {"mode": "new", "row": "a", "inner": {"x": 1.5, "y": [1, 2]}, **made.COMMON},
        {"mode": "new", "row": "b", "other": None, **made.COMMON},
    ]
    found = section("new", rows)
    assert found.title == "Results of mode new"
    (table,) = found.tables
    assert table.header == ["row", "inner.x", "inner.y", "other"]
    assert table.lines == [["a", "1.5", "[1, 2]", "-"], ["b", "-", "-", "null"]]


def test_one_row_stands_upright() -> None:
    (table,) = section("other", [{"row": "a", "x": "y" * 500}]).tables
    assert table.lines[0] == ["row", "a"]
    assert len(table.lines[1][1]) == 120


def test_rates_are_drawn_where_all_rows_have_them() -> None:
    row = {"row": "roi", "images_per_s": 5.0, "p20": 4.0, "p80": 6.0}
    (chart,) = section("new", [row, {"row": "x", "images_per_s": 7}]).charts
    assert isinstance(chart, Bars)
    assert [(bar.hue, bar.low) for bar in chart.bars] == [("roi", 4.0), ("ours", None)]
    assert not section("new", [row, {"row": "x", "images_per_s": None}]).charts
