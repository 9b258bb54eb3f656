import json

import numpy as np
import pytest
import torch

from fasttricks.bench import kernels_cpu


@pytest.fixture(autouse=True)
def same_threads_afterwards():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_one_object_per_row_with_what_it_ran_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(kernels_cpu, "BOXES", ((40, 50),))
    monkeypatch.setattr(kernels_cpu, "DTYPES", (torch.bfloat16,))
    monkeypatch.setattr(kernels_cpu, "SIZE", 32)
    path = tmp_path / "rows.json"
    kernels_cpu.main(kernels_cpu.Config(json=path, rounds=3, round_ms=0.1))
    rows = [json.loads(row) for row in path.read_text().splitlines()]
    assert [row["peer"] for row in rows] == ["PIL", "eager torch"]
    table = capsys.readouterr().out
    for row in rows:
        assert row["row"] in table
        assert 0 < row["ours_us"]["p20"] <= row["ours_us"]["median"] <= row["ours_us"]["p80"]
        assert row["ratio"] > 0
        assert {"cpu", "cores"} <= set(row["machine"])
        assert {"PIL", "torch", "numba"} <= set(row["versions"])


def test_ratio_is_the_median_of_pairs(monkeypatch):
    """A slow spell that hits both sides of a round leaves the ratio as it is."""
    seconds = iter([1, 1, 1, 1, 0.2, 0.4, 2.0, 4.0, 0.2, 0.4])
    monkeypatch.setattr(kernels_cpu, "seconds_per_call", lambda call, calls: next(seconds))
    row = kernels_cpu.Row(name="a", images=2, megabytes=4, ours=int, theirs=int, peer="b")
    result = kernels_cpu.measure(row, kernels_cpu.Config(rounds=3))
    assert result["ratio"] == 0.5
    assert result["ours_us"]["median"] == 100_000
    assert result["gb_per_s"] == pytest.approx(4e6 / 0.2 / 1e9, abs=0.01)


def test_a_kernel_that_disagrees_is_not_timed(monkeypatch):
    def upside_down(src, *args):
        args[-2][:] = 255 - src[:1, :1]

    monkeypatch.setattr(kernels_cpu, "resize", upside_down)
    with pytest.raises(RuntimeError, match="resize and PIL disagree"):
        kernels_cpu.resize_row(40, 50)
    monkeypatch.setattr(
        kernels_cpu, "finish", lambda pixels, matrix, flip, dtype, out: torch.zeros_like(out)
    )
    with pytest.raises(RuntimeError, match="finish and the eager chain disagree"):
        kernels_cpu.finish_row(torch.float32)


def test_copy_bandwidth_is_finite():
    assert np.isfinite(kernels_cpu.copy_bandwidth())
