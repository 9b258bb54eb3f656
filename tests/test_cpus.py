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


@pytest.fixture
def affinity(monkeypatch, tmp_path):
    """Of this process, pretended: the last item."""
    went = [set(range(8))]
    monkeypatch.setattr(cpus, "_CGROUP", tmp_path)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: went[-1], raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, to: went.append(to), raising=False)
    return went


def test_cpus_are_kept_and_given_back(affinity):
    with cpus.kept_to({6, 7, 8, 9}, ranks=1) as threads:
        assert affinity[-1] == {6, 7}
        assert threads == cpus.available_cpus() == 2
    assert affinity[-1] == set(range(8))
    assert cpus.available_cpus() == 4


def test_what_is_divided_is_not_divided_again(affinity):
    with cpus.kept_to({0, 1, 2, 3}, ranks=1) as threads, cpus.kept_to({0, 1, 2, 3}, ranks=1) as own:
        assert threads == own == cpus.available_cpus() == 4  # not half of the four that are left


def test_never_more_than_an_even_share(affinity):
    with cpus.kept_to(set(range(6)), ranks=1) as threads:
        assert threads == 4
    with cpus.kept_to({0, 1}, ranks=4) as threads:
        assert threads == 1


def test_cpus_of_others_change_nothing(affinity):
    with cpus.kept_to({8, 9}, ranks=1) as threads:
        assert threads == 4
    assert affinity == [set(range(8))]


def test_an_error_gives_the_cpus_back(affinity):
    with pytest.raises(KeyError), cpus.kept_to({1}, ranks=1):
        raise KeyError
    assert affinity[-1] == set(range(8))
    assert cpus.available_cpus() == 4
