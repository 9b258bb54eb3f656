import os

from fasttricks.cpus import available_cpus
from fasttricks.doctor.machine import look_at_machine, room
from fasttricks.pipelines.registry import REGISTRY


def test_this_machine():
    found = look_at_machine()
    assert found.usable_cores == available_cpus() <= found.cores == os.cpu_count()
    assert 0 <= found.shared_bytes <= found.free_bytes
    assert set(found.pipelines) == set(REGISTRY)
    assert found.versions["PIL"].startswith("pillow-simd") is found.simd
    assert found.threads * found.processes <= max(found.usable_cores, found.processes)


def test_room(tmp_path):
    assert room(tmp_path) > 0
    assert room(tmp_path / "nothing") == 0
