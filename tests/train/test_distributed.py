"""A process's place in the run, its CPUs and what it shares."""

import contextlib
import os

import pytest
import torch

from fasttricks.cpus import available_cpus
from fasttricks.train import distributed
from fasttricks.train.distributed import cpus_of, join, memory_node


def test_alone(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    with join("cpu") as world:
        assert (world.rank, world.size, world.first) == (0, 1, True)
        assert world.device == torch.device("cpu")
        assert 1 <= world.threads <= len(os.sched_getaffinity(0))
        values = torch.tensor([1.0, 2.0])
        assert torch.equal(world.sum(values), torch.tensor([1.0, 2.0]))
        world.average([values])
        assert world.gather("x") == ["x"]
    torch.set_num_threads(before)


def test_torchruns_thread_setting_is_torchs_not_the_loaders(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr("fasttricks.train.distributed.available_cpus", lambda: 6)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with join("cpu") as world:
        assert world.threads == 6
        assert torch.get_num_threads() == before
    monkeypatch.delenv("OMP_NUM_THREADS")
    with join("cpu"):
        assert torch.get_num_threads() == 6
        torch.set_num_threads(1)  # as a run's own rule does
        with join("cpu"):
            assert torch.get_num_threads() == 6
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_told():
    with (
        pytest.raises(ValueError, match=r"torch sees no CUDA device; use --device cpu$"),
        join("cuda"),
    ):
        pass


def test_memory_nodes_are_read_from_the_system(tmp_path):
    device = tmp_path / "bus/pci/devices/0000:3b:00.0"
    device.mkdir(parents=True)
    (device / "numa_node").write_text("1\n")
    node = tmp_path / "devices/system/node/node1"
    node.mkdir(parents=True)
    (node / "cpulist").write_text("4-6,12,14-15\n")
    assert memory_node("0000:3b:00.0", tmp_path) == 1
    assert memory_node("0000:ff:00.0", tmp_path) == -1
    assert cpus_of(1, tmp_path) == {4, 5, 6, 12, 14, 15}
    assert cpus_of(-1, tmp_path) == set()


@pytest.fixture
def four_gpus(monkeypatch, tmp_path):
    """At two memories of four CPUs each; the affinity is a list's last item."""
    affinity = [set(range(8))]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setattr("fasttricks.cgroup.PROC", tmp_path)  # no quota
    monkeypatch.setattr(distributed, "_bus", str)
    monkeypatch.setattr(distributed, "memory_node", lambda bus: int(bus) // 2)
    monkeypatch.setattr(
        distributed, "cpus_of", lambda node: {4 * node, 4 * node + 1, 4 * node + 2, 4 * node + 3}
    )
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: affinity[-1])
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cpus: affinity.append(cpus))
    return affinity


def test_processes_whose_gpus_share_a_memory_share_its_cpus(four_gpus, monkeypatch):
    """Two processes have four CPUs between them."""
    with distributed._near(torch.device("cuda", 3)) as threads:
        assert threads == 2
        assert four_gpus[-1] == {4, 5, 6, 7}
    assert four_gpus[-1] == set(range(8))
    # A system that does not say leaves everything as it is.
    monkeypatch.setattr(distributed, "cpus_of", lambda node: set())
    with distributed._near(torch.device("cuda", 3)) as threads:
        assert threads == 2
        assert four_gpus[-1] == set(range(8))


def test_runs_inside_of_a_ladder_have_the_cpus_that_the_ladder_has(four_gpus, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setattr(distributed, "_device", lambda name, local: torch.device("cuda", local))
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    benchmark = torch.backends.cudnn.benchmark
    with join("cuda") as ladder:
        for _ in range(2):
            with join("cuda") as run:
                assert run == ladder
                assert (run.threads, available_cpus()) == (2, 2)
                assert four_gpus[-1] == {4, 5, 6, 7}
        assert four_gpus[-1] == {4, 5, 6, 7}
    assert four_gpus[-1] == set(range(8))
    assert available_cpus() == 2
    torch.backends.cudnn.benchmark = benchmark


@pytest.mark.parametrize(
    ("backend", "fails", "left"),
    [("cpu:gloo,cuda:nccl", True, 0), ("cpu:gloo,cuda:nccl", False, 1), ("cpu:gloo", True, 1)],
)
def test_after_an_error_nobody_waits_in_nccl_for_the_others(monkeypatch, backend, fails, left):
    calls = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(distributed.dist, "init_process_group", lambda *_, **__: None)
    monkeypatch.setattr(distributed.dist, "get_backend_config", lambda: backend)
    monkeypatch.setattr(distributed.dist, "destroy_process_group", lambda: calls.append("left"))
    with contextlib.suppress(KeyError), join("cpu"):
        if fails:
            raise KeyError
    assert len(calls) == left
