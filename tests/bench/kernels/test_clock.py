from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from fasttricks.bench.kernels import clock
from fasttricks.bench.kernels.clock import CpuClock, CudaClock, largest_cache, one_torch_thread


def test_seconds_are_those_of_one_call() -> None:
    slow, fast = CpuClock().turn(
        [(lambda calls: time.sleep(0.004 * calls), 5), (lambda calls: None, 1)]
    )
    assert slow >= 0.004
    assert 0 <= fast < slow


def test_short_calls_are_timed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    times = iter([0.0, 2 * 0.5e-4])
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(times))
    assert CpuClock().calls(made.append) == 20
    assert made == [1, 2]  # once so that it is compiled, twice to see how long it takes
    times = iter([0.0, 2 * 0.3])
    assert CpuClock().calls(made.append) == 1


def test_the_largest_cache_counts(tmp_path: Path) -> None:
    for number, size in enumerate(("48K", "1024K", "32M")):
        (tmp_path / f"index{number}").mkdir()
        (tmp_path / f"index{number}" / "size").write_text(size + "\n")
    assert largest_cache(str(tmp_path)) == 32 << 20
    assert largest_cache(str(tmp_path / "none")) == 64 << 20
    (tmp_path / "index0" / "size").write_text("a lot")
    assert largest_cache(str(tmp_path)) == 64 << 20


def test_torch_gets_its_threads_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with one_torch_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.gpu
def test_events_time_the_device() -> None:
    cuda = CudaClock()
    data = torch.ones(1 << 28, device="cuda")
    jobs = [(lambda calls: data.add_(1), 1), (lambda calls: data[:1].add_(1), 1)]
    assert cuda.calls(jobs[0][0]) == 1
    large, small = cuda.turn(jobs)
    assert large > 2 * small > 0
    assert large > 2 * data.numel() * 4 / 30e12  # no device moves 30 TB/s
