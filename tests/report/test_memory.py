from fasttricks.report.chart import Lines
from fasttricks.report.memory import section
from tests.report import made


def test_memory_over_the_epochs() -> None:
    found = section([made.memory(500.0, 510.0)])
    (chart,) = found.charts
    assert isinstance(chart, Lines)
    assert [(spot.x, spot.y) for spot in chart.lines[0].spots] == [(1, 500.0), (2, 510.0)]
    assert chart.lines[0].hue == "roi"
    assert chart.table.lines[1] == ["roi", "2", "510.0", "255.0"]
    assert found.lead == "roi peaks at 543 MB over the process's start."


def test_a_run_without_epochs_has_its_peak_only() -> None:
    found = section([made.memory()])
    assert (list(found.charts), "543 MB" in found.lead) == ([], True)
