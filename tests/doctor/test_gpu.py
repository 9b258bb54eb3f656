import pytest

from fasttricks.doctor import gpu

SMI = [
    ["NVIDIA A100-SXM4-80GB", "81920", "8.0", "535.104.05"],
    ["Tesla T4", "15360", "7.5", "535.104.05"],
]


@pytest.mark.parametrize(
    ("name", "capability", "has"),
    [
        ("NVIDIA H200", (9, 0), True),
        ("NVIDIA A100-SXM4-40GB", (8, 0), True),
        ("NVIDIA B200", (10, 0), True),
        ("NVIDIA H100 PCIe", None, True),
        ("NVIDIA L4", (8, 9), True),
        ("NVIDIA L40S", (8, 9), None),
        ("NVIDIA A10", (8, 6), False),
        ("Tesla V100-SXM2-32GB", (7, 0), False),
        ("NVIDIA GeForce RTX 5090", (12, 0), None),
        ("something", None, None),
    ],
)
def test_jpeg_engines_by_name_and_capability(name, capability, has):
    assert gpu.jpeg_engine(name, capability) is has


def test_nvidia_smi_is_understood():
    (a100, t4), driver = gpu.listed_gpus(SMI)
    assert driver == "535.104.05"
    assert (a100.memory_bytes, a100.capability, a100.jpeg_engine) == (80 << 30, (8, 0), True)
    assert (t4.name, t4.jpeg_engine) == ("Tesla T4", False)
    odd, _ = gpu.listed_gpus([["GH200", "[N/A]", "[N/A]", "570.1"]])
    assert [(one.memory_bytes, one.capability, one.jpeg_engine) for one in odd] == [(0, None, True)]
    assert gpu.listed_gpus([]) == ((), "")


def test_versions():
    assert gpu.version("12.8") == (12, 8)
    assert gpu.version(None) is gpu.version("none") is None
    assert gpu.dali_build(["numpy", "nvidia-dali-cuda130"]) == (13, 0)
    assert gpu.dali_build(["nvidia_dali_cuda120"]) == (12, 0)
    assert gpu.dali_build(["nvidia-dali"]) is None


def test_a_machine_without_driver_or_nvidia_smi(monkeypatch):
    monkeypatch.setattr(gpu, "nvidia_smi", lambda *fields: [])
    monkeypatch.setattr(gpu, "_torch", lambda: ((), None))
    monkeypatch.setattr(gpu.ctypes, "CDLL", lambda name: (_ for _ in ()).throw(OSError(name)))
    found = gpu.look_at_cuda()
    assert (found.gpus, found.driver, found.driver_cuda) == ((), "", None)
    assert not found.torch_sees_gpu


def test_gpus_that_torch_does_not_see_are_still_listed(monkeypatch):
    monkeypatch.setattr(gpu, "nvidia_smi", lambda *fields: SMI)
    monkeypatch.setattr(gpu, "_torch", lambda: ((), (13, 0)))
    found = gpu.look_at_cuda()
    assert (len(found.gpus), found.torch_cuda, found.torch_sees_gpu) == (2, (13, 0), False)


@pytest.mark.gpu
def test_a_real_gpu():
    found = gpu.look_at_cuda()
    assert found.torch_sees_gpu
    assert found.driver_cuda[0] >= found.torch_cuda[0]
    assert all(one.memory_bytes > 0 and one.capability for one in found.gpus)
