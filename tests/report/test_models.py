from fasttricks.report.chart import Bars
from fasttricks.report.models import section
from tests.report import made


def test_networks_by_what_is_measured() -> None:
    theirs = made.model("timm", differs="another stem", images_per_s=80.0)
    found = section([made.model(), theirs])
    (chart,) = found.charts
    assert isinstance(chart, Bars)
    assert [(bar.label, bar.hue) for bar in chart.bars] == [
        ("fasttricks resnet50", "ours"),
        ("timm resnet50 ~", "others"),
    ]
    assert chart.bars[0].group == "training eager"
    assert chart.table.lines[1][4] == "1.250 (1.200-1.300)"
    assert found.lead == "Our network's rate: training eager 1.25 times timm."
    assert any("another stem" in note for note in found.notes)
