from __future__ import annotations

from typing import Any

import pytest

from fasttricks.bench.scripts.show import cells, equal, notes


def row(name: str, **changes: Any) -> dict[str, Any]:
    shown = {
        "row": name, "images_per_s": 12.34, "p20": 11.0, "p80": 13.0, "cpu_s_per_1000": 150.0,
        "whole_s": 33.3, "to": {}, "rounds": 7, "differs": ["this", "that"], "model": "resnet50b",
        "classes": 10, "size": 128, "batch_size": 8, "precision": "float32", "compile": False,
        "device": "cpu", "optim": "nesterov momentum 0.9", "threads": 2, "torch_threads": 2,
        "omp_wait_policy": "PASSIVE", "steps": 26, "timed": 16, "data": "generated",
        "scripts": {"timm": {"file": "/t.py", "version": "1.0", "commit": "", "sha256": "ab" * 32}},
    }  # fmt: skip
    return shown | changes


def against(ratio: float, p20: float, p80: float) -> dict[str, Any]:
    speed = {"ratio": ratio, "p20": p20, "p80": p80}
    return {"timm": {"speed": speed, "whole": {"ratio": 2.0}, "cpu": {"ratio": 1.25}}}


@pytest.mark.parametrize(
    ("spread", "word"),
    [
        ((1.05, 1.01, 1.1), "faster than timm: 1.050 of its images/s (p20 1.010, p80 1.100)"),
        ((0.98, 0.9, 1.0), "as fast as timm: 0.980"),
        ((0.9, 0.85, 0.99), "slower than timm: 0.900"),
    ],
)
def test_the_verdict_asks_whether_the_spread_reaches_one(
    spread: tuple[float, float, float], word: str
) -> None:
    lines = notes([row("fasttricks roi", to=against(*spread)), row("timm")])
    found = next(line for line in lines if line.startswith("fasttricks roi: "))
    assert word in found
    assert "CPU time 0.800 of its" in found
    assert "whole run 0.500 of its seconds" in found


def test_what_was_equal_and_what_not() -> None:
    rows = [row("fasttricks roi", to=against(1, 1, 1)), row("timm")]
    assert "resnet50b of 10 classes, 128 px, batch 8, float32" in equal(rows[0])
    assert "26 steps, of which 16 are timed" in equal(rows[0])
    lines = notes(rows)
    assert "timm also: this; that" in lines
    assert f"timm: /t.py, version 1.0, sha256 {'ab' * 6}" in lines


def test_cells_have_a_pair_for_each_script() -> None:
    ours = cells(row("fasttricks roi", to=against(1.05, 1.0, 1.1)), ["timm"])
    assert ours == ["fasttricks roi", "12.3", "11-13", "1.050", "1.000-1.100", "150", "33.3"]
    assert cells(row("timm"), ["timm"])[3:5] == ["-", "-"]
