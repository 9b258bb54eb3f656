"""Batches by `resident.device`, its kernel interpreted on the CPU, beside those of the loader."""

import torch

from fasttricks import Augment, Samples, make_loader
from fasttricks.kernels.mix.kinds import CutMix
from fasttricks.pipelines.resident.device import DeviceSet
from tests.pictures import jpeg

samples = Samples([jpeg(24 + 9 * i, 60 - 7 * i, seed=i) for i in range(4)], [3, 1, 2, 0])
BICUBIC = {"augment": Augment(interpolation="bicubic"), "work": "decode"}
common = {"batch_size": 2, "size": 15, "num_threads": 1}
for options in ({"views": 2}, {"work": "decode"}, {"mix": CutMix(1.0), "mix_group": 2}, BICUBIC):
    with make_loader("resident", samples, **common, **options) as loader:
        device = DeviceSet(loader._decoded, torch.device("cpu"))
        job = loader._job(0, loader._slices(0, 0))
        for step, (want, _) in enumerate(loader):
            shown = loader._lookup(job.batches[step], 0)
            got = device.make(job, job.mixing(step), shown, loader.options)
            assert got.dtype == want.dtype
            assert got.shape == want.shape
            assert got.is_contiguous(memory_format=torch.channels_last)
            # One level, where the CPU's rounded weights gave another; less than 0.1 when finished.
            difference = (got.float() - want.float()).abs()
            assert difference.max() <= (1 if want.dtype == torch.uint8 else 0.1)
            assert difference.mean() <= (0.05 if want.dtype == torch.uint8 else 0.005)
    print("same")
