"""From rounds to one row of results."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


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


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of them lies, interpolated between neighbours."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def paired_ratio(rounds: Sequence[Round], base: Sequence[Round]) -> float:
    """Median over rounds of this row's rate to the base's in the same round.

    A machine that slows down for a while slows both, so this is steadier than a ratio of medians.
    """
    return statistics.median(_ratios(rounds, base))


def spread_ratio(rounds: Sequence[Round], base: Sequence[Round]) -> dict[str, float]:
    """`paired_ratio` as "ratio", and "p20" and "p80" of the ratios over rounds."""
    ratios = _ratios(rounds, base)
    shares = {"ratio": 0.5, "p20": 0.2, "p80": 0.8}
    return {name: round(quantile(ratios, share), 4) for name, share in shares.items()}


def _ratios(rounds: Sequence[Round], base: Sequence[Round]) -> list[float]:
    return [ours.rate / theirs.rate for ours, theirs in zip(rounds, base, strict=True)]


def summarise(measured: Measured, base: Measured, threads: int) -> dict[str, Any]:
    """The numbers of a row, as they stand in the JSON.

    images_per_s (median over rounds), p20 and p80 of it, images_per_s_per_core (by `threads`),
    latency_p50_ms and latency_p99_ms (time from batch to batch, all rounds together),
    cpu_s_per_1000 (CPU seconds of all the row's processes per 1000 images), peak_rss_mb,
    peak_pss_mb, peak_shared_mb, first_batch_s (from starting the process), ratio (`paired_ratio` to
    the base row).
    """
    rates = [r.rate for r in measured.rounds]
    gaps = [gap for r in measured.rounds for gap in r.gaps]
    images = sum(r.images for r in measured.rounds)
    middle = statistics.median(rates)
    return {
        "images_per_s": round(middle, 2),
        "p20": round(quantile(rates, 0.2), 2),
        "p80": round(quantile(rates, 0.8), 2),
        "images_per_s_per_core": round(middle / threads, 2),
        "ratio": round(paired_ratio(measured.rounds, base.rounds), 4),
        "latency_p50_ms": round(1000 * quantile(gaps, 0.5), 3),
        "latency_p99_ms": round(1000 * quantile(gaps, 0.99), 3),
        "cpu_s_per_1000": round(1000 * sum(r.cpu_s for r in measured.rounds) / images, 4),
        "peak_rss_mb": round(measured.peak_rss_mb, 1),
        "peak_pss_mb": round(measured.peak_pss_mb, 1),
        "peak_shared_mb": round(measured.peak_shared_mb, 1),
        "first_batch_s": round(measured.first_batch_s, 3),
        "rates": [round(rate, 2) for rate in rates],
    }
