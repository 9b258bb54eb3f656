from fasttricks.report.ablation import section
from fasttricks.report.chart import Bars, Dots
from tests.report import made


def test_each_rung_with_what_it_brought() -> None:
    rows = [
        made.rung("baseline"),
        made.rung("mixup", 70.2, delta=0.2, in_spread=True, spread=0.3, paper_delta=0.5),
        made.rung("distill", None, skipped="no teacher"),
    ]
    found = section(rows)
    chart, deltas = found.charts
    assert isinstance(chart, Dots)
    assert not chart.log
    assert [bar.each for bar in chart.bars] == [[70.0], [70.2]]
    assert isinstance(deltas, Bars)
    assert [(bar.label, bar.value) for bar in deltas.bars] == [("mixup", 0.2), ("the paper", 0.5)]
    assert (deltas.bars[0].low, deltas.bars[0].high) == (0.2 - 0.3, 0.5)
    assert deltas.table.lines == [["mixup", "+0.20 ?", "0.30", "+0.50"]]
    assert [bar.text for bar in chart.bars] == ["70.00", "70.20 (+0.20 ?)"]
    assert [line[0] for line in chart.table.lines] == ["baseline", "mixup", "distill"]
    assert found.notes == ["distill: skipped, no teacher"]
    assert found.lead == "From baseline with 70.00 % top-1 to mixup with 70.20 %."


def test_a_ladder_not_trained_yet_is_a_table() -> None:
    found = section([made.rung("baseline", None)])
    assert not found.charts
    assert found.tables[0].lines[0][:2] == ["baseline", "-"]
