from fasttricks.report.chart import Bars
from fasttricks.report.models import section
from fasttricks.report.schema import lacking
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


def test_another_network_of_ours_is_named_and_the_slowdown_told() -> None:
    paper = {"time": 0.03, "source": "P1", "what": "training"}
    shares = dict.fromkeys(("time", "p20", "p80", "bytes", "macs", "conv_outputs"), 0.1)
    ratio = {"ratio": 0.91, "p20": 0.9, "p80": 0.92}
    other = made.model(ours_to_it=ratio, slowdown={**shares, "paper": paper})
    assert lacking("models", other) == ""
    assert "slowdown" in lacking("models", made.model(slowdown={**shares, "paper": {}}))
    assert "slowdown" in lacking("models", made.model(slowdown={"paper": paper}))
    found = section([made.model(library_model="resnet50b"), other])
    assert found.lead == "Our network's rate: training eager 0.91 times resnet50."
    assert any("resnet50b beside resnet50: time +10.0%" in note for note in found.notes)
