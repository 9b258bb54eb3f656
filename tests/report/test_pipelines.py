from __future__ import annotations

from fasttricks.report.chart import Bars, Chart, Dots, Lines, Stacks
from fasttricks.report.pipelines import section
from fasttricks.report.schema import completed
from tests.report import made


def charts(*rows: made.Row) -> dict[str, Chart]:
    found = section([completed("pipelines", row) for row in rows])
    return {chart.name: chart for chart in found.charts}


def test_all_that_the_rows_have_is_shown() -> None:
    names = ["throughput", "ratio", "peers", "variants", "per-core", "stages", "cpu", "memory"]
    assert list(charts(*made.loaders())) == names
    alone = charts(made.loader(stages={}))
    assert list(alone) == ["throughput", "per-core", "cpu", "memory"]


def test_throughput_has_the_fastest_first_with_its_spread() -> None:
    chart = charts(*made.loaders())["throughput"]
    assert isinstance(chart, Bars)
    assert not isinstance(chart, Dots)
    first = chart.bars[0]
    assert (first.label, first.hue, first.value, first.text) == ("roi", "roi", 1000, "1,000")
    assert (first.low, first.high) == (900, 1100)
    assert [bar.label for bar in chart.bars][-2:] == ["stock-ffcv *", "stock-dali"]
    assert chart.table.lines[0][0] == "torchvision"


def test_per_core_divides_spread_and_value_alike() -> None:
    chart = charts(*made.loaders())["per-core"]
    assert isinstance(chart, Bars)
    assert (chart.bars[0].value, chart.bars[0].low) == (500, 450)


def test_rates_too_far_apart_for_bars_become_dots() -> None:
    far = charts(made.loader(), made.loader("dali", 900.0), made.loader("resident", 20_000.0))
    assert isinstance(far["throughput"], Dots)
    assert "logarithmic" in far["throughput"].caption


def test_stages_are_in_the_order_of_the_work() -> None:
    chart = charts(*made.loaders())["stages"]
    assert isinstance(chart, Stacks)
    assert chart.table.header == ("row", "read", "decode", "finish", "sum")
    assert chart.table.lines[0] == ["roi", "0.100", "0.600", "-", "0.700"]
    assert [stack.label for stack in chart.stacks] == ["roi", "roi:whole", "torchvision"]


def test_several_thread_counts_are_a_line_and_bars_show_the_most() -> None:
    more = made.loader("roi", 1800.0, threads=4, images_per_s_per_core=450.0)
    found = charts(made.loader("roi", threads=2), more, made.loader("dali", 300.0, threads=2))
    lines, bars = found["threads"], found["throughput"]
    assert isinstance(lines, Lines)
    assert isinstance(bars, Bars)
    assert [line.label for line in lines.lines] == ["roi"]
    assert [(spot.x, spot.y) for spot in lines.lines[0].spots] == [(2, 1000), (4, 1800)]
    assert lines.table.lines[1][-1] == "90%"
    assert [bar.value for bar in bars.bars] == [1800, 300]


def test_the_lead_names_the_fastest_that_decodes_and_how_it_is_to_peers() -> None:
    kept = made.loader("resident", 9000.0, decode_s=3.0)
    worse = made.loader("ffcv:jpg", 8000.0, pixels="encoded again")
    found = section([completed("pipelines", row) for row in (*made.loaders(), kept, worse)])
    assert "roi is the fastest: 1,000 images/s" in found.lead
    assert "2.50 times stock-dali" in found.lead


def test_rows_without_batches_are_in_the_table_only() -> None:
    index = made.loader("index", 5000.0, batches=False)
    chart = charts(made.loader(), index)["throughput"]
    assert isinstance(chart, Bars)
    assert [bar.label for bar in chart.bars] == ["roi"]
    assert [line[0] for line in chart.table.lines] == ["roi", "index"]
