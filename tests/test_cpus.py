import os

import pytest

from fasttricks import cpus


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "max 100000"}, None),
        ({"cpu.max": "250000 100000"}, 2.5),
        ({"cpu.max": "5000 100000"}, 1.0),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4.0),
        ({}, None),
    ],
)
def test_cgroup_quota(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert cpus._cgroup_quota(tmp_path) == expected


def test_ranks_of_a_node_share_its_cpus(monkeypatch, tmp_path):
    monkeypatch.setattr(cpus, "_CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)), raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert cpus.available_cpus() == 12
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert cpus.available_cpus() == 1
    (tmp_path / "cpu.max").write_text("400000 100000")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert cpus.available_cpus() == 2
