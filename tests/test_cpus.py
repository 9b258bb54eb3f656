import os

import pytest

from fasttricks import cgroup, cpus


@pytest.fixture
def twelve(monkeypatch, tmp_path):
    """A machine of twelve CPUs, and where its cgroups are; this process is in /job/step."""
    (tmp_path / "self").mkdir()
    (tmp_path / "self/cgroup").write_text("5:cpu,cpuacct:/job/step\n0::/job/step\n")
    (tmp_path / "job/step").mkdir(parents=True)
    (tmp_path / "cpu/job/step").mkdir(parents=True)
    monkeypatch.setattr(cgroup, "PROC", tmp_path)
    monkeypatch.setattr(cgroup, "ROOT", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)), raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    return tmp_path


@pytest.mark.parametrize("group", ["", "job", "job/step"])
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "max 100000"}, 12),
        ({"cpu.max": "250000 100000"}, 2),
        ({"cpu.max": "5000 100000"}, 1),
        ({"cpu.max": "nonsense"}, 12),
        ({"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, 12),
        ({"cpu.cfs_quota_us": "400000", "cpu.cfs_period_us": "100000"}, 4),
        ({}, 12),
    ],
)
def test_every_cgroup_around_us_counts(twelve, files, expected, group):
    home = twelve / "cpu" if "cpu.cfs_quota_us" in files else twelve
    for name, text in files.items():
        (home / group / name).write_text(text + "\n")
    assert cpus.available_cpus() == expected


def test_ranks_of_a_node_share_its_cpus(twelve, monkeypatch):
    assert cpus.available_cpus() == 12
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert cpus.available_cpus() == 1
    (twelve / "cpu.max").write_text("400000 100000")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert cpus.available_cpus() == 2


@pytest.mark.parametrize("ranks", ["0", "two", ""])
def test_a_wrong_number_of_ranks_is_told(twelve, monkeypatch, ranks):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", ranks)
    with pytest.raises(ValueError, match="LOCAL_WORLD_SIZE must be an integer >= 1"):
        cpus.available_cpus()


@pytest.fixture
def affinity(monkeypatch, tmp_path):
    """Of this process, pretended: the last item."""
    went = [set(range(8))]
    monkeypatch.setattr(cgroup, "PROC", tmp_path)
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


def test_how_many_threads_a_user_asks_for(monkeypatch):
    monkeypatch.setattr(cpus, "available_cpus", lambda: 7)
    assert [cpus.threads_for(workers) for workers in (None, 1, 30)] == [7, 1, 30]
    for workers in (0, -2):
        with pytest.raises(ValueError, match=f"workers must be at least 1; got {workers}"):
            cpus.threads_for(workers)
