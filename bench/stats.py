"""From rounds to one row of results."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

FEWEST_ROUNDS = 7
"""Pairs from which a spread of ratios says something."""


@dataclass(kw_only=True)
class Round:
    """One row's timing in one round."""

    images: int
    seconds: float
    gaps: list[float]
    """Seconds between one batch and the next."""
    cpu_s: float
    begin: float = 0.0
    """The monotonic clock when the timed part began."""

    @property
    def rate(self) -> float:
        """Images per second."""
        return self.images / self.seconds


@dataclass(kw_only=True)
class Measured:
    """All that was seen of one row."""

    first_batch_s: float
    rounds: list[Round] = field(default_factory=list)
    peak_rss_mb: float = 0.0
    peak_pss_mb: float = 0.0
    peak_shared_mb: float = 0.0

    @property
    def rates(self) -> list[float]:
        """Images per second, for every round."""
        return [timed.rate for timed in self.rounds]


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of them lies, interpolated between neighbours."""
    return float(np.quantile(values, share))


def spread(values: Sequence[float], name: str, digits: int = 4) -> dict[str, float]:
    """The median under this name, and "p20" and "p80"."""
    shares = {name: 0.5, "p20": 0.2, "p80": 0.8}
    return {key: round(quantile(values, share), digits) for key, share in shares.items()}


def ratios(above: Sequence[float], below: Sequence[float]) -> dict[str, float]:
    """Of two values in the same round: "ratio", their median, "p20" and "p80".

    A machine that slows down for a while slows both, so this is steadier than a ratio of medians.
    """
    return spread([a / b for a, b in zip(above, below, strict=True)], "ratio")


def throughput(rates: Sequence[float]) -> dict[str, Any]:
    """Pictures per second over rounds: images_per_s (median), p20, p80, and the rates."""
    return spread(rates, "images_per_s", 3) | {"rates": [round(rate, 3) for rate in rates]}


def figures(value: float) -> float:
    """Four of them: what is slow is not 0."""
    return float(f"{value:.4g}")


def summarise(measured: Measured, base: Measured, threads: int) -> dict[str, Any]:
    """The numbers of a row, as they stand in the JSON.

    `throughput`, images_per_s_per_core (by `threads`), ratio (median over rounds of its rate to the
    base row's), latency_p50_ms and latency_p99_ms (time from batch to batch, all rounds together),
    cpu_s_per_1000 (CPU seconds of all the row's processes per 1000 images), peak_rss_mb,
    peak_pss_mb, peak_shared_mb, first_batch_s (from starting the process).
    """
    gaps = [gap for r in measured.rounds for gap in r.gaps]
    images = sum(r.images for r in measured.rounds)
    return {
        **throughput(measured.rates),
        "images_per_s_per_core": round(statistics.median(measured.rates) / threads, 2),
        "ratio": ratios(measured.rates, base.rates)["ratio"],
        "latency_p50_ms": round(1000 * quantile(gaps, 0.5), 3),
        "latency_p99_ms": round(1000 * quantile(gaps, 0.99), 3),
        "cpu_s_per_1000": round(1000 * sum(r.cpu_s for r in measured.rounds) / images, 4),
        "peak_rss_mb": round(measured.peak_rss_mb, 1),
        "peak_pss_mb": round(measured.peak_pss_mb, 1),
        "peak_shared_mb": round(measured.peak_shared_mb, 1),
        "first_batch_s": round(measured.first_batch_s, 3),
    }
