"""The last steps of a batch, as back ends call them; pixels are the business of the kernels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fasttricks.kernels.augment import Augment
from fasttricks.pipelines.finishing import Planned, finish_rows
from fasttricks.pipelines.job import Job
from fasttricks.pipelines.recycle import Recycler


@pytest.mark.parametrize("recycled", [True, False])
def test_torchs_default_device_is_not_asked(recycled: bool) -> None:
    """What `torch.set_default_device` says is for the tensors of a trainer."""
    job = Job(seed=0, epoch=0, params=Augment().params(size=8, train=True), batches=[])
    pixels = torch.randint(0, 256, (3, 8, 8, 3), dtype=torch.uint8)
    planned = Planned(np.random.default_rng(0).normal(size=(3, 3, 4)).astype(np.float32))
    expected = finish_rows(job, None, pixels, planned, torch.float32)
    with torch.device("meta"):
        empty = Recycler(2).empty if recycled else None
        found = finish_rows(job, None, pixels, planned, torch.float32, empty=empty)
    assert found.device.type == "cpu"
    assert torch.equal(found, expected)
