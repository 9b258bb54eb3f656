import os

import pytest

from fasttricks import cgroup, memory


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A /proc with 1000 MiB available, and a /sys/fs/cgroup without limits."""
    write(tmp_path / "proc", meminfo="MemTotal: 4096000 kB\nMemAvailable:   1024000 kB\n")
    write(tmp_path / "proc/self", cgroup="0::/job/step\n")
    (tmp_path / "cgroup").mkdir()
    monkeypatch.setattr(cgroup, "PROC", tmp_path / "proc")
    monkeypatch.setattr(cgroup, "ROOT", tmp_path / "cgroup")
    return tmp_path


def test_the_machines_memory(machine):
    assert memory.available_memory() == 1024000 << 10


def test_really():
    assert 0 < memory.available_memory() < 1 << 50


def test_without_proc_it_is_all_there_is(machine):
    (machine / "proc/meminfo").unlink()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory.available_memory() == pages


@pytest.mark.parametrize("folder", ["cgroup", "cgroup/job", "cgroup/job/step"])
def test_every_cgroup_around_us_counts(machine, folder):
    """What its page cache takes can be had back."""
    facts = {"memory__max": "5000\n", "memory__current": "4500\n"}
    write(machine / folder, **facts, memory__stat="anon 4000\ninactive_file 300\n")
    assert memory.available_memory() == 5000 - 4500 + 300


def test_cgroups_beside_us_do_not_count(machine):
    facts = {"memory__max": "5000", "memory__current": "4500", "memory__stat": "inactive_file 0"}
    write(machine / "cgroup/other", **facts)
    assert memory.available_memory() == 1024000 << 10


def test_a_cgroup_without_a_limit(machine):
    facts = {"memory__max": "max", "memory__current": "4500", "memory__stat": "inactive_file 0"}
    write(machine / "cgroup/job", **facts)
    assert memory.available_memory() == 1024000 << 10


def test_a_limit_that_is_passed_leaves_nothing(machine):
    facts = {"memory__max": "5000", "memory__current": "6000", "memory__stat": "inactive_file 1"}
    write(machine / "cgroup/job", **facts)
    assert memory.available_memory() == 0


def test_the_first_version_of_cgroups(machine):
    write(machine / "proc/self", cgroup="5:cpu,cpuacct:/a\n4:memory:/job\n")
    facts = {"memory__limit_in_bytes": "7000", "memory__usage_in_bytes": "6500"}
    write(machine / "cgroup/memory/job", **facts, memory__stat="total_inactive_file 20")
    assert memory.available_memory() == 520


def test_the_first_version_without_a_limit(machine):
    write(machine / "proc/self", cgroup="4:memory:/\n")
    facts = {"memory__limit_in_bytes": "9223372036854771712", "memory__usage_in_bytes": "6500"}
    write(machine / "cgroup/memory", **facts, memory__stat="total_inactive_file 20")
    assert memory.available_memory() == 1024000 << 10
