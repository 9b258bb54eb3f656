from __future__ import annotations

import random

import numpy as np
import pytest

from fasttricks.bench.stats import (
    Measured,
    Round,
    quantile,
    ratios,
    summarise,
    throughput,
)


def at(rate: float, cpu_s: float = 0.0, gaps: int = 4) -> Round:
    return Round(images=100, seconds=100 / rate, gaps=[100 / rate / gaps] * gaps, cpu_s=cpu_s)


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_quantile_is_numpys(count: int) -> None:
    values = [random.Random(count + i).gauss(0, 1) for i in range(count)]
    for share in (0, 0.2, 0.5, 0.8, 0.99, 1):
        assert quantile(values, share) == pytest.approx(np.quantile(values, share))


def test_ratios_survive_drift() -> None:
    base = [1000, 600, 900]
    ours = [1200, 720, 500]  # a hiccup in the last round alone
    assert ratios(ours, base)["ratio"] == pytest.approx(1.2)
    assert quantile(ours, 0.5) / quantile(base, 0.5) == pytest.approx(0.8)


def test_the_spread_is_that_of_ratios_and_not_of_rates() -> None:
    base = [1000, 600, 900, 300, 100]
    ours = [rate * part for part, rate in enumerate(base, 1)]
    assert ratios(ours, base) == {"ratio": 3.0, "p20": 1.8, "p80": 4.2}


def test_rounds_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratios([1], [1, 2])


def test_throughput() -> None:
    found = throughput([100.0, 300.0, 200.0])
    assert found == {"images_per_s": 200, "p20": 140, "p80": 260, "rates": [100, 300, 200]}


def test_summary() -> None:
    base = Measured(first_batch_s=1, rounds=[at(50)] * 5)
    rounds = [at(rate, cpu_s=0.5) for rate in (100, 200, 300, 400, 500)]
    row = Measured(first_batch_s=2.5, rounds=rounds, peak_rss_mb=700, peak_pss_mb=300)
    row.peak_shared_mb = 20.04
    result = summarise(row, base, threads=4)
    assert result["images_per_s"] == 300
    assert (result["p20"], result["p80"]) == (180, 420)
    assert result["images_per_s_per_core"] == 75
    assert result["ratio"] == 6
    assert result["cpu_s_per_1000"] == 5
    assert result["latency_p50_ms"] == pytest.approx(1000 * 25 / 300, abs=0.001)
    assert result["latency_p99_ms"] == pytest.approx(250, abs=0.001)
    assert (result["peak_rss_mb"], result["peak_pss_mb"]) == (700, 300)
    assert result["peak_shared_mb"] == 20.0
    assert result["first_batch_s"] == 2.5
    assert result["rates"] == [100, 200, 300, 400, 500]
