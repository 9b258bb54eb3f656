from fasttricks.report.chart import Dots
from fasttricks.report.ratios import against, ratio_charts
from fasttricks.report.schema import completed
from tests.report import made


def test_ratios_are_of_the_same_round() -> None:
    fast = made.loader(rates=[100.0, 50.0, 10.0])
    slow = made.loader(rates=[50.0, 20.0, 1.0], images_per_s=20.0)
    middle, low, high = against(fast, slow)
    assert middle == 2.5
    assert 2.0 <= low < middle < high <= 10.0


def test_rows_of_other_rounds_have_the_ratio_of_medians_only() -> None:
    fast, slow = made.loader("roi", 100.0), made.loader("roi", 50.0, rates=[1.0])
    assert against(fast, slow) == (2.0, 2.0, 2.0)


def test_charts_to_the_first_row_to_peers_and_of_variants() -> None:
    rows = [completed("pipelines", row) for row in made.loaders()]
    shown = sorted(rows, key=lambda row: -row["images_per_s"])
    first, peers, variants = ratio_charts(shown, rows)
    assert isinstance(first, Dots)
    assert isinstance(peers, Dots)
    assert isinstance(variants, Dots)
    assert first.title == "Ratio to torchvision x2"
    assert {bar.label: bar.value for bar in first.bars}["roi"] == 2.0
    assert [bar.group for bar in peers.bars] == ["to stock-ffcv"] * 2 + ["to stock-dali"] * 2
    assert [line[0] for line in peers.table.lines] == ["roi", "roi:whole", "torchvision"]
    assert peers.table.lines[0][2].startswith("2.50 (")
    assert [(bar.label, bar.value) for bar in variants.bars] == [("roi:whole", 0.5)]


def test_rows_at_several_thread_counts_are_held_against_one_at_the_same() -> None:
    rows = [
        completed("pipelines", row)
        for row in (
            made.loader("dali", 100.0, threads=1),
            made.loader("roi", 200.0, threads=1),
            made.loader("dali", 300.0, threads=4),
            made.loader("roi", 900.0, threads=4),
        )
    ]
    (chart,) = ratio_charts(rows[2:], rows)
    assert isinstance(chart, Dots)
    assert chart.title == "Ratio to dali x4"
    assert [bar.value for bar in chart.bars] == [1.0, 3.0]
