from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fasttricks.bench.peers.stock_torchvision import transform


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("work", ["decode", "normalise", "full"])
def test_transform_ends_where_it_should(work: str, train: bool) -> None:
    settings: Any = {"size": 32, "work": work, "train": train}
    result = transform(settings)(Image.fromarray(np.full((60, 90, 3), 200, np.uint8)))
    assert result.shape == (3, 32, 32)
    assert result.dtype == (torch.uint8 if work == "decode" else torch.float32)


def test_evaluation_resizes_the_shorter_side_to_256_for_224() -> None:
    settings: Any = {"size": 224, "work": "decode", "train": False}
    chain = transform(settings)
    assert chain.transforms[0].size == 256
