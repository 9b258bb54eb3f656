from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fasttricks.errors import DataError, FasttricksError
from fasttricks.pipelines.resident import device as resident_device
from fasttricks.pipelines.resident.device import DeviceSet
from fasttricks.pipelines.resident.pictures import ENTRY
from tests.kernels.interpreted import interpret
from tests.pipelines.agreement import collect

CPU = torch.device("cpu")


def test_batches_are_the_loaders():
    printed = interpret("tests.pipelines.device_set_on_cpu")
    assert printed.split() == ["same"] * 4


def test_a_set_that_does_not_fit_says_what_it_needs(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (5_000_000_000, 9_000_000_000))
    limit = DeviceSet.limit(torch.device("cuda:1"))
    limit(4_999_999_999)
    with pytest.raises(DataError, match=r"need 6\.500 GB and cuda:1 has 5\.000 GB free.*max-size"):
        limit(6_500_000_000)


def test_pictures_beyond_32_bits_are_refused():
    entries = np.zeros(2, ENTRY)
    entries["height"][1], entries["width"][1] = 40_000, 20_000
    decoded = SimpleNamespace(entries=entries, bytes=np.zeros(0, np.uint8), size=0)
    with pytest.raises(DataError, match="2 GiB"):
        DeviceSet(decoded, CPU)


def test_triton_is_needed(monkeypatch):
    monkeypatch.setattr(resident_device, "find_spec", lambda _: None)
    with pytest.raises(FasttricksError, match="pip install triton"):
        DeviceSet(SimpleNamespace(), CPU)


@pytest.mark.gpu
def test_host_memory_is_given_back(pictures, open_loader, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTTRICKS_SHM", str(tmp_path))
    with open_loader("resident", pictures, device="cuda") as loader:
        assert list(tmp_path.iterdir()) == []
        assert len(collect(loader)) == len(loader)
