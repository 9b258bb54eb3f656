from __future__ import annotations

import subprocess
import sys

from fasttricks.report import train
from fasttricks.report.chart import Bars
from tests.report import made


def test_step_loader_and_both_with_what_is_possible() -> None:
    found = train.section(made.trains())
    rates, reached = found.charts
    assert isinstance(rates, Bars)
    assert isinstance(reached, Bars)
    assert [(bar.label, bar.group) for bar in rates.bars] == [
        ("step, cached batch", "no loader"),
        ("loader", "roi"),
        ("training", "roi"),
    ]
    assert rates.mark == 100.0
    assert [(bar.label, bar.value, bar.text) for bar in reached.bars] == [("roi", 0.9, "90%")]
    assert "roi alone is 3 times as fast as the step" in found.lead
    assert "90% of what is possible" in found.lead
    assert "share the cores" in found.notes[0]


def test_without_a_loader_there_is_the_step() -> None:
    found = train.section(made.trains()[:1])
    assert (len(found.charts), found.lead) == (1, "")


def test_rows_are_called_as_the_bench_calls_them() -> None:
    code = (
        "from fasttricks.bench.train import measure as m\nprint([m.CACHED, m.LOADER, m.TRAINING])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([train.CACHED, train.LOADER, train.TRAINING])
