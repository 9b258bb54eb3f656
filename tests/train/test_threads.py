"""Threads that compute: as many as pay, by a rule; what the environment says is respected."""

import pytest
import torch
from torch import nn

from fasttricks.models import create_model
from fasttricks.pipelines.options import Options
from fasttricks.train.distributed import World
from fasttricks.train.threads import GRAIN, use_threads, worthwhile

CPU = World(device=torch.device("cpu"), threads=3)


@pytest.fixture(autouse=True)
def threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def layer(macs):
    """A network of one layer with so many multiply-accumulates at one pixel."""
    return nn.Conv2d(3, macs // 3, 1)


def test_each_thread_has_a_grain_to_do():
    net, pictures = layer(3000), GRAIN // 3000
    counts = [worthwhile(net, 1, n, cpus=4) for n in (1, 2 * pictures - 2, 2 * pictures + 2)]
    assert counts == [1, 1, 2]
    assert worthwhile(net, 1, 100 * pictures, cpus=4) == 4  # never more than there are
    assert worthwhile(net, 4, pictures, cpus=64) == 15  # 16 pixels; the grain is no multiple


def test_small_networks_compute_with_one_thread_and_large_ones_with_all():
    small = create_model("resnet18d", num_classes=10, width=0.25)
    assert worthwhile(small, 96, 32, cpus=2) == 1
    large = create_model("resnet50", num_classes=10)
    assert worthwhile(large, 128, 8, cpus=2) == 2


def test_a_network_that_looks_at_values_gets_all():
    class Looking(nn.Module):
        def forward(self, images):
            return images if images.sum() > 0 else -images

    assert worthwhile(Looking(), 8, 8, cpus=3) == 3


def test_torch_is_told(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    options = Options(batch_size=3 * GRAIN // 1000, size=1, views=1, num_threads=2)
    torch.set_num_threads(1)
    assert use_threads(layer(3000), options, CPU) == "threads: 3 to compute, 2 to load"
    assert torch.get_num_threads() == 3


def test_what_the_environment_says_stays(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    torch.set_num_threads(2)
    options = Options(batch_size=1, size=1, num_threads=1)
    assert use_threads(layer(3000), options, CPU) == "threads: 2 to compute, 1 to load"
    assert torch.get_num_threads() == 2


def test_on_a_gpu_nothing_changes(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    torch.set_num_threads(2)
    world = World(device=torch.device("cuda", 0), threads=4)
    assert use_threads(layer(3000), Options(batch_size=1, num_threads=4), world) == (
        "threads: 4 to load"
    )
    assert torch.get_num_threads() == 2
