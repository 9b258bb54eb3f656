"""Machines and data sets that tests make up."""

from fasttricks import installed
from fasttricks.doctor.facts import Data, Disk, Facts, Gpu, Machine, Rate

GB = 10**9
ALL = dict.fromkeys(("torchvision", "roi", "resident", "dali", "ffcv"), "")
H100 = Gpu(name="NVIDIA H100 80GB HBM3", memory_bytes=80 * GB, capability=(9, 0), jpeg_engine=True)
V100 = Gpu(name="Tesla V100", memory_bytes=16 * GB, capability=(7, 0), jpeg_engine=False)
NO_TURBOJPEG = f"{installed.NO_TURBOJPEG}, or pip install 'x'"


def machine(cores=16, gpus=(), memory=64 * GB, **changes):
    """A machine on which everything is installed and torch sees the GPUs."""
    facts = {
        "cpu": "a processor",
        "cores": cores,
        "usable_cores": cores,
        "memory_bytes": memory,
        "free_bytes": memory,
        "shared_bytes": memory // 2,
        "gpus": tuple(gpus),
        "driver": "580.1" if gpus else "",
        "driver_cuda": (13, 0) if gpus else None,
        "torch_cuda": (13, 0),
        "dali_cuda": (13, 0),
        "torch_sees_gpu": bool(gpus),
        "versions": {"python": "3.12.0", "torch": "2.9.0", "PIL": "pillow-simd 12"},
        "simd": True,
        "pipelines": ALL,
    }
    return Machine(**(facts | changes))


def imagenet(**changes):
    """1.28 million files of 110 kB, on a fast local disk, all of them cuttable."""
    disk = Disk(file_system="ext4", cached=0.0, files=200, files_per_s=20e3, bytes_per_s=2.2 * GB)
    facts = {
        "name": "/data/imagenet",
        "kind": "folder",
        "pictures": 1_281_167,
        "classes": 1000,
        "validation": 50_000,
        "sampled": 250,
        "bytes_low": 20_000,
        "bytes_middle": 108_000,
        "bytes_high": 180_000,
        "bytes_mean": 110e3,
        "pixels_mean": 200e3,
        "side_middle": 375,
        "cuttable": 250,
        "disk": disk,
    }
    return Data(**(facts | changes))


def small(**changes):
    """10,000 pictures that fit anywhere."""
    return imagenet(pictures=10_000, classes=10, **changes)


def rates(threads=16, device="cpu", **found):
    return tuple(
        Rate(
            pipeline=name,
            images_per_s=float(rate),
            cpu_s_per_1000=1000 * threads / rate,
            threads=threads,
            device=device,
        )
        for name, rate in found.items()
    )


def facts(machine_=None, data=None, measured=(), **left_out):
    return Facts(machine=machine_ or machine(), data=data, rates=measured, left_out=left_out)
